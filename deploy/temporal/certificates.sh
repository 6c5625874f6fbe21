#!/bin/bash
# Makes two authorities and the certificates that temporal.yaml and roles.yaml beside this file name, for 90 days, in the working
# folder. The authorities' keys belong on no machine that runs a part of this: keep them apart, or use an authority that you have.
set -euo pipefail
umask 077
frontend=${1:?name of the frontend, as workers and people reach it: temporal.example}

for ca in clients internode; do
  [ -e $ca-ca.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=Fermata $ca" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign -keyout $ca-ca.key -out $ca-ca.pem
done

issue() { # authority, name, usage, subject alternative name
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=$2" -keyout "$2.key.new" -out "$2.csr"
  openssl x509 -req -in "$2.csr" -CA "$1-ca.pem" -CAkey "$1-ca.key" -days 90 -out "$2.pem.new" -extfile <(printf '%s\n' \
    basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature "extendedKeyUsage=$3" "subjectAltName=$4")
  mv "$2.key.new" "$2.key" && mv "$2.pem.new" "$2.pem" && rm "$2.csr"
}

issue clients server serverAuth "DNS:$frontend"
issue internode internode serverAuth,clientAuth DNS:internode.temporal.example
for who in workflows systems berlin-vsphere berlin-firewall people auditors ui admin; do
  issue clients $who clientAuth URI:spiffe://example/fermata/$who
done

#!/bin/bash
# Makes what docker-compose.yml needs and nobody else has: certificates, keys, a password, and .env with the account that the containers
# run as. What is there stays as it is. It is started by `make compose-init`, in the repository's folder.
set -euo pipefail
umask 077
fermata=${1:?path of the program fermata}
version=${2:-latest}
repository=$(pwd)

mkdir -p compose/tls compose/authorities compose/secrets compose/records
if [ ! -e compose/tls/server.pem ]; then
	(cd compose/tls && bash "$repository/deploy/temporal/certificates.sh" temporal 2> ../authorities/log)
	rm compose/tls/{systems,berlin-vsphere,berlin-firewall,auditors}.{pem,key}
	# They sign new certificates, and are needed for nothing else: keep them somewhere else.
	mv compose/tls/*-ca.key compose/authorities/
fi
[ -e compose/secrets/database-password ] || openssl rand -hex 24 > compose/secrets/database-password
[ -e compose/secrets/payload-key ] || "$fermata" keys new k1 --out compose/secrets/payload-key
for file in fermata.yaml people.yaml; do
	[ -e compose/$file ] || cp deploy/compose/$file compose/$file
done
[ -e compose/allowed_signers ] || echo "# One line for each person who may decide: NAME KEY, as ssh-keygen -Y verify reads it" > compose/allowed_signers

uid=$(id -u) gid=$(id -g)
if [ "$uid" = 0 ]; then # Containers of root's own would be root's.
	uid=65532 gid=65532
	chown -R $uid:$gid compose
	chown -R 0:0 compose/authorities
fi
chmod 0700 compose
printf 'FERMATA_UID=%s\nFERMATA_GID=%s\nFERMATA_VERSION=%s\n' "$uid" "$gid" "$version" > .env
echo "compose/ is complete. Add people to compose/allowed_signers, systems to compose/fermata.yaml; then docker-compose up -d"

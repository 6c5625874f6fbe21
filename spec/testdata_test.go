package spec_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// full is a document that uses every section. The tests of bad documents each spoil one place of it.
const full = `apiVersion: fermata/v1
kind: Server
metadata:
  name: web-01
  labels: {team: shop}
spec:
  compute:
    template: debian-12
    network: VM Network
    cpus: 2
    memory: 4GiB
    customization: cloud-init
    annotation: first
    tags: [tier/web]
  network:
    address: 10.20.0.11/24
    gateway: 10.20.0.1
    nameservers: [10.20.0.53]
    domain: estate.test
  access:
    user: deploy
    port: 22
    userData: |
      #cloud-config
      ssh_authorized_keys: [ssh-ed25519 AAAA]
  storage:
    - name: data
      size: 20GiB
      filesystem: ext4
      mount: /srv/data
      owner: hello:hello
      mode: "0755"
  os:
    timezone: Europe/Berlin
    packages: [curl, "jq=1.6-2.1"]
    users:
      - name: hello
        home: /srv/data
    files:
      - path: /etc/motd
        content: hello
      - path: /etc/hello/key
        secret: secret://file/key
    services:
      - name: ssh
        state: running
  application:
    package:
      name: hello-web
      version: 1.2.0
    config:
      - path: /etc/hello/hello.conf
        content: "listen {{ .Address }}"
    service: hello-web
    health: {port: 8080, path: /healthz}
  firewall:
    - name: lb-to-web
      from: [10.10.0.5/32]
      port: 8080
  loadBalancer:
    backend: web
    port: 8080
    verify: http://www.estate.test/
  ticket: {queue: Changes}
  run:
    onFailure: hold
    grace: 168h
  dns:
    zone: estate.test
    ttl: 10m
    reverseZone: 20.10.in-addr.arpa
`

// spoil replaces old in a document, where it must be once, and returns the document.
func spoil(t *testing.T, good, old, text string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(good, old), "%q", old)
	return strings.Replace(good, old, text, 1)
}

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/config"
)

const full = `apiVersion: fermata/v1
kind: Installation
metadata:
  name: berlin-lab
spec:
  temporal:
    profile: lab
    configFile: temporal.toml
    address: temporal.estate.test:7233
    namespace: fermata
    tls: {ca: tls/ca.pem, cert: tls/worker.pem, key: tls/worker.key, serverName: temporal}
  encryption:
    active: k2
    keys:
      - {id: k1, secret: secret://file/k1}
      - {id: k2, secret: secret://env/K2}
  decisions:
    allowedSigners: allowed_signers
    revoked: /etc/fermata/revoked
    # Who may have what done.
    policy: policy.yaml
    maxAge: 12h
  secrets:
    file: {folder: secrets}
    env: {prefix: FERMATA_SECRET_}
    age: {file: secrets.age, identity: age.key}
  records:
    folder: records
  systems:
    - name: vcenter
      type: vsphere
      site: berlin
      config:
        url: https://vcenter.estate.test/sdk
        user: fermata
        password: secret://file/vcenter
    - name: lb
      type: haproxy
`

// load writes text to a file and loads it. The error is without the folder's name.
func load(t *testing.T, text string) (*config.Installation, string, error) {
	t.Helper()
	folder := t.TempDir()
	path := filepath.Join(folder, "fermata.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	installation, err := config.Load(path)
	return installation, folder, err
}

func spoil(t *testing.T, old, text string) string {
	t.Helper()
	require.Equal(t, 1, strings.Count(full, old), "%q", old)
	return strings.Replace(full, old, text, 1)
}

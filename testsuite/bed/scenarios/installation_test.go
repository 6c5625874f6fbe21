package scenarios

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/encryption"
	"fermata/sandbox/certificates"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/canary"
	"fermata/testsuite/people"
)

// namespace is Temporal's.
const namespace = "fermata"

// description is the installation as its administrator writes it down.
const description = `apiVersion: fermata/v1
kind: Installation
metadata: {name: bed}
spec:
  temporal: {address: "{{ .Temporal }}", namespace: ` + namespace + `, tls: {ca: "{{ .TLS.Authority }}", cert: "{{ .TLS.Certificate }}", key: "{{ .TLS.Key }}"}}
  encryption: {active: bed-1, keys: [{id: bed-1, secret: "secret://file/payload-key"}]}
  decisions: {allowedSigners: allowed_signers}
  secrets: {file: {folder: secrets}}
  records: {folder: records}
  systems:
    - name: vcenter
      type: vsphere
      config:
        {url: "{{ .VCenter }}", username: ` + administrator + `, password: "secret://file/vcenter-password", caFile: "{{ .CAFile }}", wait: {address: 3m, shutdown: 10s}}
    - name: guests
      type: linux
      config: {key: "secret://file/worker-key", firstBoot: 20s, jump: {{ .Jump }} }
    - name: edge
      type: nftables
      config:
        ssh: {address: "{{ .Edge }}", user: ` + machine.User + `, key: "secret://file/worker-key", hostKeys: ["{{ .EdgeKey }}"], jump: {{ .Jump }} }
        sudo: true
    - name: balancer
      type: haproxy
      config:
        ssh: {address: "{{ .Balancer }}", user: ` + machine.User + `, key: "secret://file/worker-key", hostKeys: ["{{ .BalancerKey }}"], jump: {{ .Jump }} }
        socket: "{{ .Socket }}"
        sudo: true
        checkInterval: 500ms
    - name: tickets
      type: requesttracker
      config: {url: "{{ .Tickets }}", token: "secret://file/tickets-token", queue: Changes}
    - name: web
      type: http
      config: {jump: {{ .Jump }} }
`

// installation is a folder as a worker's machine has it: description, secrets, who may sign, records.
type installation struct {
	people.Pair
	folder       string
	config       string // For people.
	workerConfig string // The same with the certificate of a worker.
	certificates certificates.Files
	planted      map[string]string // Secrets to search for, by name.
}

// prepare makes the folder with its secrets, and returns the worker's public key.
func prepare(t *testing.T) (i *installation, key string) {
	t.Helper()
	i = &installation{folder: host.Folder(t), Pair: people.Pair{Patience: patience}}
	for _, name := range []string{"secrets", "records"} {
		require.NoError(t, os.Mkdir(i.path(name), 0o700))
	}
	key = i.plant(t)
	i.Invent(t, i.folder, "alice@example.net", "bob@example.net", machine.NewKey)
	return i, key
}

// plant makes the secrets that are searched for, and returns the worker's public key.
func (i *installation) plant(t *testing.T) (key string) {
	t.Helper()
	payload, err := encryption.GenerateKey("bed-1")
	require.NoError(t, err)
	private, key, err := machine.NewKey()
	require.NoError(t, err)
	parsed, err := ssh.ParseRawPrivateKey(private)
	require.NoError(t, err)
	i.planted = map[string]string{
		"vcenter-password": canary.Word("vcenter"), "web-01-session-key": canary.Secret("session"), "volume": canary.Secret("volume"),
		"payload-key": string(payload.Secret), "worker-key": string(parsed.(*ed25519.PrivateKey).Seed()),
	}
	for name, text := range i.planted {
		i.keep(t, name, text)
	}
	i.keep(t, "payload-key", payload.Encode())
	i.keep(t, "worker-key", string(private))
	return key
}

// describe writes the description of what runs.
func (i *installation) describe(t *testing.T, temporal string, e *estate) {
	t.Helper()
	token, err := e.tracker.Token("fermata")
	require.NoError(t, err)
	i.keep(t, "tickets-token", token)
	i.planted["tickets-token"] = token
	settings := map[string]any{
		"Temporal": temporal, "VCenter": "https://" + e.cable.Address() + "/sdk", "CAFile": e.vcenter.CAFile(),
		"Edge": e.edge.SSH(), "EdgeKey": e.edge.HostKey(), "Tickets": e.tracker.URL(),
		"Balancer": e.balancer.SSH(), "BalancerKey": e.balancer.HostKey(), "Socket": e.balancer.SocketAddress(edge.AdminPort),
		"Jump": fmt.Sprintf(`{address: %q, user: %s, hostKeys: [%q], key: "secret://file/worker-key"}`, e.login.Address(), machine.User, e.bastion.HostKey()),
	}
	i.config = i.write(t, "fermata.yaml", settings, i.certificates.Operator)
	i.workerConfig = i.write(t, "fermata-worker.yaml", settings, i.certificates.Worker)
}

func (i *installation) write(t *testing.T, name string, settings map[string]any, certificate certificates.Pair) string {
	t.Helper()
	settings["TLS"] = certificate
	var b bytes.Buffer
	require.NoError(t, template.Must(template.New("").Parse(description)).Execute(&b, settings))
	require.NoError(t, os.WriteFile(i.path(name), b.Bytes(), 0o600))
	return i.path(name)
}

func (i *installation) path(name string) string { return filepath.Join(i.folder, name) }

func (i *installation) keep(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(i.folder, "secrets", name), []byte(text), 0o600))
}

func (i *installation) secret(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(i.folder, "secrets", name))
	require.NoError(t, err)
	return string(data)
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Host
}

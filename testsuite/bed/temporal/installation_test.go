package temporal_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/client"
	"fermata/decision"
	"fermata/encryption"
	"fermata/sandbox/estate"
	"fermata/testsuite/bed/temporal"
)

// description is an installation on the cluster and the emulated estate.
const description = `apiVersion: fermata/v1
kind: Installation
metadata: {name: bed}
spec:
  temporal: {address: "{{ .Temporal }}", namespace: {{ .Namespace }}}
  encryption: {active: bed-1, keys: [{id: bed-1, secret: "secret://file/payload-key"}]}
  decisions: {allowedSigners: allowed_signers}
  secrets: {file: {folder: secrets}}
  records: {folder: records}
  systems:
    - name: vcenter
      type: vsphere
      config:
        {url: "{{ .Estate.VCenter.URL }}", username: {{ .VCenterUser }}, password: "secret://file/vcenter-password", caFile: "{{ .Estate.VCenter.CAFile }}", wait: {address: 2m, shutdown: 10s}}
    - name: guests
      type: linux
      config: {key: "secret://file/worker-key", jump: {{ .Jump }} }
    - name: edge
      type: nftables
      config:
        ssh: {address: "{{ .EdgeAddress }}:22", user: {{ .HostUser }}, key: "secret://file/worker-key", hostKeys: [{{ range .Estate.Edge.HostKeys }}"{{ . }}", {{ end }}], jump: {{ .Jump }} }
        sudo: true
    - name: balancer
      type: haproxy
      config:
        ssh: {address: "{{ .BalancerAddress }}:22", user: {{ .HostUser }}, key: "secret://file/worker-key", hostKeys: [{{ range .Estate.Balancer.HostKeys }}"{{ . }}", {{ end }}], jump: {{ .Jump }} }
        socket: "{{ .Socket }}"
        sudo: true
    - name: tickets
      type: requesttracker
      config: {url: "{{ .Estate.Tickets.URL }}", token: "secret://file/tickets-token", queue: {{ .Queue }} }
    - name: web
      type: http
      config: {jump: {{ .Jump }} }
`

// installation is a folder as a worker's machine has it: description, secrets, who may sign, records.
type installation struct {
	folder, config      string
	estate              *estate.Estate
	requester, approver client.Person
}

// install starts an estate and describes it.
func install(t *testing.T, address string) installation {
	t.Helper()
	i := installation{folder: t.TempDir()}
	for _, name := range []string{"secrets", "records"} {
		require.NoError(t, os.Mkdir(filepath.Join(i.folder, name), 0o700))
	}
	payload, err := encryption.GenerateKey("bed-1")
	require.NoError(t, err)
	private, public := keyPair(t)
	for name, text := range map[string]string{
		"payload-key": payload.Encode(), "worker-key": private, "vcenter-password": rand.Text(), "tickets-token": rand.Text(), "web-01-session-key": rand.Text(),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(i.folder, "secrets", name), []byte(text), 0o600))
	}
	var signers strings.Builder
	for name, person := range map[string]*client.Person{"requester@bed": &i.requester, "approver@bed": &i.approver} {
		key, public := keyPair(t)
		path := filepath.Join(i.folder, name)
		require.NoError(t, os.WriteFile(path, []byte(key), 0o600))
		signer, err := decision.SignerFromFile(path, nil)
		require.NoError(t, err)
		*person = client.Person{Name: name, Signer: signer}
		fmt.Fprintf(&signers, "%s namespaces=\"decision@fermata\" %s\n", name, public)
	}
	require.NoError(t, os.WriteFile(filepath.Join(i.folder, "allowed_signers"), []byte(signers.String()), 0o600))
	i.estate, err = estate.Start(t.Context(), estate.Options{
		Folder: filepath.Join(i.folder, "estate"), WorkerKey: public, VCenterPassword: i.secret(t, "vcenter-password"), TicketsToken: i.secret(t, "tickets-token"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.estate.Close()) })
	i.describe(t, address)
	return i
}

func (i *installation) describe(t *testing.T, address string) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, template.Must(template.New("").Parse(description)).Execute(&b, map[string]any{
		"Temporal": address, "Namespace": temporal.Namespace, "Estate": i.estate, "VCenterUser": estate.VCenterUser, "HostUser": estate.HostUser, "Queue": estate.Queue,
		"EdgeAddress": estate.EdgeAddress, "BalancerAddress": estate.BalancerAddress, "Socket": estate.BalancerSocket,
		"Jump": fmt.Sprintf(`{address: %q, user: worker, hostKeys: [%q], key: "secret://file/worker-key"}`, i.estate.Bastion.Addr(), i.estate.Bastion.HostKey()),
	}))
	i.config = filepath.Join(i.folder, "fermata.yaml")
	require.NoError(t, os.WriteFile(i.config, b.Bytes(), 0o600))
}

func (i *installation) secret(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(i.folder, "secrets", name))
	require.NoError(t, err)
	return string(data)
}

func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(key, "bed")
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(block)), strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

package temporal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/encryption"
	"fermata/sandbox/certificates"
	"fermata/sandbox/estate"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/temporal"
	"fermata/testsuite/canary"
	"fermata/testsuite/people"
)

// description is an installation on the cluster and the emulated estate.
const description = `apiVersion: fermata/v1
kind: Installation
metadata: {name: bed}
spec:
  temporal: {address: "{{ .Temporal }}", namespace: {{ .Namespace }}, tls: {ca: "{{ .TLS.Authority }}", cert: "{{ .TLS.Certificate }}", key: "{{ .TLS.Key }}", serverName: localhost}}
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
	people.Pair
	folder       string
	config       string            // For people.
	workerConfig string            // The same with the certificate of a worker.
	planted      map[string]string // Secrets to search for, by name.
	estate       *estate.Estate
}

// install starts an estate and describes it.
func install(t *testing.T, address string, files certificates.Files) installation {
	t.Helper()
	i := installation{folder: t.TempDir(), Pair: people.Pair{Patience: 3 * time.Minute}}
	for _, name := range []string{"secrets", "records"} {
		require.NoError(t, os.Mkdir(filepath.Join(i.folder, name), 0o700))
	}
	i.plant(t)
	private, public, err := machine.NewKey()
	require.NoError(t, err)
	i.keep(t, "worker-key", string(private))
	i.Invent(t, i.folder, "requester@bed", "approver@bed", machine.NewKey)
	i.estate, err = estate.Start(t.Context(), estate.Options{
		Folder: filepath.Join(i.folder, "estate"), WorkerKey: public, VCenterPassword: i.secret(t, "vcenter-password"), TicketsToken: i.secret(t, "tickets-token"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, i.estate.Close()) })
	i.config = i.describe(t, "fermata.yaml", address, files.Operator)
	i.workerConfig = i.describe(t, "fermata-worker.yaml", address, files.Worker)
	return i
}

// plant makes the secrets that are searched for.
func (i *installation) plant(t *testing.T) {
	t.Helper()
	payload, err := encryption.GenerateKey("bed-1")
	require.NoError(t, err)
	i.planted = map[string]string{
		"vcenter-password": canary.Word("vcenter"), "tickets-token": canary.Word("tickets"), "web-01-session-key": canary.Secret("session"),
		"refused": canary.Secret("refused"), "payload-key": string(payload.Secret),
	}
	for name, text := range i.planted {
		i.keep(t, name, text)
	}
	i.keep(t, "payload-key", payload.Encode())
	i.keep(t, "refused", "greeting = hello\n"+i.planted["refused"]+"\n") // The application's configuration, which it does not understand.
}

func (i *installation) keep(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(i.folder, "secrets", name), []byte(text), 0o600))
}

func (i *installation) describe(t *testing.T, name, address string, certificate certificates.Pair) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, template.Must(template.New("").Parse(description)).Execute(&b, map[string]any{
		"Temporal": address, "TLS": certificate, "Namespace": temporal.Namespace, "Estate": i.estate, "VCenterUser": estate.VCenterUser, "HostUser": estate.HostUser, "Queue": estate.Queue,
		"EdgeAddress": estate.EdgeAddress, "BalancerAddress": estate.BalancerAddress, "Socket": estate.BalancerSocket,
		"Jump": fmt.Sprintf(`{address: %q, user: worker, hostKeys: [%q], key: "secret://file/worker-key"}`, i.estate.Bastion.Addr(), i.estate.Bastion.HostKey()),
	}))
	path := filepath.Join(i.folder, name)
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func (i *installation) secret(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(i.folder, "secrets", name))
	require.NoError(t, err)
	return string(data)
}

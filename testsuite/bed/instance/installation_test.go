package instance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"text/template"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"fermata/encryption"
	"fermata/sandbox/certificates"
	"fermata/testsuite/bed/directory"
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
  secrets:
    file: {folder: secrets}
    age: {file: ` + passwords + `, identity: secrets/age-identity, writable: true, recipients: ["{{ .Recipient }}"]}
  records: {folder: records}
  systems:
    - name: cloud
      type: openstack
      config:
        url: "{{ .Cloud }}"
        username: ` + cloudUser + `
        password: "secret://file/cloud-password"
        project: ` + project + `
        access: {from: [` + bastionAddress + `/32]}
        poll: 200ms
        http: {ca: "{{ .CloudCA }}", proxy: none}
    - name: guests
      type: linux
      config: {key: "secret://file/worker-key", jump: {{ .Jump }} }
    - name: edge
      type: nftables
      config:
        ssh: {address: "{{ .Edge }}", user: ` + machine.User + `, key: "secret://file/worker-key", hostKeys: ["{{ .EdgeKey }}"], jump: {{ .Jump }} }
        sudo: true
    - name: staff
      type: ldap
      config:
        url: "ldaps://{{ .Staff }}"
        ca: "{{ .StaffCA }}"
        bind: "` + directory.Worker + `"
        password: "secret://file/staff-password"
        accounts: "` + directory.People + `"
        groups: {base: "` + directory.Groups + `"}
        disable: {policy: "` + directory.Policy + `"}
    - name: database
      type: postgresql
      config:
        address: "{{ .Database }}"
        endpoint: "` + endpoint + `"
        user: ` + databaseUser + `
        password: "secret://file/database-password"
        ca: "{{ .DatabaseCA }}"
    - name: web
      type: http
      config: {jump: {{ .Jump }} }
`

// passwords is the file of generated passwords.
const passwords = "passwords.age"

// installation is a folder as a worker's machine has it: description, secrets, who may sign, records.
type installation struct {
	people.Pair
	folder       string
	config       string // For people.
	workerConfig string // The same with the certificate of a worker.
	recipient    string // Of the file of generated passwords.
}

// prepare makes the folder with its secrets, and returns the worker's public key.
func prepare(t *testing.T) (i *installation, key string) {
	t.Helper()
	i = &installation{folder: host.Folder(t), Pair: people.Pair{Patience: patience}}
	for _, name := range []string{"secrets", "records"} {
		require.NoError(t, os.Mkdir(i.path(name), 0o700))
	}
	payload, err := encryption.GenerateKey("bed-1")
	require.NoError(t, err)
	private, key, err := machine.NewKey()
	require.NoError(t, err)
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	i.recipient = identity.Recipient().String()
	for name, text := range map[string]string{
		"payload-key": payload.Encode(), "worker-key": string(private), "age-identity": identity.String(),
		"cloud-password": canary.Word("cloud"), "database-password": canary.Word("database"),
	} {
		i.keep(t, name, text)
	}
	i.seal(t, identity.Recipient())
	i.Invent(t, i.folder, "alice@example.net", "bob@example.net", machine.NewKey)
	return i, key
}

// seal makes the file of generated passwords, which are none yet.
func (i *installation) seal(t *testing.T, to age.Recipient) {
	t.Helper()
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	require.NoError(t, err)
	_, err = w.Write([]byte("{}\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(i.path(passwords), sealed.Bytes(), 0o600))
}

// describe writes the description of what runs.
func (i *installation) describe(t *testing.T, temporal string, all certificates.Files, e *estate) {
	t.Helper()
	i.keep(t, "staff-password", e.staff.Password)
	settings := map[string]any{
		"Temporal": temporal, "Recipient": i.recipient, "Cloud": e.cloud.URL(), "CloudCA": e.cloud.CAFile(),
		"Edge": e.edge.SSH(), "EdgeKey": e.edge.HostKey(), "Staff": e.staff.Address, "StaffCA": e.staff.CAFile(),
		"Database": e.queries.Address(), "DatabaseCA": e.databaseCA(),
		"Jump": fmt.Sprintf(`{address: %q, user: %s, hostKeys: [%q], key: "secret://file/worker-key"}`, e.login.Address(), machine.User, e.bastion.HostKey()),
	}
	i.config = i.write(t, "fermata.yaml", settings, all.Operator)
	i.workerConfig = i.write(t, "fermata-worker.yaml", settings, all.Worker)
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

package scenarios

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/secret"
	"fermata/client"
	"fermata/sandbox/estate/vault"
	"fermata/spec"
	"fermata/testsuite/canary"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// safe is a Vault with one secret, canary/web#token.
type safe struct {
	web  *httptest.Server
	root string
}

const (
	vaultRef = "secret://vault/kv/canary/web#token"
	execRef  = "secret://exec/canary"
)

func (s *safe) put(t *testing.T, value string) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"data": map[string]string{"token": value}})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.web.URL+"/v1/kv/data/canary/web", strings.NewReader(string(text)))
	require.NoError(t, err)
	r.Header.Set("X-Vault-Token", s.root)
	resp, err := s.web.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// plantOutside puts a secret into a Vault, and one behind a helper. It returns their part of the configuration. The
// credential for Vault is a secret too, and the value that Vault's is replaced with while the plan waits.
func (c *coalmine) plantOutside(t *testing.T, write func(name, text string)) string {
	t.Helper()
	for _, name := range []string{"vault", "rotated", "exec"} {
		c.secrets[name] = canary.Secret(name)
	}
	c.secrets["secretid"] = canary.Word("secretid")
	server, err := vault.New(vault.Options{
		Mounts: []string{"kv"}, Policies: map[string]vault.Policy{"web": {"kv/data/canary/*": {"read"}}},
		Roles: []vault.Role{{RoleID: "coalmine", SecretID: c.secrets["secretid"], Policies: []string{"web"}, TTL: time.Hour, MaxTTL: time.Hour}},
	})
	require.NoError(t, err)
	c.safe = &safe{web: httptest.NewTLSServer(server), root: server.Root()}
	t.Cleanup(c.safe.web.Close)
	c.safe.put(t, c.secrets["vault"])
	write("vault-ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.safe.web.Certificate().Raw})))
	write("vault-secret-id", c.secrets["secretid"])
	answer, err := json.Marshal(map[string]string{"value": c.secrets["exec"], "version": "2026-03"})
	require.NoError(t, err)
	write("exec-answer.json", string(answer))
	return fmt.Sprintf("    vault: {address: %q, ca: vault-ca.pem, auth: {approle: {roleId: coalmine, secretIdFile: vault-secret-id}}}\n"+
		"    exec: {command: [/bin/cat, %q]}\n", c.safe.web.URL, filepath.Join(c.Folder, "exec-answer.json"))
}

// provisionPinned carries the secrets to a guest. Vault's is replaced while the plan waits: the run reads what was planned.
func (c *coalmine) provisionPinned(t *testing.T) {
	t.Helper()
	r, err := client.Provision(stage.WebServer(t, c.withSecrets))
	started := c.Begin(t, r, err)
	c.Until(t, started, "waiting for the approval", people.In(wire.Waiting))
	c.safe.put(t, c.secrets["rotated"])
	c.Approve(t, started)
	p := c.Done(t, started)
	pins := map[secret.Ref]string{}
	for _, pin := range p.Preview.Plan.Secrets {
		pins[pin.Ref] = pin.Version
	}
	require.Len(t, pins, 6, "each once: %v", pins)
	require.Equal(t, "1", pins[vaultRef])
	require.Equal(t, "2026-03", pins[execRef])
	require.Empty(t, pins["secret://file/canary"])
}

func outsideSecrets() []spec.File {
	return []spec.File{{Path: "/etc/canary/vault", Secret: vaultRef}, {Path: "/etc/canary/exec", Secret: execRef}}
}

// inRecords says whether a record of a run tells the version.
func (c *coalmine) inRecords(t *testing.T, text string) bool {
	t.Helper()
	found := false
	require.NoError(t, filepath.WalkDir(filepath.Join(c.Folder, "records"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || strings.Contains(string(data), text)
		return err
	}))
	return found
}

package vaultsecret

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/secret"
	"fermata/activities/secret/secrettest"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/vault"
)

const (
	roleID   = "7d1b3c2e-role"
	secretID = "5eCr3t-iD-4711-canary"
)

// clock is one time for the Vault and the driver.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time       { c.mu.Lock(); defer c.mu.Unlock(); return c.now }
func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// bench is an emulated Vault with a driver that logs in as a role which reads below kv.
type bench struct {
	*Provider
	vault  *vault.Server
	web    *httptest.Server
	faults *faults.Faults
	clock  *clock
	// policies are the emulator's; they may be changed while nothing is asked.
	policies map[string]vault.Policy
	cfg      Config
	root     string
}

func setup(t *testing.T, change ...func(*vault.Options, *Config)) *bench {
	t.Helper()
	b := &bench{faults: &faults.Faults{}, clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	options := vault.Options{
		Now: b.clock.Now, Mounts: []string{"kv", "other"}, Faults: b.faults,
		Policies: map[string]vault.Policy{
			"web":  {"kv/data/*": {"read"}, "kv/data/closed/*": {"deny"}, "none/*": {"read"}, "kv1/*": {"read"}},
			"more": {"kv/data/closed/+": {"read"}},
		},
		Roles: []vault.Role{{RoleID: roleID, SecretID: secretID, Policies: []string{"web"}, TTL: time.Hour, MaxTTL: 4 * time.Hour}},
	}
	folder := t.TempDir()
	b.cfg = Config{
		CA: filepath.Join(folder, "ca.pem"), Timeout: 20 * time.Second,
		Auth: Auth{AppRole: &AppRole{RoleID: roleID, SecretIDFile: filepath.Join(folder, "secret-id")}},
	}
	for _, f := range change {
		f(&options, &b.cfg)
	}
	var err error
	b.policies = options.Policies
	b.vault, err = vault.New(options)
	require.NoError(t, err)
	b.web = httptest.NewTLSServer(b.vault)
	t.Cleanup(b.web.Close)
	b.root, b.cfg.Address = b.vault.Root(), b.web.URL
	require.NoError(t, os.WriteFile(b.cfg.CA, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: b.web.Certificate().Raw}), 0o600))
	if b.cfg.Auth.AppRole != nil {
		require.NoError(t, os.WriteFile(b.cfg.Auth.AppRole.SecretIDFile, []byte(secretID+"\n"), 0o600))
	}
	b.reopen(t)
	return b
}

// reopen makes a driver that has not logged in.
func (b *bench) reopen(t *testing.T) {
	t.Helper()
	p, err := New(b.cfg)
	require.NoError(t, err)
	p.login.now = b.clock.Now
	b.Provider = p
}

// do asks Vault as its administrator.
func (b *bench) do(t *testing.T, method, path string, body any, namespace ...string) int {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(context.Background(), method, b.web.URL+"/v1/"+path, bytes.NewReader(text))
	require.NoError(t, err)
	r.Header.Set("X-Vault-Token", b.root)
	for _, n := range namespace {
		r.Header.Set("X-Vault-Namespace", n)
	}
	resp, err := b.web.Client().Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// put writes a secret with one field, "value".
func (b *bench) put(t *testing.T, path, value string) {
	t.Helper()
	require.Equal(t, http.StatusOK, b.do(t, http.MethodPost, path, map[string]any{"data": map[string]any{"value": value}}))
}

// asked counts the requests of that method and path.
func (b *bench) asked(request string) int {
	n := 0
	for _, r := range b.vault.Requests() {
		if r == request {
			n++
		}
	}
	return n
}

const logins, renewals = "POST /v1/auth/approle/login", "POST /v1/auth/token/renew-self"

// named gives a suite's names their place here: below kv, and without a field, which is then "value".
type named struct{ *Provider }

func (n named) Read(ctx context.Context, name string) (secret.Value, error) {
	return n.Provider.Read(ctx, "kv/"+name)
}

func (n named) ReadVersion(ctx context.Context, name, version string) (secret.Value, string, error) {
	return n.Provider.ReadVersion(ctx, "kv/"+name, version)
}

func (n named) Keep(ctx context.Context, name, key, after string, value secret.Value) (secret.Value, string, error) {
	return n.Provider.Keep(ctx, "kv/"+name, key, after, value)
}

func (n named) Discard(ctx context.Context, name, key string) error {
	return n.Provider.Discard(ctx, "kv/"+name, key)
}

// writing lets the role keep secrets below kv, with no more than the README says.
func writing(o *vault.Options, c *Config) {
	c.Writable = []string{"kv"}
	o.Policies["keeper"] = vault.Policy{"kv/data/*": {"create", "read", "update"}, "kv/destroy/*": {"update"}}
	o.Roles[0].Policies = []string{"keeper"}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, required := range map[string]bool{"check-and-set is asked for": false, "check-and-set is required": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrettest.Run(t, secrettest.Bench{Open: func(t *testing.T, secrets map[string]string) secrettest.Store {
				t.Helper()
				return store(t, secrets, required)
			}})
		})
	}
}

func store(t *testing.T, secrets map[string]string, casRequired bool) secrettest.Store {
	t.Helper()
	b := setup(t, writing)
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodPost, "kv/config", map[string]any{"cas_required": casRequired}))
	set := func(t *testing.T, name, value string) {
		t.Helper()
		_, number, err := b.newest(t.Context(), place{"kv", name, plainField})
		require.NoError(t, err)
		body := map[string]any{"options": map[string]any{"cas": number}, "data": map[string]any{plainField: value}}
		require.Equal(t, http.StatusOK, b.do(t, http.MethodPost, "kv/data/"+name, body))
	}
	for name, value := range secrets {
		set(t, name, value)
	}
	return secrettest.Store{
		Provider: named{b.Provider}, Set: set, TakeDown: func(*testing.T) { b.faults.SetDown(true) },
		Forbid: func(t *testing.T) {
			t.Helper()
			b.vault.RevokeAll()
			require.NoError(t, os.WriteFile(b.cfg.Auth.AppRole.SecretIDFile, []byte("another-secret-id"), 0o600))
		},
		Destroy: func(t *testing.T, name string) {
			t.Helper()
			_, number, err := b.newest(t.Context(), place{"kv", name, plainField})
			require.NoError(t, err)
			require.Equal(t, http.StatusNoContent, b.do(t, http.MethodPut, "kv/destroy/"+name, map[string]any{"versions": []int{number}}))
		},
		LoseNext: func(*testing.T) { b.faults.LoseNext(1) },
		Field:    func(name, field string) string { return name + "#" + field },
	}
}

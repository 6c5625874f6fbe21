package vaultsecret

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/sandbox/estate/vault"
)

func TestReadsOneFieldOfASecret(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Equal(t, http.StatusOK, b.do(t, http.MethodPost, "kv/data/web-01/db", map[string]any{"data": map[string]any{"user": "web", "password": "first\n"}}))
	b.put(t, "kv/data/web-01/db", "x")
	value, read, err := b.ReadVersion(t.Context(), "kv/web-01/db#password", "1")
	require.NoError(t, err)
	require.Equal(t, "first\n 1", string(value.Reveal())+" "+read, "nothing is cut off")
	_, _, err = b.ReadVersion(t.Context(), "kv/web-01/db#password", "")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
	require.ErrorContains(t, err, `version 2 has no field "password"; it has: value`)
	require.Equal(t, 1, b.asked(logins), "one login is for all")
}

func TestNamesThatAreNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{
		"", "kv", "kv#x", "kv/#x", "/kv/a#x", "kv/", "kv/a#", "kv//a#x", "kv/a/#x", "kv/../sys#x", "kv/a/../b#x", "kv/./a#x", "kv/a#x#y", "kv/a#x/y",
		"kv/a?version=1#x", "kv/a%2e%2e#x", "kv/a b#x", "kv/a\n#x", "kv/a#x..y",
	} {
		_, err := b.Read(t.Context(), name)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%q: %v", name, err)
	}
	require.Empty(t, b.vault.Requests(), "nothing of it was asked")
}

func TestWhatVaultRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, value := range []string{"one", "two", "three"} {
		b.put(t, "kv/data/a", value)
	}
	b.put(t, "kv/data/closed/a", "hunter2")
	b.put(t, "other/data/a", "hunter2")
	data := map[string]any{"number": 4711, "empty": "", "null": nil, "list": []string{"hunter2"}, "object": map[string]any{"a": "hunter2"}}
	require.Equal(t, http.StatusOK, b.do(t, http.MethodPost, "kv/data/odd", map[string]any{"data": data}))
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodPost, "kv/delete/a", map[string]any{"versions": []int{1, 3}}))
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodPut, "kv/destroy/a", map[string]any{"versions": []int{2}}))
	for _, c := range []struct {
		name, version string
		kind          fault.Kind
		text          string
	}{
		{"kv/a#value", "1", fault.NotFound, "version 1 was deleted; vault kv undelete"},
		{"kv/a#value", "2", fault.NotFound, "version 2 was destroyed"},
		{"kv/a#value", "", fault.NotFound, "version 3 was deleted"},
		{"kv/a#value", "4", fault.NotFound, "no such secret or version"},
		{"kv/b#value", "", fault.NotFound, "no such secret or version"},
		{"none/a#value", "", fault.Unauthorized, "permission denied"},
		{"kv/closed/a#value", "", fault.Unauthorized, "permission denied"},
		{"other/a#value", "", fault.Unauthorized, "permission denied"},
		{"kv/odd#number", "", fault.Invalid, "no text"},
		{"kv/odd#null", "", fault.Invalid, "no text"},
		{"kv/odd#list", "", fault.Invalid, "no text"},
		{"kv/odd#object", "", fault.Invalid, "no text"},
		{"kv/odd#empty", "", fault.NotFound, "is empty"},
		{"kv/odd#other", "", fault.NotFound, "it has: empty, list, null, number, object"},
		{"kv/a#value", "0", fault.Invalid, "numbers from 1"},
		{"kv/a#value", "01", fault.Invalid, "numbers from 1"},
	} {
		if c.name == "none/a#value" { // Only who may ask hears that there is no such engine.
			_, err := b.Read(t.Context(), "none/a#value")
			require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, "no handler for route")
			continue
		}
		value, _, err := b.ReadVersion(t.Context(), c.name, c.version)
		require.Equal(t, c.kind, fault.KindOf(err), "%s %s: %v", c.name, c.version, err)
		require.ErrorContains(t, err, c.text, c.name)
		require.Empty(t, value.Reveal())
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.Equal(t, 1, b.asked(logins), "a path that no policy opens uses up no login")
}

func TestVaultIsAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, "kv/data/a", "x")
	_, err := b.Read(t.Context(), "kv/a#value")
	require.NoError(t, err)

	b.vault.Seal(true)
	_, err = b.Read(t.Context(), "kv/a#value")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "Vault is sealed")
	b.vault.Seal(false)

	b.vault.ThrottleNext(1)
	_, err = b.Read(t.Context(), "kv/a#value")
	require.Equal(t, fault.Throttled, fault.KindOf(err), "%v", err)
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, 7*time.Second, f.After)

	b.faults.FailNext(1)
	_, err = b.Read(t.Context(), "kv/a#value")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)

	b.web.Close()
	_, err = b.Read(t.Context(), "kv/a#value")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	b.reopen(t) // A login that is lost changed nothing either.
	_, err = b.Read(t.Context(), "kv/a#value")
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
}

func TestCertificatesAreVerified(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.cfg.CA = ""
	b.reopen(t)
	_, err := b.Read(t.Context(), "kv/a#value")
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
	require.Empty(t, b.vault.Requests())
	b.cfg.CA = filepath.Join(t.TempDir(), "none.pem")
	b.reopen(t) // Who never asks needs no such file.
	_, err = b.Read(t.Context(), "kv/a#value")
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "none.pem")
}

func TestANamespace(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *vault.Options, c *Config) {
		o.Mounts = append(o.Mounts, "team-a/kv")
		o.Roles[0].Namespace, c.Namespace = "team-a", "team-a"
	})
	b.put(t, "kv/data/a", "the root's")
	require.Equal(t, http.StatusOK, b.do(t, http.MethodPost, "kv/data/a", map[string]any{"data": map[string]any{"value": "the team's"}}, "team-a"))
	value, err := b.Read(t.Context(), "kv/a#value")
	require.NoError(t, err)
	require.Equal(t, "the team's", value.Text())
	b.cfg.Namespace = ""
	b.reopen(t)
	_, err = b.Read(t.Context(), "kv/a#value")
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "the role is the namespace's: %v", err)
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good := Config{Address: "https://vault.test:8200", Auth: Auth{TokenFile: "token"}}
	_, err := New(good)
	require.NoError(t, err)
	for text, change := range map[string]func(*Config){
		"the address of the API":          func(c *Config) { c.Address = "vault.test:8200" },
		"holds a credential":              func(c *Config) { c.Address = "https://hunter2:hunter2@vault.test" },
		"no path behind":                  func(c *Config) { c.Address = "https://vault.test/v1" },
		"expected https":                  func(c *Config) { c.Address = "http://vault.test" },
		"namespace: expected a path":      func(c *Config) { c.Namespace = "../x" },
		"timeout must":                    func(c *Config) { c.Timeout = -1 },
		"either approle or tokenFile":     func(c *Config) { c.Auth = Auth{} },
		"approle or tokenFile":            func(c *Config) { c.Auth.AppRole = &AppRole{RoleID: "a", SecretIDFile: "b"} },
		"roleId is missing":               func(c *Config) { c.Auth = Auth{AppRole: &AppRole{SecretIDFile: "b"}} },
		"secretIdFile is missing":         func(c *Config) { c.Auth = Auth{AppRole: &AppRole{RoleID: "a"}} },
		"auth.approle.mount: expected a ": func(c *Config) { c.Auth = Auth{AppRole: &AppRole{RoleID: "a", SecretIDFile: "b", Mount: "a?b"}} },
	} {
		cfg := good
		change(&cfg)
		_, err := New(cfg)
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%s: %v", text, err)
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
	for _, address := range []string{"http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost:8200/", "https://vault.test"} {
		good.Address = address
		_, err := New(good)
		require.NoError(t, err, address)
	}
}

func TestTheDriverShowsNoToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, "kv/data/a", "x")
	_, err := b.Read(t.Context(), "kv/a#value")
	require.NoError(t, err)
	token := b.login.held.Text()
	require.True(t, strings.HasPrefix(token, "hvs."))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, holder := range []any{b.Provider, struct{ p *Provider }{b.Provider}, b.login} {
			shown := fmt.Sprintf(verb, holder)
			require.NotContains(t, shown, token)
			require.NotContains(t, shown, secretID)
		}
	}
}

func TestCredentialFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600))
	for path, c := range map[string]struct {
		kind fault.Kind
		text string
	}{
		write("group", "hunter2", 0o640):                  {fault.Unauthorized, "chmod 600"},
		write("others", "hunter2", 0o604):                 {fault.Unauthorized, "chmod 600"},
		write("empty", " \n", 0o600):                      {fault.Invalid, "no credential"},
		write("lines", "hunter2\nhunter2\n", 0o600):       {fault.Invalid, "no credential"},
		write("large", strings.Repeat("x", 9<<10), 0o600): {fault.Invalid, "no credential"},
		filepath.Join(folder, "pipe"):                     {fault.Invalid, "no regular file"},
		filepath.Join(folder, "none"):                     {fault.Unavailable, "no such file"},
		folder:                                            {fault.Invalid, "no regular file"},
	} {
		b := setup(t, func(_ *vault.Options, c *Config) { c.Auth = Auth{TokenFile: path} })
		_, err := b.Read(t.Context(), "kv/a#value")
		require.Equal(t, c.kind, fault.KindOf(err), "%s: %v", path, err)
		require.ErrorContains(t, err, c.text, path)
		require.NotContains(t, err.Error(), "hunter2")
		require.Empty(t, b.vault.Requests())
	}
}

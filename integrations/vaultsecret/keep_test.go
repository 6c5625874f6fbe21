package vaultsecret

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/sandbox/estate/vault"
)

const one, two, three = "01JD1/database.password/web-01", "01JD2/database.password/web-01", "01JD3/database.password/web-01"

func (b *bench) keep(t *testing.T, name, key, after, value string) string {
	t.Helper()
	kept, version, err := b.Keep(t.Context(), name, key, after, secret.NewValue([]byte(value)))
	require.NoError(t, err)
	require.Equal(t, value, kept.Text())
	return version
}

// refuses fails where the value is kept, or shows.
func (b *bench) refuses(t *testing.T, kind fault.Kind, says, name, key, after string) {
	t.Helper()
	kept, version, err := b.Keep(t.Context(), name, key, after, secret.NewValue([]byte("hunter2")))
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, says)
	require.NotContains(t, err.Error(), "hunter2")
	require.Empty(t, string(kept.Reveal())+version)
}

// fields are what a version holds, as Vault gives it to others.
func (b *bench) fields(t *testing.T, path, version string) map[string]string {
	t.Helper()
	got, err := b.data(t.Context(), place{"kv", path, ""}, version, nil)
	require.NoError(t, err)
	fields := map[string]string{}
	for name, raw := range got.Data {
		fields[name] = string(raw)
	}
	return fields
}

// putAll writes a secret as another would: without check-and-set, all of it.
func (b *bench) putAll(t *testing.T, path string, data any) {
	t.Helper()
	require.Equal(t, http.StatusOK, b.do(t, http.MethodPost, "kv/data/"+path, map[string]any{"data": data}))
}

func TestKeepLeavesOtherFieldsAsTheyAre(t *testing.T) {
	t.Parallel()
	b := setup(t, writing)
	b.putAll(t, "db", json.RawMessage(`{"user":"web","port":5432.10,"tags":["a",{"b":null}],"password":"zero"}`))
	require.Equal(t, "2", b.keep(t, "kv/db#password", one, "1", "one"))
	fields := b.fields(t, "db", "")
	var text string
	require.NoError(t, json.Unmarshal([]byte(fields[markField]), &text), "the mark is a text, as fields should be")
	require.JSONEq(t, `{"key":"`+one+`","field":"password","version":2,"after":1}`, text)
	delete(fields, markField)
	require.Equal(t, map[string]string{"user": `"web"`, "port": "5432.1", "tags": `["a",{"b":null}]`, "password": `"one"`}, fields)
	require.NoError(t, b.Discard(t.Context(), "kv/db#password", one))
	require.Equal(t, `"zero"`, b.fields(t, "db", "3")["password"])
}

func TestAMarkThatWasCopiedDoesNotCount(t *testing.T) {
	t.Parallel()
	b := setup(t, writing)
	b.keep(t, "kv/db#password", one, "", "one")
	fields := b.fields(t, "db", "")
	copied := map[string]json.RawMessage{"password": []byte(`"by hand"`), markField: []byte(fields[markField])}
	b.putAll(t, "db", copied) // As vault kv patch does, which copies what it is not told to change.
	b.refuses(t, fault.Conflict, "another has written version 2", "kv/db#password", one, "")
	err := b.Discard(t.Context(), "kv/db#password", one)
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	require.Equal(t, `"by hand"`, b.fields(t, "db", "")["password"])
	for _, odd := range []string{`4711`, `"text"`, `"{}"`, `"{\"key\":4711,\"version\":3}"`, `{"key":"` + one + `"}`} {
		b.putAll(t, "odd", map[string]json.RawMessage{markField: []byte(odd), "password": []byte(`"x"`)})
		b.refuses(t, fault.Conflict, "another has written", "kv/odd#password", one, "")
		require.NoError(t, b.Discard(t.Context(), "kv/odd#password", one), "%s marks nothing", odd)
	}
}

func TestDiscardTakesCopiesWithIt(t *testing.T) {
	t.Parallel()
	b := setup(t, writing)
	b.putAll(t, "db", map[string]string{"value": "zero"})
	b.keep(t, "kv/db", one, "1", "one")
	b.keep(t, "kv/db", two, "2", "two")
	require.NoError(t, b.Discard(t.Context(), "kv/db", two)) // Version 4 is a copy of 2.
	require.Equal(t, `"one"`, b.fields(t, "db", "4")["value"])
	kept, version, err := b.Keep(t.Context(), "kv/db", one, "1", secret.NewValue([]byte("anew")))
	require.NoError(t, err)
	require.Equal(t, "one 4", kept.Text()+" "+version, "who kept it finds it in the copy")
	b.keep(t, "kv/db", three, "4", "three")
	require.NoError(t, b.Discard(t.Context(), "kv/db", three)) // Version 6, again.
	require.NoError(t, b.Discard(t.Context(), "kv/db", one))
	for version, want := range map[string]fault.Kind{"1": "", "2": fault.NotFound, "3": fault.NotFound, "4": fault.NotFound, "5": fault.NotFound, "6": fault.NotFound, "7": ""} {
		_, _, err := b.ReadVersion(t.Context(), "kv/db", version)
		require.Equal(t, want, fault.KindOf(err), "version %s: %v", version, err)
	}
	require.Equal(t, `"zero"`, b.fields(t, "db", "")["value"])
}

func TestDiscardGoesOnWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	b := setup(t, writing, func(o *vault.Options, _ *Config) { delete(o.Policies["keeper"], "kv/destroy/*") })
	b.putAll(t, "db", map[string]string{"value": "zero"})
	b.keep(t, "kv/db", one, "1", "one")
	err := b.Discard(t.Context(), "kv/db", one)
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, `path "kv/destroy/db" { capabilities = ["update"] }`)
	require.Equal(t, `"zero"`, b.fields(t, "db", "3")["value"], "what counts was put back first")
	b.putAll(t, "db", map[string]string{"value": "by hand"})
	b.grant(t, "kv/destroy/*", "update")
	require.NoError(t, b.Discard(t.Context(), "kv/db", one))
	_, _, err = b.ReadVersion(t.Context(), "kv/db", "2")
	require.ErrorContains(t, err, "version 2 was destroyed")
	require.Equal(t, `"by hand"`, b.fields(t, "db", "4")["value"])
}

func TestKeepOverWhatIsDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t, writing)
	b.putAll(t, "db", map[string]string{"value": "zero", "user": "web"})
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodDelete, "kv/data/db", nil))
	b.refuses(t, fault.Conflict, "has none that can be read", "kv/db", one, "1")
	require.Equal(t, "2", b.keep(t, "kv/db", one, "", "one"))
	require.NotContains(t, b.fields(t, "db", ""), "user", "what was deleted is not taken over")
	require.NoError(t, b.Discard(t.Context(), "kv/db", one))
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodPost, "kv/undelete/db", map[string]any{"versions": []int{1}}))
	require.Equal(t, `"zero"`, b.fields(t, "db", "1")["value"], "what was deleted can still be brought back")

	b.putAll(t, "gone", map[string]string{"value": "zero"})
	b.keep(t, "kv/gone", one, "1", "one")
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodPost, "kv/delete/gone", map[string]any{"versions": []int{1}}))
	require.NoError(t, b.Discard(t.Context(), "kv/gone", one))
	_, err := b.Read(t.Context(), "kv/gone")
	require.ErrorContains(t, err, "version 2 was destroyed", "what was deleted meanwhile is not put back")
}

func TestDiscardLooksNoFurtherThanVaultRemembers(t *testing.T) {
	t.Parallel()
	b := setup(t, writing)
	require.Equal(t, http.StatusNoContent, b.do(t, http.MethodPost, "kv/metadata/db", map[string]any{"max_versions": 3}))
	b.keep(t, "kv/db", one, "", "one")
	for range 3 {
		b.putAll(t, "db", map[string]string{"value": "by hand"})
	}
	before := b.asked("GET /v1/kv/data/db")
	require.NoError(t, b.Discard(t.Context(), "kv/db", one))
	require.Equal(t, 4, b.asked("GET /v1/kv/data/db")-before)
	require.Zero(t, b.asked("POST /v1/kv/destroy/db"))
}

// grant adds to the role's policy.
func (b *bench) grant(t *testing.T, path string, capabilities ...string) {
	t.Helper()
	b.policies["keeper"][path] = capabilities
}

func TestWhatIsNotWritable(t *testing.T) {
	t.Parallel()
	b := setup(t, writing, func(_ *vault.Options, c *Config) { c.Writable = []string{"kv/web", "kv/db/main"} })
	for name, says := range map[string]string{
		"kv/other":              "kv/other may not be written",
		"kv/web-01":             "secrets.vault.writable",
		"kv/db":                 "may not be written",
		"kv/db/main-old#x":      "may not be written",
		"other/web/a":           "may not be written",
		"kv/web/../other":       "expected MOUNT/PATH#FIELD",
		"kv/web/a#" + markField: "where versions are marked",
	} {
		b.refuses(t, fault.Invalid, says, name, one, "")
		require.Equal(t, fault.Invalid, fault.KindOf(b.Discard(t.Context(), name, one)), name)
	}
	require.Empty(t, b.vault.Requests(), "nothing of it was asked")
	for _, name := range []string{"kv/web", "kv/web/a/b#user", "kv/db/main"} {
		b.keep(t, name, one, "", "x")
	}
	b.cfg.Writable = nil
	b.reopen(t)
	b.refuses(t, fault.Invalid, "may not be written", "kv/web", two, "1")
}

func TestWhatVaultRefusesToKeep(t *testing.T) {
	t.Parallel()
	b := setup(t, writing, func(o *vault.Options, c *Config) {
		c.Writable = []string{"kv", "none"}
		o.Policies["keeper"] = vault.Policy{"kv/data/*": {"read"}, "kv/data/new/*": {"read", "create"}, "none/*": {"read", "create", "update"}}
	})
	b.putAll(t, "db", map[string]string{"value": "zero"})
	b.refuses(t, fault.Unauthorized, `path "kv/data/db" { capabilities = ["create", "read", "update"] }`, "kv/db", one, "1")
	b.keep(t, "kv/new/db", one, "", "one")
	b.refuses(t, fault.Unauthorized, "permission denied", "kv/new/db", two, "1")
	b.refuses(t, fault.Invalid, "no KV version 2 engine", "none/db", one, "")
	require.Equal(t, 1, b.asked(logins), "a path that no policy opens uses up no login")

	b.grant(t, "kv/data/*", "read", "create", "update")
	b.vault.Seal(true)
	b.refuses(t, fault.Unavailable, "Vault is sealed", "kv/db", one, "1")
	b.vault.Seal(false)
	b.vault.ThrottleNext(1)
	_, _, err := b.Keep(t.Context(), "kv/db", one, "1", secret.NewValue([]byte("hunter2")))
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, 7*time.Second, f.After)
	require.Equal(t, "1", b.version(t, "kv/db"), "nothing was kept")
	b.vault.RevokeAll()
	require.Equal(t, "2", b.keep(t, "kv/db", one, "1", "one"), "a token that is over is made anew")
}

func (b *bench) version(t *testing.T, name string) string {
	t.Helper()
	_, version, err := b.ReadVersion(t.Context(), name, "")
	require.NoError(t, err)
	return version
}

// TestAnotherEngine is about what answers where a KV version 2 engine should.
func TestAnotherEngine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read, write func(http.ResponseWriter)
		kind        fault.Kind
		says        string
	}{
		"a web server":   {answering(404, "<html>not here</html>"), nil, fault.Invalid, "no KV version 2 engine"},
		"version 1":      {answering(404, `{"errors":[]}`), answering(204, ""), fault.Invalid, "not the JSON of Vault"},
		"another answer": {answering(404, `{"errors":[]}`), answering(200, `{"data":{"version":7}}`), fault.Invalid, "version 1 was to be made and version 7 answered"},
		"a gateway":      {answering(404, `{"errors":[]}`), answering(504, "hunter2"), fault.Ambiguous, "504"},
		"a full server":  {answering(404, `{"errors":[]}`), answering(503, `{"errors":["busy"]}`), fault.Unavailable, "busy"},
		"no authority":   {answering(404, `{"errors":[]}`), answering(403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`), fault.Unauthorized, "permission denied; what is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, writing, func(_ *vault.Options, c *Config) {
				c.Auth = Auth{TokenFile: c.Auth.AppRole.SecretIDFile}
				require.NoError(t, os.WriteFile(c.Auth.TokenFile, []byte("hvs.any"), 0o600))
			})
			writes := 0
			b.web.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					c.read(w)
					return
				}
				writes++
				c.write(w)
			})
			b.refuses(t, c.kind, c.says, "kv/db", one, "")
			require.LessOrEqual(t, writes, 1)
		})
	}
}

func answering(status int, text string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text))
	}
}

package vault

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type bench struct {
	*Server
	now  time.Time
	root string
}

func setup(t *testing.T) *bench {
	t.Helper()
	b := &bench{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var err error
	b.Server, err = New(Options{
		Now: func() time.Time { return b.now }, Mounts: []string{"kv", "kv/deep", "team/kv"},
		Policies: map[string]Policy{
			"reader": {"kv/data/web/*": {"read"}, "kv/data/+/open": {"read"}, "kv/data/web/closed": {"deny"}, "nowhere/*": {"read"}, "kv/metadata/web/": {"list"}},
			"writer": {"kv/data/*": {"create"}, "kv/data/web/closed": {"read", "update"}},
		},
		Roles: []Role{{RoleID: "role", SecretID: "secret-id", Uses: 2, Policies: []string{"reader"}, TTL: time.Hour, MaxTTL: 90 * time.Minute}},
	})
	require.NoError(t, err)
	b.root = b.Root()
	return b
}

type reply struct {
	Errors []string `json:"errors"`
	Data   struct {
		Data     map[string]any `json:"data"`
		Keys     []string       `json:"keys"`
		Current  int            `json:"current_version"`
		Metadata struct {
			Version      int            `json:"version"`
			Destroyed    bool           `json:"destroyed"`
			DeletionTime string         `json:"deletion_time"`
			Custom       map[string]any `json:"custom_metadata"`
		} `json:"metadata"`
		TTL int `json:"ttl"`
	} `json:"data"`
	Auth struct {
		ClientToken   string `json:"client_token"`
		LeaseDuration int    `json:"lease_duration"`
		Renewable     bool   `json:"renewable"`
	} `json:"auth"`
}

// as asks with a token; the path may end in a namespace behind a bar.
func (b *bench) as(t *testing.T, token, method, path, body string) (int, reply) {
	t.Helper()
	path, namespace, _ := strings.Cut(path, "|")
	r := httptest.NewRequestWithContext(t.Context(), method, "/v1/"+path, strings.NewReader(body))
	r.Header.Set("X-Vault-Token", token)
	r.Header.Set("X-Vault-Namespace", namespace)
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	var out reply
	if w.Body.Len() > 0 {
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &out), w.Body.String())
	}
	return w.Code, out
}

func (b *bench) must(t *testing.T, status int, method, path, body string) reply {
	t.Helper()
	code, out := b.as(t, b.root, method, path, body)
	require.Equal(t, status, code, "%s %s: %v", method, path, out.Errors)
	return out
}

func TestVersions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, value := range []string{"1", "2", "3"} {
		b.must(t, 200, "POST", "kv/data/a", `{"data":{"v":"`+value+`"}}`)
	}
	require.Equal(t, "3", b.must(t, 200, "GET", "kv/data/a", "").Data.Data["v"])
	require.Equal(t, "3", b.must(t, 200, "GET", "kv/data/a?version=0", "").Data.Data["v"])
	require.Equal(t, "2", b.must(t, 200, "GET", "kv/data/a?version=2", "").Data.Data["v"])

	b.must(t, 204, "DELETE", "kv/data/a", "")
	gone := b.must(t, 404, "GET", "kv/data/a", "")
	require.Nil(t, gone.Data.Data)
	require.Equal(t, 3, gone.Data.Metadata.Version)
	require.NotEmpty(t, gone.Data.Metadata.DeletionTime)
	b.must(t, 204, "POST", "kv/undelete/a", `{"versions":[3]}`)
	require.Equal(t, "3", b.must(t, 200, "GET", "kv/data/a", "").Data.Data["v"])

	b.must(t, 204, "PUT", "kv/destroy/a", `{"versions":[2,9]}`)
	b.must(t, 204, "POST", "kv/undelete/a", `{"versions":[2]}`)
	require.True(t, b.must(t, 404, "GET", "kv/data/a?version=2", "").Data.Metadata.Destroyed, "nothing brings it back")

	b.must(t, 200, "POST", "kv/data/a", `{"data":{}}`)
	require.Equal(t, 4, b.must(t, 200, "GET", "kv/metadata/a", "").Data.Current)
	b.must(t, 204, "POST", "kv/config", `{"max_versions":1}`)
	b.must(t, 200, "POST", "kv/data/a", `{"data":{"v":"5"}}`)
	b.must(t, 404, "GET", "kv/data/a?version=3", "")
	b.must(t, 204, "DELETE", "kv/metadata/a", "")
	b.must(t, 404, "GET", "kv/data/a", "")
	b.must(t, 200, "POST", "kv/deep/data/a", `{"data":{"v":"deep"}}`)
	require.Equal(t, []string{"a"}, b.must(t, 200, "LIST", "kv/deep/metadata", "").Data.Keys, "the longest mount answers")
	b.must(t, 404, "GET", "kv/data/a", "")
}

func TestCheckAndSet(t *testing.T) {
	t.Parallel()
	b := setup(t)
	write := func(cas string) (int, reply) {
		return b.as(t, b.root, "POST", "kv/data/a", `{"options":{`+cas+`},"data":{"v":"x"}}`)
	}
	for _, step := range []struct {
		cas    string
		status int
	}{{`"cas":1`, 400}, {`"cas":0`, 200}, {`"cas":0`, 400}, {`"cas":1`, 200}, {`"cas":1`, 400}, {``, 200}, {`"cas":3`, 200}} {
		code, out := write(step.cas)
		require.Equal(t, step.status, code, "%s: %v", step.cas, out.Errors)
	}
	require.Equal(t, 4, b.must(t, 200, "GET", "kv/data/a", "").Data.Metadata.Version)
	b.must(t, 204, "POST", "kv/config", `{"cas_required":true}`)
	code, out := write("")
	require.Equal(t, 400, code)
	require.Contains(t, out.Errors[0], "parameter required")
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(t, 200, "POST", "kv/data/a", `{"data":{"v":"1"}}`)
	for _, x := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "kv/data/a?version=x", "", 400},
		{"GET", "kv/data/a?version=2", "", 404},
		{"GET", "kv/data/a?version=-1", "", 404},
		{"GET", "kv/data/", "", 404},
		{"GET", "kv/data/a/", "", 404},
		{"GET", "kv/a", "", 404},
		{"GET", "nowhere/data/a", "", 404},
		{"GET", "kv/data/a|team", "", 404},
		{"GET", "kv/delete/a", "", 405},
		{"PATCH", "kv/data/a", `{"data":{}}`, 405},
		{"POST", "kv/data/a", `{}`, 400},
		{"POST", "kv/data/a", `{"data":`, 400},
		{"POST", "kv/destroy/a", `{}`, 400},
		{"POST", "kv/destroy/b", `{"versions":[1]}`, 204}, // Vault finds nothing to destroy, and nothing wrong with that.
		{"POST", "kv/data/a", `{"options":{"cas":"x"},"data":{}}`, 400},
		{"POST", "kv/data/a", `{"options":{"cas":{}},"data":{}}`, 400},
		{"POST", "kv/data/a", `{"data":"text"}`, 400},
		{"POST", "kv/metadata/a", `{"custom_metadata":{"a":{}}}`, 400},
		{"GET", "kv/metadata/b", "", 404},
		{"LIST", "kv/metadata/none", "", 404},
		{"POST", "auth/token/renew-self", "", 400},
		{"POST", "auth/approle/login", `{"role_id":"role","secret_id":"wrong-secret-id"}`, 400},
		{"POST", "auth/approle/login", `{"role_id":"other","secret_id":"secret-id"}`, 400},
		{"POST", "auth/approle/login|team", `{"role_id":"role","secret_id":"secret-id"}`, 400},
		{"POST", "auth/approle/login", `{"role_id":"role"}`, 400},
		{"POST", "auth/approle/login", `x`, 400},
	} {
		code, _ := b.as(t, b.root, x.method, x.path, x.body)
		require.Equal(t, x.status, code, "%s %s %s", x.method, x.path, x.body)
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"web/a", "web/closed", "db/open", "db/a"} {
		b.must(t, 200, "POST", "kv/data/"+path, `{"data":{"v":"x"}}`)
	}
	reader, both := b.Issue("", time.Hour, "reader"), b.Issue("", time.Hour, "reader", "writer")
	for _, x := range []struct {
		token, method, path string
		status              int
	}{
		{reader, "GET", "kv/data/web/a", 200},
		{reader, "GET", "kv/data/db/open", 200},
		{reader, "GET", "kv/data/db/a", 403},
		{reader, "GET", "kv/data/web/closed", 403},
		{reader, "GET", "kv/data/x/y/open", 403},
		{reader, "GET", "kv/metadata/web/a", 403},
		{reader, "LIST", "kv/metadata/web/", 200},
		{reader, "GET", "kv/metadata/web/?list=true", 200},
		{reader, "POST", "kv/data/web/a", 403},
		{reader, "DELETE", "kv/data/web/a", 403},
		{reader, "GET", "nowhere/data/a", 404},
		{reader, "GET", "elsewhere/data/a", 403},
		{reader, "GET", "kv/data/web/a|team", 403},
		{both, "GET", "kv/data/web/closed", 403}, // Deny wins.
		{both, "POST", "kv/data/db/new", 200},
		{both, "POST", "kv/data/db/a", 403}, // Create is not update.
		{"", "GET", "kv/data/web/a", 403},
		{"hvs.made-up", "GET", "kv/data/web/a", 403},
		{b.Issue("team", time.Hour, "reader"), "GET", "kv/data/web/a", 403},
	} {
		code, _ := b.as(t, x.token, x.method, x.path, `{"data":{"v":"y"}}`)
		require.Equal(t, x.status, code, "%s %s", x.method, x.path)
	}
}

func TestTokensEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(t, 200, "POST", "kv/data/web/a", `{"data":{"v":"x"}}`)
	login := func() (int, reply) {
		return b.as(t, "", "POST", "auth/approle/login", `{"role_id":"role","secret_id":"secret-id"}`)
	}
	_, out := login()
	token := out.Auth.ClientToken
	require.Equal(t, 3600, out.Auth.LeaseDuration)
	reads := func() int { code, _ := b.as(t, token, "GET", "kv/data/web/a", ""); return code }
	require.Equal(t, 200, reads())

	b.now = b.now.Add(50 * time.Minute)
	_, out = b.as(t, token, "POST", "auth/token/renew-self", "")
	require.Equal(t, 2400, out.Auth.LeaseDuration, "renewing leads no further than the longest life")
	require.True(t, out.Auth.Renewable)
	_, out = b.as(t, token, "GET", "auth/token/lookup-self", "")
	require.Equal(t, 2400, out.Data.TTL)
	b.now = b.now.Add(40 * time.Minute)
	require.Equal(t, 403, reads())
	code, _ := b.as(t, token, "POST", "auth/token/renew-self", "")
	require.Equal(t, 403, code, "what is over is not renewed")

	_, out = login()
	token = out.Auth.ClientToken
	code, _ = b.as(t, token, "POST", "auth/token/revoke-self", "")
	require.Equal(t, 204, code)
	require.Equal(t, 403, reads())
	code, out = login()
	require.Equal(t, 400, code, "the secret id is used up")
	require.Equal(t, []string{"invalid role or secret ID"}, out.Errors)
}

func TestTheSeal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Seal(true)
	for _, path := range []string{"kv/data/a", "auth/token/lookup-self", "nowhere/a", "sys/health"} {
		b.must(t, http.StatusServiceUnavailable, "GET", path, "")
	}
	b.must(t, 503, "POST", "auth/approle/login", `{"role_id":"role","secret_id":"secret-id"}`)
	b.must(t, 200, "GET", "sys/seal-status", "")
	b.Seal(false)
	b.must(t, 200, "GET", "sys/health", "")
	b.ThrottleNext(1)
	b.must(t, 429, "GET", "kv/data/a", "")
}

func TestBadOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{
		"slash":     {Mounts: []string{"kv/"}},
		"no mount":  {Mounts: []string{""}},
		"secret id": {Roles: []Role{{RoleID: "a", SecretID: "short", TTL: 1, MaxTTL: 1}}},
		"lifetime":  {Roles: []Role{{RoleID: "a", SecretID: "long-enough"}}},
		"longest":   {Roles: []Role{{RoleID: "a", SecretID: "long-enough", TTL: 2, MaxTTL: 1}}},
	} {
		_, err := New(o)
		require.Error(t, err, name)
	}
}

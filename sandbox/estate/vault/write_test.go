package vault

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/faults"
)

func TestCheckAndSetOutlivesVersions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	write := func(status int, options string) {
		t.Helper()
		b.must(t, status, "POST", "kv/data/a", `{"options":{`+options+`},"data":{"v":"x"}}`)
	}
	write(200, `"cas":0`)
	b.must(t, 204, "DELETE", "kv/data/a", "")
	write(400, `"cas":0`) // Deleted is not gone.
	write(200, `"cas":1`)
	b.must(t, 204, "PUT", "kv/destroy/a", `{"versions":[2]}`)
	require.Equal(t, 2, b.must(t, 404, "GET", "kv/data/a", "").Data.Metadata.Version, "no earlier version counts again")
	write(400, `"cas":1`)
	write(200, `"cas":"2"`)
	b.must(t, 204, "DELETE", "kv/metadata/a", "")
	write(400, `"cas":3`)
	write(200, `"cas":0`)
}

func TestSettingsOfOneSecret(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.must(t, 204, "POST", "kv/metadata/a", `{"cas_required":true,"max_versions":1,"custom_metadata":{"owner":"web"}}`)
	require.Zero(t, b.must(t, 200, "GET", "kv/metadata/a", "").Data.Current)
	require.Nil(t, b.must(t, 404, "GET", "kv/data/a", "").Data.Data)
	out := b.must(t, 400, "POST", "kv/data/a", `{"data":{"v":"1"}}`)
	require.Equal(t, []string{"check-and-set parameter required for this call"}, out.Errors)
	b.must(t, 200, "POST", "kv/data/a", `{"options":{"cas":0},"data":{"v":"1"}}`)
	b.must(t, 200, "POST", "kv/data/a", `{"options":{"cas":1},"data":{"v":"2"}}`)
	b.must(t, 404, "GET", "kv/data/a?version=1", "")
	require.Equal(t, map[string]any{"owner": "web"}, b.must(t, 200, "GET", "kv/data/a", "").Data.Metadata.Custom)
	b.must(t, 200, "POST", "kv/data/b", `{"data":{"v":"1"}}`) // Another is not asked for it.
}

func TestCreatingIsNotUpdating(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.options.Policies["creator"] = Policy{"kv/data/web/*": {"create"}}
	b.options.Policies["updater"] = Policy{"kv/data/web/*": {"update"}}
	b.options.Policies["destroyer"] = Policy{"kv/destroy/web/*": {"update"}, "kv/delete/web/*": {"create"}}
	b.must(t, 200, "POST", "kv/data/web/there", `{"data":{"v":"1"}}`)
	b.must(t, 204, "POST", "kv/metadata/web/settings", `{"max_versions":3}`)
	for _, x := range []struct {
		policy, method, path string
		status               int
	}{
		{"creator", "POST", "kv/data/web/new", 200},
		{"creator", "POST", "kv/data/web/there", 403},
		{"creator", "POST", "kv/data/web/settings", 403}, // It is there, without a version.
		{"creator", "GET", "kv/data/web/there", 403},
		{"updater", "PUT", "kv/data/web/there", 200},
		{"updater", "POST", "kv/data/web/settings", 200},
		{"updater", "POST", "kv/data/web/another", 403},
		{"updater", "DELETE", "kv/data/web/there", 403},
		{"updater", "POST", "kv/destroy/web/there", 403},
		{"updater", "POST", "kv/metadata/web/there", 403},
		{"destroyer", "PUT", "kv/destroy/web/there", 204},
		{"destroyer", "POST", "kv/destroy/web/nothing", 204}, // No engine asks for create here.
		{"destroyer", "POST", "kv/delete/web/nothing", 403},
		{"destroyer", "POST", "kv/data/web/there", 403},
	} {
		code, _ := b.as(t, b.Issue("", time.Hour, x.policy), x.method, x.path, `{"data":{"v":"2"},"versions":[1]}`)
		require.Equal(t, x.status, code, "%s: %s %s", x.policy, x.method, x.path)
	}
}

func TestAnswersToChangesAreLost(t *testing.T) {
	t.Parallel()
	f := &faults.Faults{}
	s, err := New(Options{Mounts: []string{"kv"}, Faults: f})
	require.NoError(t, err)
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	ask := func(method, body string) (int, error) {
		r, err := http.NewRequestWithContext(t.Context(), method, web.URL+"/v1/kv/data/a", strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("X-Vault-Token", s.Root())
		resp, err := web.Client().Do(r)
		if err != nil {
			return 0, err
		}
		return resp.StatusCode, resp.Body.Close()
	}
	f.LoseNext(1)
	code, err := ask("GET", "")
	require.NoError(t, err)
	require.Equal(t, 404, code)
	_, err = ask("POST", `{"data":{"v":"1"}}`)
	require.Error(t, err)
	code, err = ask("GET", "")
	require.NoError(t, err)
	require.Equal(t, 200, code, "it was done")
}

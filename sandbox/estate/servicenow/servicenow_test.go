package servicenow

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/faults"
)

const (
	group    = "287ebd7da9fe198100f92cc8d1d2154e"
	template = "92b8544047810200e90d87e8dee490b0"
)

func options(folder string) Options {
	return Options{
		Folder: folder,
		Users: []User{
			{Name: "alice", Password: "alice-alice", Roles: []string{"itil"}},
			{Name: "bob", Password: "bob-bob-bob", Roles: []string{"sn_change_read"}, Hidden: []string{journals, "change_request.description"}},
		},
		Clients:   []Client{{ID: "app", Secret: "app-secret", User: "alice"}},
		Groups:    []Group{{ID: group, Name: "Network"}},
		Templates: []string{template},
		Items:     []Item{{ID: group, Class: "cmdb_ci_server", Name: "web-01"}},
	}
}

type bench struct {
	*Server
	authorization func(*http.Request)
}

func start(t *testing.T, o Options) bench {
	t.Helper()
	s, err := Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return bench{s, func(r *http.Request) { r.SetBasicAuth("alice", "alice-alice") }}
}

func (b bench) as(name, password string) bench {
	b.authorization = func(r *http.Request) { r.SetBasicAuth(name, password) }
	return b
}

type reply struct {
	status int
	text   string
	header http.Header
}

func (b bench) ask(t *testing.T, method, path, body string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	b.authorization(r)
	if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{text: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{resp.StatusCode, string(text), resp.Header}
}

// made creates a change of a kind and returns its path.
func (b bench) made(t *testing.T, kind, body string) string {
	t.Helper()
	got := b.ask(t, "POST", "/api/sn_chg_rest/change/"+kind, body)
	require.Equal(t, 200, got.status, got.text)
	var answer struct {
		Result []struct {
			ID string `json:"sys_id"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(got.text), &answer))
	require.Len(t, answer.Result, 1)
	return "/api/sn_chg_rest/change/" + answer.Result[0].ID
}

// TestErrorShapes: every refusal has the shape of the reference.
func TestErrorShapes(t *testing.T) {
	t.Parallel()
	b := start(t, options(t.TempDir()))
	none := "/api/sn_chg_rest/change/" + strings.Repeat("0", 32)
	for _, c := range []struct {
		who                bench
		method, path, body string
		status             int
		says               string
	}{
		{b.as("", ""), "GET", "/api/sn_chg_rest/change", "", 401, "User Not Authenticated"},
		{b.as("alice", "wrong"), "GET", "/api/now/table/incident", "", 401, "User Not Authenticated"},
		{b.as("bob", "bob-bob-bob"), "POST", "/api/sn_chg_rest/change/normal", "{}", 403, "User Not Authorized"},
		{b.as("bob", "bob-bob-bob"), "PATCH", none, "{}", 403, "User Not Authorized"},
		{b, "PATCH", none, "{}", 404, "No Record found"},
		{b, "GET", none, "", 404, "No Record found"},
		{b, "GET", none + "/nextstates", "", 404, "No Record found"},
		{b, "GET", "/api/now/table/incident/x", "", 404, "No Record found"},
		{b, "POST", "/api/sn_chg_rest/change/standard/nope", "{}", 404, "template"},
		{b, "POST", "/api/sn_chg_rest/change/unusual", "{}", 400, "does not represent any resource"},
		{b, "DELETE", none, "", 400, "does not represent any resource"},
		{b, "GET", "/api/now/table/nope", "", 400, "Invalid table"},
		{b, "GET", "/api/now/cmdb/instance/nope", "", 404, "class"},
		{b, "POST", "/api/sn_chg_rest/change/normal", "{", 400, "parse JSON"},
		{b, "POST", "/api/sn_chg_rest/change/normal", "[]", 400, "parse JSON"},
	} {
		got := c.who.ask(t, c.method, c.path, c.body)
		require.Equal(t, c.status, got.status, "%s %s: %s", c.method, c.path, got.text)
		require.Contains(t, got.text, c.says)
		require.Contains(t, got.text, `"status":"failure"`)
		require.Contains(t, got.text, `"detail":`)
	}
	require.Empty(t, b.Tickets())
}

// TestUnknownFieldsAreIgnored: not set, not returned, named in __meta.
func TestUnknownFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	b := start(t, options(t.TempDir()))
	got := b.ask(t, "POST", "/api/sn_chg_rest/change/normal", `{"no_such_field":"x","short_description":"Remove server","number":"CHG1"}`)
	require.Equal(t, 200, got.status)
	require.Contains(t, got.text, `"ignoredFields":["no_such_field","number"]`)
	require.Equal(t, "CHG0030001", b.Tickets()[0].Number)
	require.NotContains(t, b.Tickets()[0].Fields, "no_such_field")

	path := b.made(t, "standard/"+template, `{"description":"mine","short_description":"s"}`)
	require.Empty(t, b.Tickets()[1].Fields["description"])
	refused := b.ask(t, "PATCH", path, `{"description":"mine"}`)
	require.Equal(t, 400, refused.status)
	require.Contains(t, refused.text, "Restrict fields from Standard Change")

	got = b.ask(t, "POST", "/api/now/table/incident", `{"nope":"x","short_description":"s"}`)
	require.Equal(t, 201, got.status)
	require.NotContains(t, got.text, "nope")
}

// TestStates: each kind goes its way, and no other.
func TestStates(t *testing.T) {
	t.Parallel()
	b := start(t, options(t.TempDir()))
	for kind, way := range map[string][]string{
		"normal": {"-4", "-3", "-2", "-1", "0", "3"}, "standard/" + template: {"-2", "-1", "0", "3"}, "emergency": {"-3", "-2", "-1", "0", "3"},
	} {
		path := b.made(t, kind, `{"assignment_group":"`+group+`"}`)
		at := "-5"
		for _, state := range way {
			for _, wrong := range []string{"3", "0", "9", "x"} {
				if wrong != state && wrong != at {
					require.Equal(t, 400, b.ask(t, "PATCH", path, `{"state":"`+wrong+`"}`).status)
				}
			}
			require.Contains(t, b.ask(t, "GET", path+"/nextstates", "").text, `"`+state+`"`)
			if state == "3" {
				require.Contains(t, b.ask(t, "PATCH", path, `{"state":"3"}`).text, "Data Policy Exception")
				require.Contains(t, b.ask(t, "PATCH", path, `{"state":"3","close_code":"successful"}`).text, "Data Policy Exception")
			}
			closing := ""
			if state == "3" {
				closing = `,"close_code":"successful","close_notes":"done"`
			}
			got := b.ask(t, "PATCH", path, `{"state":"`+state+`"`+closing+`}`)
			require.Equal(t, 200, got.status, "%s to %s: %s", kind, state, got.text)
			at = state
		}
		for _, after := range []string{"-5", "-1", "4"} {
			require.Equal(t, 400, b.ask(t, "PATCH", path, `{"state":"`+after+`"}`).status, "a closed change stays so")
		}
	}
	groupless := b.made(t, "normal", `{}`)
	require.Contains(t, b.ask(t, "PATCH", groupless, `{"state":"-4"}`).text, "Assignment group")
	require.Equal(t, 200, b.ask(t, "PATCH", groupless, `{"state":"4"}`).status, "what is not needed is canceled")
	require.Equal(t, 400, b.ask(t, "POST", "/api/sn_chg_rest/change/normal", `{"state":"-1"}`).status)
}

// TestIncidentStates: the Table API says 403 where a rule or a policy refuses.
func TestIncidentStates(t *testing.T) {
	t.Parallel()
	b := start(t, options(t.TempDir()))
	number, err := b.Open("alice", incidents, "", nil)
	require.NoError(t, err)
	path := "/api/now/table/incident/" + b.Tickets()[0].Fields["sys_id"]
	for _, step := range []struct {
		body   string
		status int
		says   string
	}{
		{`{"state":"6"}`, 403, "Resolution code"},
		{`{"state":"6","close_code":"x"}`, 403, "Close notes"},
		{`{"state":"6","close_code":"x","close_notes":"y"}`, 200, ""},
		{`{"state":"8"}`, 403, "Operation Failed"},
		{`{"state":"2"}`, 200, ""},
		{`{"state":"7"}`, 200, ""},
		{`{"state":"2"}`, 403, "aborted by Business Rule"},
	} {
		got := b.ask(t, "PATCH", path, step.body)
		require.Equal(t, step.status, got.status, "%s: %s", step.body, got.text)
		require.Contains(t, got.text, step.says)
	}
	require.NoError(t, b.Note(number, "bob", "x"))
}

func TestTokens(t *testing.T) {
	t.Parallel()
	b := start(t, options(t.TempDir()))
	form := b
	form.authorization = func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }
	for _, bad := range []string{
		"", "grant_type=client_credentials&client_id=app&client_secret=wrong", "grant_type=password&client_id=app&client_secret=app-secret",
		"grant_type=client_credentials&client_id=nope&client_secret=app-secret",
	} {
		require.Equal(t, 401, form.ask(t, "POST", tokenPath, bad).status, bad)
	}
	got := form.ask(t, "POST", tokenPath, "grant_type=client_credentials&client_id=app&client_secret=app-secret")
	require.Equal(t, 200, got.status)
	var answer struct {
		Token string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(got.text), &answer))
	bearer := b
	bearer.authorization = func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+answer.Token) }
	require.Equal(t, 200, bearer.ask(t, "GET", "/api/sn_chg_rest/change", "").status)
	b.ExpireTokens()
	require.Equal(t, 401, bearer.ask(t, "GET", "/api/sn_chg_rest/change", "").status)
	answer.Token = ""
	require.Equal(t, 401, bearer.ask(t, "GET", "/api/sn_chg_rest/change", "").status, "no token is nobody's")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Faults = &faults.Faults{}
	b := start(t, o)
	o.Faults.FailNext(1)
	require.Equal(t, 503, b.ask(t, "POST", "/api/sn_chg_rest/change/normal", `{}`).status)
	b.ThrottleNext(1)
	slow := b.ask(t, "POST", "/api/sn_chg_rest/change/normal", `{}`)
	require.Equal(t, 429, slow.status)
	require.Equal(t, "7", slow.header.Get("Retry-After"))
	require.Empty(t, b.Tickets())
	o.Faults.LoseNext(1)
	require.Equal(t, 200, b.ask(t, "GET", "/api/sn_chg_rest/change", "").status, "an answer to a read is not lost")
	require.Contains(t, b.ask(t, "POST", "/api/sn_chg_rest/change/normal", `{}`).text, "EOF")
	require.Len(t, b.Tickets(), 1)
}

func TestStateSurvives(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	b := start(t, options(folder))
	path := b.made(t, "normal", `{"correlation_id":"k","work_notes":"n"}`)
	before := b.Tickets()
	require.NoError(t, b.Close())
	again := start(t, options(folder))
	require.Equal(t, before, again.Tickets())
	require.Equal(t, 200, again.ask(t, "GET", path, "").status)
	again.made(t, "normal", `{}`)
	require.Equal(t, "CHG0030002", again.Tickets()[1].Number)

	require.NoError(t, again.Close())
	require.NoError(t, os.WriteFile(filepath.Join(folder, stateFile), []byte("{"), 0o600))
	_, err := Start(options(folder))
	require.ErrorContains(t, err, "remove it to begin anew")
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*Options){
		"no folder":                    func(o *Options) { o.Folder = "" },
		"no user":                      func(o *Options) { o.Users = nil },
		"no group":                     func(o *Options) { o.Groups = nil },
		"a password of 8":              func(o *Options) { o.Users[0].Password = "short" },
		"a secret of 8 characters and": func(o *Options) { o.Clients[0].User = "nobody" },
		"listen":                       func(o *Options) { o.Listen = "127.0.0.1:-1" },
	} {
		o := options(t.TempDir())
		change(&o)
		_, err := Start(o)
		require.ErrorContains(t, err, text)
	}
}

package requesttracker

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/faults"
)

const token = "1-28-0123456789"

func options(folder string) Options {
	return Options{
		Folder: folder, Users: []User{{Name: "fermata", Token: token}}, Queues: []Queue{{Name: "Changes"}},
		Fields: []Field{{Name: "Key", Unique: true}, {Name: "Owner"}},
	}
}

func start(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

type reply struct {
	status int
	etag   string
	text   string
}

func (s *Server) ask(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Authorization", "token "+token)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{text: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return reply{resp.StatusCode, resp.Header.Get("ETag"), string(text)}
}

// TestAnswersAsRT: status and text of each of these were seen on RT 5.0.3.
func TestAnswersAsRT(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	for _, c := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"POST", "/ticket", `{"Queue":"Changes","Subject":"one","CustomFields":{"Key":"a/b","Owner":"x","Nope":"y"},"Nope":1}`, 201, `"id":"1"`},
		{"POST", "/ticket", `{"Queue":"Changes","Subject":"two","CustomFields":{"Key":"a/b"}}`, 201, `"id":"2"`},
		{"GET", "/ticket/2", ``, 200, `"name":"Key","type":"customfield","values":[]`},
		{"POST", "/ticket", `{"Subject":"x"}`, 400, `Could not create ticket. Queue not set`},
		{"POST", "/ticket", `{"Queue":"Nope"}`, 403, `No permission to create tickets in the queue 'Nope'`},
		{"POST", "/ticket", `{"Queue":"Changes","Status":"bogus"}`, 400, `Status 'bogus' isn't a valid status for tickets in this queue.`},
		{"POST", "/ticket", `[]`, 400, `JSON object must be a HASH`},
		{"POST", "/ticket", `{`, 400, `JSON parse error`},
		{"PUT", "/ticket/1", `{"Status":"bogus"}`, 200, `["Ticket 1: Status 'bogus' isn't a valid status for this ticket."]`},
		{"PUT", "/ticket/1", `{"Nope":"x"}`, 200, `[]`},
		{"PUT", "/ticket/1", `{"Status":"open"}`, 200, `["Ticket 1: Status changed from 'new' to 'open'"]`},
		{"PUT", "/ticket/1", `{"Status":"open"}`, 200, `[]`},
		{"PUT", "/ticket/2", `{"CustomFields":{"Key":"a/b"}}`, 200, `'a/b' is not a unique value`},
		{"PUT", "/ticket/99", `{"Status":"open"}`, 404, `Resource does not exist; use POST to create`},
		{"GET", "/ticket/99", ``, 404, `{"message":"Not Found"}`},
		{"GET", "/ticket/99/history", ``, 200, `"items":[]`},
		{"POST", "/ticket/1/comment", `{"Content":"x"}`, 400, `ContentType is a required field for application/json`},
		{"POST", "/ticket/1/comment", `{"Content":"x","ContentType":"text/plain"}`, 201, `["Comments added"]`},
		{"POST", "/ticket/99/comment", `{"Content":"x","ContentType":"text/plain"}`, 400, `Message could not be recorded`},
		{"GET", "/queue/Nope", ``, 404, `Not Found`},
		{"GET", "/nope", ``, 404, `Not Found`},
		{"GET", "/tickets?query=garbage+(+%3D", ``, 400, `Wrong query, expecting`},
		{"GET", "/tickets?query=id+%3D+4711", ``, 200, `"pages":0.0`},
	} {
		got := s.ask(t, c.method, "/REST/2.0"+c.path, c.body)
		require.Equal(t, c.status, got.status, "%s %s %s: %s", c.method, c.path, c.body, got.text)
		require.Contains(t, strings.ReplaceAll(got.text, `\u0026`, "&"), c.text, "%s %s %s", c.method, c.path, c.body)
	}
	require.Equal(t, 415, s.ask(t, "POST", "/REST/2.0/ticket", "x=1", "Content-Type", "application/x-www-form-urlencoded").status)
	for _, header := range []string{"", "token wrong-token", "Bearer " + token, "token"} {
		require.Equal(t, 401, s.ask(t, "GET", "/REST/2.0/rt", "", "Authorization", header).status, "%q", header)
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	id, err := s.Open("alice", "Changes", "one", nil)
	require.NoError(t, err)
	path := "/REST/2.0/ticket/" + strconv.Itoa(id)
	etag := s.ask(t, "GET", path, "").etag
	require.NotEmpty(t, etag)
	require.NoError(t, s.Change(id, "alice", "", "wait"))
	require.Equal(t, 412, s.ask(t, "PUT", path, `{"Status":"open"}`, "If-Match", etag).status)
	etag = s.ask(t, "GET", path, "").etag
	require.Equal(t, 200, s.ask(t, "PUT", path, `{"Status":"open"}`, "If-Match", etag).status)
}

func TestQueries(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	for i := range 3 {
		_, err := s.Open([]string{"fermata", "alice", "bob"}[i], "Changes", "subject "+strconv.Itoa(i), map[string]string{"Owner": "o'" + strconv.Itoa(i)})
		require.NoError(t, err)
	}
	for query, want := range map[string][]int{
		"":                                 {},
		"id > 0":                           {1, 2, 3},
		`'CF.{Owner}' = 'o\'1'`:            {2},
		`'CF.{Owner}' = 'x' OR id > '0'`:   {1, 2, 3},
		"id > 1 AND (id < 3 OR id = 4)":    {2},
		"id = 1 OR id = 2 AND id = 3":      {1},
		"'CF.{Key}' IS NULL AND id != 2":   {1, 3},
		"'CF.{Owner}' IS NOT NULL":         {1, 2, 3},
		"Creator = '__CurrentUser__'":      {1},
		"Subject LIKE 'ECT 2'":             {3},
		"'CF.{Nope}' = 'x'":                {},
		"Queue = 'Changes' AND Status=new": {1, 2, 3},
	} {
		var page struct {
			Items []struct {
				ID int `json:",string"`
			}
		}
		got := s.ask(t, "GET", "/REST/2.0/tickets?orderby=id&query="+urlEscape(query), "")
		require.Equal(t, 200, got.status, "%s: %s", query, got.text)
		require.NoError(t, json.Unmarshal([]byte(got.text), &page))
		found := []int{}
		for _, item := range page.Items {
			found = append(found, item.ID)
		}
		require.Equal(t, want, found, query)
	}
	for _, query := range []string{"id", "id =", "id = 1 id", "(id = 1", "nope = 1", "id ~ 1", "id = 'x", "; drop", "AND", "id = 1 AND"} {
		require.Equal(t, 400, s.ask(t, "GET", "/REST/2.0/tickets?query="+urlEscape(query), "").status, query)
	}
}

func urlEscape(s string) string {
	return strings.NewReplacer("%", "%25", " ", "+", "'", "%27", "=", "%3D", "{", "%7B", "}", "%7D", "\\", "%5C", ";", "%3B", "~", "%7E").Replace(s)
}

// TestHistoryHides: entries that a user may not see take their place in a page.
func TestHistoryHides(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Users[0].Rights = []string{"ShowTicket", "CreateTicket"}
	s := start(t, o)
	_, err := s.Open("alice", "Changes", "one", nil)
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, s.Change(1, "alice", "", "secret"))
	}
	got := s.ask(t, "GET", "/REST/2.0/ticket/1/history?fields=Type&per_page=2&page=2", "").text
	require.Contains(t, got, `"count":0`)
	require.Contains(t, got, `"total":null`)
	require.NotContains(t, got, "next_page")
}

func TestStateSurvives(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := start(t, options(folder))
	require.Equal(t, 201, s.ask(t, "POST", "/REST/2.0/ticket", `{"Queue":"Changes","Subject":"kept","CustomFields":{"Key":"a/b"}}`).status)
	require.Equal(t, 201, s.ask(t, "POST", "/REST/2.0/ticket/1/comment", `{"Content":"x","ContentType":"text/plain"}`).status)
	before := s.Tickets()
	require.NoError(t, s.Close())
	again := start(t, options(folder))
	require.Equal(t, before, again.Tickets())
	require.Contains(t, again.ask(t, "POST", "/REST/2.0/ticket", `{"Queue":"Changes","Subject":"next"}`).text, `"id":"2"`)

	require.NoError(t, again.Close())
	require.NoError(t, os.WriteFile(filepath.Join(folder, stateFile), []byte("{"), 0o600))
	_, err := Start(options(folder))
	require.ErrorContains(t, err, "remove it to begin anew")
}

func TestFaults(t *testing.T) {
	t.Parallel()
	o := options(t.TempDir())
	o.Faults = &faults.Faults{}
	s := start(t, o)
	o.Faults.FailNext(1)
	require.Equal(t, 503, s.ask(t, "POST", "/REST/2.0/ticket", `{"Queue":"Changes"}`).status)
	require.Empty(t, s.Tickets())
	o.Faults.LoseNext(1)
	require.Equal(t, 200, s.ask(t, "GET", "/REST/2.0/rt", "").status, "an answer to a read is not lost")
	require.Contains(t, s.ask(t, "POST", "/REST/2.0/ticket", `{"Queue":"Changes"}`).text, "EOF")
	require.Len(t, s.Tickets(), 1)
}

// TestPagesEscape: a ticket's text is other people's, and the page is opened in a browser.
func TestPagesEscape(t *testing.T) {
	t.Parallel()
	s := start(t, options(t.TempDir()))
	evil := `<script>alert(1)</script><img src=x onerror=alert(2)>"'`
	_, err := s.Open(evil, "Changes", evil, map[string]string{"Key": evil, evil: evil})
	require.NoError(t, err)
	require.NoError(t, s.Change(1, evil, "open", evil+"\nline 2"))
	for _, path := range []string{"/", "/Ticket/Display.html?id=1"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode)
		require.Contains(t, string(text), "&lt;script&gt;")
		require.NotContains(t, string(text), "<script")
		require.NotContains(t, string(text), "<img")
		require.Contains(t, resp.Header.Get("Content-Security-Policy"), "default-src 'none'")
	}
	for _, id := range []string{"", "0", "2", "-1", "x", evil} {
		require.Equal(t, 404, s.ask(t, "GET", "/Ticket/Display.html?id="+urlEscape(id), "").status)
	}
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"no folder":    func(o *Options) { o.Folder = "" },
		"no user":      func(o *Options) { o.Users = nil },
		"no queue":     func(o *Options) { o.Queues = nil },
		"a token of 8": func(o *Options) { o.Users[0].Token = "" },
		"listen":       func(o *Options) { o.Listen = "127.0.0.1:-1" },
	} {
		o := options(t.TempDir())
		change(&o)
		_, err := Start(o)
		require.ErrorContains(t, err, strings.Fields(name)[0], name)
	}
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"id = 1", "'CF.{Key}' = 'x' AND (Status = 'new' OR id > 2)", "(((", "id IS NOT NULL", `'a\`} {
		f.Add(seed)
	}
	ticket := &Ticket{ID: 1, Fields: map[string]string{"Key": "x"}}
	f.Fuzz(func(t *testing.T, query string) {
		if matches, err := parseQuery(query); err == nil {
			_ = matches(row{ticket, "fermata"})
		}
	})
}

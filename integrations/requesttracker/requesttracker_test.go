package requesttracker_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/ticketing"
	"fermata/activities/ticketing/ticketingtest"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/requesttracker"
)

func request() ticketing.Request {
	return ticketing.Request{Queue: "Changes", Subject: "Provision server web-01", Text: "plan"}
}

// TestUniqueFieldLosesSilently is the trap of UniqueValues: the second create answers 201, without its key. Then the
// answer is lost as well, so that nobody knows the ticket's number.
func TestUniqueFieldLosesSilently(t *testing.T) {
	t.Parallel()
	b := setup(t, true)
	op := ticketingtest.Op()
	fields := map[string]string{"Fermata Owner": string(op.Owner)}
	orphan, err := b.server.Open("fermata", "Changes", request().Subject, fields) // The lost attempt's.
	require.NoError(t, err)
	byPerson, err := b.server.Open("alice", "Changes", request().Subject, fields)
	require.NoError(t, err)
	otherSubject, err := b.server.Open("fermata", "Changes", "Something else", fields)
	require.NoError(t, err)

	first, err := b.desk(t, goodToken).EnsureTicket(t.Context(), op, request())
	require.NoError(t, err)
	again, err := b.desk(t, goodToken).EnsureTicket(t.Context(), op, request())
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	tickets := b.server.Tickets()
	require.Len(t, tickets, 4)
	require.Equal(t, "rejected", tickets[orphan-1].Status)
	require.Equal(t, "new", tickets[byPerson-1].Status, "a person's ticket is left alone")
	require.Equal(t, "new", tickets[otherSubject-1].Status)
}

// TestMissingFieldRight: RT drops a field that the user may not set. Such a ticket is closed, and the person is told why.
func TestMissingFieldRight(t *testing.T) {
	t.Parallel()
	b := setup(t, false)
	desk := b.desk(t, "1-53-fieldless")
	require.True(t, fault.Is(desk.Check(t.Context(), "Changes"), fault.NotFound))
	_, err := desk.EnsureTicket(t.Context(), ticketingtest.Op(), request())
	require.True(t, fault.Is(err, fault.Unauthorized), "%v", err)
	require.ErrorContains(t, err, "SetInitialCustomField")
	require.Len(t, b.server.Tickets(), 1)
	require.Equal(t, "rejected", b.server.Tickets()[0].Status)
}

// TestNoteThatDoesNotShow: a user that cannot see comments would add them again and again.
func TestNoteThatDoesNotShow(t *testing.T) {
	t.Parallel()
	b := setup(t, false)
	op := ticketingtest.Op()
	desk := b.desk(t, "1-54-blindblind")
	ticket, err := desk.EnsureTicket(t.Context(), op, request())
	require.NoError(t, err)
	err = desk.EnsureNote(t.Context(), op, ticket.ID, "a", "text")
	require.True(t, fault.Is(err, fault.Unauthorized), "%v", err)
	require.ErrorContains(t, err, "ShowTicketComments")
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	b := setup(t, false)
	b.server.ThrottleNext(1)
	_, err := b.desk(t, goodToken).EnsureTicket(t.Context(), ticketingtest.Op(), request())
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, fault.Throttled, f.Kind)
	require.Equal(t, 7*time.Second, f.After)
}

func TestDisabledQueue(t *testing.T) {
	t.Parallel()
	b := setup(t, false)
	err := b.desk(t, goodToken).Check(t.Context(), "Old")
	require.True(t, fault.Is(err, fault.NotFound), "%v", err)
	require.ErrorContains(t, err, "disabled")
}

// TestChangeInBetween drives a person's change between the reading and the writing of a ticket: the first PUT meets 412.
func TestChangeInBetween(t *testing.T) {
	t.Parallel()
	for changes, want := range map[int]fault.Kind{1: "", 3: "", 100: fault.Unavailable} {
		b := setup(t, false)
		op := ticketingtest.Op()
		ticket, err := b.desk(t, goodToken).EnsureTicket(t.Context(), op, request())
		require.NoError(t, err)
		front := b.between(t, func(r *http.Request) {
			if r.Method == http.MethodPut && changes > 0 {
				changes--
				require.NoError(t, b.server.Change(1, "alice", "", "wait"))
			}
		})
		c := b.config()
		c.URL = front
		desk, err := requesttracker.New(c, tokens{"good": goodToken}, nil)
		require.NoError(t, err)
		got, err := desk.EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
		require.Equal(t, want, fault.KindOf(err), "%v", err)
		if want == "" {
			require.Equal(t, ticketing.Resolved, got.Status)
		}
	}
}

// between passes requests on to the emulator after f has seen them.
func (b bench) between(t *testing.T, f func(*http.Request)) string {
	t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f(r)
		out, err := http.NewRequestWithContext(r.Context(), r.Method, b.server.URL()+r.URL.String(), r.Body)
		if err != nil {
			panic(err)
		}
		out.Header = r.Header
		resp, err := http.DefaultClient.Do(out)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		for name, values := range resp.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// TestAnswersThatAreNoAnswers: what a wrong address or a broken proxy says.
func TestAnswersThatAreNoAnswers(t *testing.T) {
	t.Parallel()
	for text, kind := range map[string]fault.Kind{
		"<html>login</html>": fault.Invalid, `{"items":[{"id":"x"}]}`: fault.Invalid, `{"items":{}}`: fault.Invalid, "": fault.Invalid,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }))
		t.Cleanup(server.Close)
		c := requesttracker.DefaultConfig()
		c.URL, c.Token, c.HTTP.Proxy = server.URL, "secret://test/good", "none"
		desk, err := requesttracker.New(c, tokens{}, nil)
		require.NoError(t, err)
		_, err = desk.EnsureTicket(t.Context(), ticketingtest.Op(), request())
		require.Equal(t, kind, fault.KindOf(err), "%q: %v", text, err)
	}
}

func TestTokenNeverShows(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("got Authorization: " + r.Header.Get("Authorization")))
	}))
	t.Cleanup(server.Close)
	c := requesttracker.DefaultConfig()
	c.URL, c.Token, c.HTTP.Proxy = server.URL, "secret://test/good", "none"
	desk, err := requesttracker.New(c, tokens{"good": goodToken}, nil)
	require.NoError(t, err)
	err = desk.Check(t.Context(), "")
	require.Error(t, err)
	require.NotContains(t, err.Error(), "0123456789abcdef")
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*requesttracker.Config){
		"url: expected the address": func(c *requesttracker.Config) { c.URL = "rt.example.net" },
		"url: expected https":       func(c *requesttracker.Config) { c.URL = "http://rt.example.net" },
		"holds a credential":        func(c *requesttracker.Config) { c.URL = "https://u:p@rt.example.net" },
		"no query":                  func(c *requesttracker.Config) { c.URL = "https://rt.example.net/?a=b" },
		"token:":                    func(c *requesttracker.Config) { c.Token = "1-14-literal" },
		"queue:":                    func(c *requesttracker.Config) { c.Queue = "a/b" },
		"customField:":              func(c *requesttracker.Config) { c.CustomField = "x}' OR id > 0 OR 'CF.{y" },
		"ownerField:":               func(c *requesttracker.Config) { c.OwnerField = c.CustomField },
		"notes:":                    func(c *requesttracker.Config) { c.Notes = "mail" },
		"status.open:":              func(c *requesttracker.Config) { c.Status.Open = "" },
		"status: expected another":  func(c *requesttracker.Config) { c.Status.Open = "resolved" },
		"pin:":                      func(c *requesttracker.Config) { c.HTTP.Pin = "x" },
	} {
		c := requesttracker.DefaultConfig()
		c.URL, c.Token = "https://rt.example.net/rt/", "secret://file/rt-token"
		_, err := requesttracker.New(c, tokens{}, nil)
		require.NoError(t, err)
		change(&c)
		_, err = requesttracker.New(c, tokens{}, nil)
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", text, err)
		require.ErrorContains(t, err, text)
	}
}

// TestExampleOfTheREADME opens the integration with the configuration that the README shows.
func TestExampleOfTheREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	_, example, ok := strings.Cut(string(readme), "```yaml\n")
	require.True(t, ok)
	example, _, _ = strings.Cut(example, "```")
	system, err := open(t, example)
	require.NoError(t, err)
	require.Equal(t, "https://rt.example.net", system.Endpoint())
	require.Implements(t, (*ticketing.Desk)(nil), system)
	require.NoError(t, system.Close(context.Background()))

	_, err = open(t, strings.Replace(example, "queue:", "quue:", 1))
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.ErrorContains(t, err, "quue")
}

func open(t *testing.T, systems string) (integrations.System, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "installation.yaml")
	head := "apiVersion: fermata/v1\nkind: Installation\nmetadata: {name: lab}\nspec:\n  temporal: {address: \"127.0.0.1:7233\"}\n" +
		"  encryption: {active: k, keys: [{id: k, secret: \"secret://file/k\"}]}\n  decisions: {allowedSigners: signers}\n" +
		"  secrets: {file: {folder: secrets}}\n  records: {folder: records}\n"
	require.NoError(t, os.WriteFile(path, []byte(head+systems), 0o600))
	in, err := config.Load(path)
	require.NoError(t, err)
	require.Len(t, in.Systems, 1)
	require.Equal(t, requesttracker.Type, in.Systems[0].Type)
	return requesttracker.Integration().Open(t.Context(), integrations.Environment{Secrets: tokens{}}, in.Systems[0])
}

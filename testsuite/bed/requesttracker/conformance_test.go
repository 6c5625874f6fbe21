package requesttracker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/activities/ticketing/ticketingtest"
	"fermata/integrations/httpx"
	driver "fermata/integrations/requesttracker"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/requesttracker"
)

// initialData is what Fermata needs in Request Tracker.
const initialData = "../../../integrations/requesttracker/initialdata"

func TestMain(m *testing.M) {
	os.Exit(host.Main(m, host.Installed(requesttracker.Packages()), requesttracker.Prepare(initialData)))
}

// TestConformance runs the suite of ticket systems against the real Request Tracker. All cases share one server; each has
// a user of its own, by whom its tickets are known.
func TestConformance(t *testing.T) {
	host.Require(t)
	server := start(t)
	var taken atomic.Int32
	ticketingtest.Run(t, ticketingtest.Bench{Open: func(t *testing.T) ticketingtest.System {
		t.Helper()
		n := taken.Add(1)
		require.LessOrEqual(t, int(n), requesttracker.Desks, "the suite has grown: raise Desks")
		return newBench(t, server, int(n)).system()
	}})
}

// start returns a server that is stopped after the test and all its subtests.
func start(t *testing.T) *requesttracker.Server {
	t.Helper()
	data, err := filepath.Abs(initialData)
	require.NoError(t, err)
	address, err := host.Address()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	folder := host.Folder(t)
	s, err := requesttracker.Start(ctx, requesttracker.Options{
		Folder: folder, InitialData: data, Address: address, Workers: 4,
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Stop())
		if log, err := os.ReadFile(filepath.Join(folder, "log")); t.Failed() && err == nil {
			t.Logf("Request Tracker's log:\n%s", log)
		}
	})
	return s
}

// tokens resolves secret://test/NAME to a token.
type tokens map[string]string

func (s tokens) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	server                *requesttracker.Server
	front                 front
	user, person          string
	good, reader, persons string // Tokens.
}

func newBench(t *testing.T, server *requesttracker.Server, n int) bench {
	t.Helper()
	b := bench{server: server, front: newFront(t, server.URL()), user: fmt.Sprintf("fermata-%02d", n), person: fmt.Sprintf("person-%02d", n)}
	for user, into := range map[string]*string{b.user: &b.good, b.person: &b.persons, "reader": &b.reader} {
		token, err := server.Token(user)
		require.NoError(t, err)
		*into = token
	}
	return b
}

func (b bench) desk(t *testing.T, token string) *driver.Driver {
	t.Helper()
	c := driver.DefaultConfig()
	c.URL, c.Token, c.HTTP.Proxy = b.front.server.URL, "secret://test/it", httpx.NoProxy
	d, err := driver.New(c, tokens{"it": token}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	return d
}

func (b bench) system() ticketingtest.System {
	return ticketingtest.System{
		Queue: "Changes", Strict: "Strict",
		NewDesk: func(t *testing.T) ticketing.Desk { t.Helper(); return b.desk(t, b.good) },
		Denied: func(t *testing.T) ticketing.Desk {
			t.Helper()
			return b.desk(t, b.good[:len(b.good)-32]+strings.Repeat("0", 32))
		},
		Weak:    func(t *testing.T) ticketing.Desk { t.Helper(); return b.desk(t, b.reader) },
		Tickets: b.judge,
		Foreign: func(t *testing.T, queue, subject, key string, owner operation.Owner) string {
			t.Helper()
			var made struct{ ID string }
			fields := map[string]string{"Fermata Key": key, "Fermata Owner": string(owner)}
			b.ask(t, "ticket", map[string]any{"Queue": queue, "Subject": subject, "CustomFields": fields}, &made)
			return made.ID
		},
		Touch:    b.comment,
		LoseNext: b.front.faults.LoseNext, FailNext: b.front.faults.FailNext,
		Down: func(t *testing.T) { t.Helper(); b.front.server.Close() },
	}
}

// comment adds comments, some in each request: logging in takes most of the time of one.
func (b bench) comment(t *testing.T, id string, comments ...string) {
	t.Helper()
	for some := range slices.Chunk(comments, 26) {
		var bulk []map[string]any
		for _, comment := range some {
			bulk = append(bulk, map[string]any{"id": id, "Content": comment, "ContentType": "text/plain"})
		}
		b.ask(t, "tickets/bulk/comment", bulk, new([][]string))
	}
}

// ask lets the person work, past the driver and the front.
func (b bench) ask(t *testing.T, path string, body, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL()+"/REST/2.0/"+path, bytes.NewReader(text))
	require.NoError(t, err)
	r.Header.Set("Authorization", "token "+b.persons)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, resp.StatusCode, "%s: %s", path, answer)
	require.NoError(t, json.Unmarshal(answer, into), "%s", answer)
}

// judge reads the tickets of this case from Request Tracker's database.
func (b bench) judge(t *testing.T) (found []ticketingtest.Judged) {
	t.Helper()
	all, err := b.server.Tickets(t.Context())
	require.NoError(t, err)
	for _, ticket := range all {
		if ticket.Creator != b.user && ticket.Creator != b.person {
			continue
		}
		one := ticketingtest.Judged{
			ID: strconv.Itoa(ticket.ID), Subject: ticket.Subject, Key: ticket.Fields["Fermata Key"], Notes: ticket.Notes, Status: ticketing.Open,
		}
		switch ticket.Status {
		case "resolved":
			one.Status = ticketing.Resolved
		case "rejected":
			one.Status = ticketing.Rejected
		}
		found = append(found, one)
	}
	return found
}

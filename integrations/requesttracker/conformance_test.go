package requesttracker_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/activities/ticketing/ticketingtest"
	"fermata/integrations/httpx"
	"fermata/integrations/requesttracker"
	"fermata/sandbox/estate/faults"
	emulator "fermata/sandbox/estate/requesttracker"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	t.Run("key is not unique", func(t *testing.T) {
		t.Parallel()
		ticketingtest.Run(t, ticketingtest.Bench{Open: func(t *testing.T) ticketingtest.System { t.Helper(); return setup(t, false).system() }})
	})
	t.Run("key is unique", func(t *testing.T) {
		t.Parallel()
		ticketingtest.Run(t, ticketingtest.Bench{Open: func(t *testing.T) ticketingtest.System { t.Helper(); return setup(t, true).system() }})
	})
}

const goodToken = "1-28-0123456789abcdef"

// tokens resolves secret://test/NAME to a token.
type tokens map[string]string

func (s tokens) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	server *emulator.Server
	faults *faults.Faults
}

// weakRights are those of a user that may read.
func weakRights() []string {
	return []string{"SeeQueue", "ShowTicket", "ShowTicketComments", "SeeCustomField"}
}

// ourRights are those that the README asks for.
func ourRights() []string {
	return append(weakRights(), "CreateTicket", "CommentOnTicket", "ModifyTicket", "SetInitialCustomField")
}

func setup(t *testing.T, unique bool) bench {
	t.Helper()
	b := bench{faults: &faults.Faults{}}
	server, err := emulator.Start(emulator.Options{
		Folder: t.TempDir(), Faults: b.faults,
		Users: []emulator.User{
			{Name: "fermata", Token: goodToken, Rights: ourRights()},
			{Name: "weak", Token: "1-52-weakweakweak", Rights: weakRights()},
			{Name: "fieldless", Token: "1-53-fieldless", Rights: []string{"SeeQueue", "ShowTicket", "CreateTicket", "CommentOnTicket", "ModifyTicket", "ShowTicketComments"}},
			{Name: "blind", Token: "1-54-blindblind", Rights: []string{
				"SeeQueue", "ShowTicket", "CreateTicket", "CommentOnTicket", "ModifyTicket", "SeeCustomField", "SetInitialCustomField",
			}},
		},
		Queues: []emulator.Queue{
			{Name: "Changes"},
			{Name: "Strict", Transitions: map[string][]string{"new": {"open", "resolved"}, "open": {"resolved"}}},
			{Name: "Old", Disabled: true},
		},
		Fields: []emulator.Field{{Name: "Fermata Key", Unique: unique}, {Name: "Fermata Owner"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	b.server = server
	return b
}

func (b bench) config() requesttracker.Config {
	c := requesttracker.DefaultConfig()
	c.URL, c.Token, c.HTTP.Proxy = b.server.URL(), "secret://test/good", httpx.NoProxy
	return c
}

func (b bench) desk(t *testing.T, token string) *requesttracker.Driver {
	t.Helper()
	d, err := requesttracker.New(b.config(), tokens{"good": token}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	return d
}

func (b bench) system() ticketingtest.System {
	return ticketingtest.System{
		Queue: "Changes", Strict: "Strict",
		NewDesk: func(t *testing.T) ticketing.Desk { t.Helper(); return b.desk(t, goodToken) },
		Denied:  func(t *testing.T) ticketing.Desk { t.Helper(); return b.desk(t, "1-28-revoked") },
		Weak:    func(t *testing.T) ticketing.Desk { t.Helper(); return b.desk(t, "1-52-weakweakweak") },
		Tickets: b.judge,
		Foreign: func(t *testing.T, queue, subject, key string, owner operation.Owner) string {
			t.Helper()
			id, err := b.server.Open("somebody", queue, subject, map[string]string{"Fermata Key": key, "Fermata Owner": string(owner)})
			require.NoError(t, err)
			return strconv.Itoa(id)
		},
		Touch: func(t *testing.T, id string, comments ...string) {
			t.Helper()
			n, err := strconv.Atoi(id)
			require.NoError(t, err)
			for _, comment := range comments {
				require.NoError(t, b.server.Change(n, "somebody", "", comment))
			}
		},
		LoseNext: b.faults.LoseNext, FailNext: b.faults.FailNext,
		Down: func(t *testing.T) { t.Helper(); require.NoError(t, b.server.Close()) },
	}
}

// judge reads the emulator's own state.
func (b bench) judge(t *testing.T) (found []ticketingtest.Judged) {
	t.Helper()
	for _, ticket := range b.server.Tickets() {
		one := ticketingtest.Judged{
			ID: strconv.Itoa(ticket.ID), Subject: ticket.Subject, Key: ticket.Fields["Fermata Key"], Status: ticketing.Open,
		}
		switch ticket.Status {
		case "resolved":
			one.Status = ticketing.Resolved
		case "rejected":
			one.Status = ticketing.Rejected
		}
		for _, entry := range ticket.History {
			if entry.Type == "Comment" || entry.Type == "Correspond" {
				one.Notes = append(one.Notes, entry.Content)
			}
		}
		found = append(found, one)
	}
	return found
}

package servicenow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/activities/ticketing/ticketingtest"
	"fermata/integrations/httpx"
	"fermata/integrations/servicenow"
	"fermata/sandbox/estate/faults"
	emulator "fermata/sandbox/estate/servicenow"
)

// TestConformance runs the suite with every kind of ticket and both kinds of credentials.
func TestConformance(t *testing.T) {
	t.Parallel()
	for _, kind := range []servicenow.Kind{servicenow.Normal, servicenow.Standard, servicenow.Emergency, servicenow.Incident} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			ticketingtest.Run(t, ticketingtest.Bench{Open: func(t *testing.T) ticketingtest.System {
				t.Helper()
				b := setup(t, kind, nil)
				b.oauth = kind == servicenow.Emergency || kind == servicenow.Incident
				return b.system()
			}})
		})
	}
	t.Run("an instance that ignores case", func(t *testing.T) {
		t.Parallel()
		ticketingtest.Run(t, ticketingtest.Bench{Open: func(t *testing.T) ticketingtest.System {
			t.Helper()
			return setup(t, servicenow.Normal, func(o *emulator.Options) { o.FoldCase = true }).system()
		}})
	})
}

const (
	goodPassword = "correct-horse-battery"
	goodSecret   = "client-secret-0123456789"
	template     = "92b8544047810200e90d87e8dee490b0"
	changesID    = "287ebd7da9fe198100f92cc8d1d2154e"
	strictID     = "287ebd7da9fe198100f92cc8d1d2154f"
	itemID       = "caf043a3b7fb23000999e4f6ee11a9c0"
)

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	server *emulator.Server
	faults *faults.Faults
	kind   servicenow.Kind
	oauth  bool
}

func setup(t *testing.T, kind servicenow.Kind, change func(*emulator.Options)) bench {
	t.Helper()
	b := bench{faults: &faults.Faults{}, kind: kind}
	options := emulator.Options{
		Folder: t.TempDir(), Faults: b.faults,
		Users: []emulator.User{
			{Name: "fermata", Password: goodPassword, Roles: []string{"itil"}},
			{Name: "weak", Password: "weak-weak-weak", Roles: []string{"sn_change_read"}},
			{Name: "keyless", Password: "keyless-keyless", Roles: []string{"itil"}, Hidden: []string{"change_request.correlation_id"}},
			{Name: "blind", Password: "blind-blind-blind", Roles: []string{"itil"}, Hidden: []string{"sys_journal_field"}},
		},
		Clients:   []emulator.Client{{ID: "app", Secret: goodSecret, User: "fermata"}, {ID: "weak", Secret: "weak-weak-weak", User: "weak"}},
		Groups:    []emulator.Group{{ID: changesID, Name: "Changes"}, {ID: strictID, Name: "Strict", NoReopen: true}, {ID: itemID, Name: "Old", Inactive: true}},
		Templates: []string{template},
	}
	if change != nil {
		change(&options)
	}
	server, err := emulator.Start(options)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	b.server = server
	return b
}

// config works as the user, or as the OAuth application of this name.
func (b bench) config(user string) servicenow.Config {
	c := servicenow.DefaultConfig()
	c.URL, c.Kind, c.HTTP.Proxy = b.server.URL(), b.kind, httpx.NoProxy
	if b.oauth {
		c.ClientID, c.ClientSecret = user, "secret://test/it"
	} else {
		c.Username, c.Password = user, "secret://test/it"
	}
	if b.kind == servicenow.Standard {
		c.Template = template
	}
	return c
}

func (b bench) desk(t *testing.T, user, password string) *servicenow.Driver {
	t.Helper()
	return desk(t, b.config(user), password)
}

func desk(t *testing.T, c servicenow.Config, password string) *servicenow.Driver {
	t.Helper()
	d, err := servicenow.New(c, secrets{"it": password}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	return d
}

func (b bench) good(t *testing.T) *servicenow.Driver {
	t.Helper()
	if b.oauth {
		return b.desk(t, "app", goodSecret)
	}
	return b.desk(t, "fermata", goodPassword)
}

func (b bench) table() string {
	if b.kind == servicenow.Incident {
		return "incident"
	}
	return "change_request"
}

func (b bench) system() ticketingtest.System {
	return ticketingtest.System{
		Queue: "Changes", Strict: "Strict", Final: b.kind != servicenow.Incident, Absent: "CHG0099999",
		NewDesk: func(t *testing.T) ticketing.Desk { t.Helper(); return b.good(t) },
		Denied:  func(t *testing.T) ticketing.Desk { t.Helper(); return b.desk(t, "fermata", "not-the-password") },
		Weak:    func(t *testing.T) ticketing.Desk { t.Helper(); return b.desk(t, "weak", "weak-weak-weak") },
		Tickets: b.judge,
		Foreign: func(t *testing.T, queue, subject, key string, owner operation.Owner) string {
			t.Helper()
			number, err := b.server.Open("somebody", b.table(), string(b.kind), map[string]string{
				"short_description": subject, "correlation_id": key, "correlation_display": string(owner),
				"assignment_group": map[string]string{"Changes": changesID, "Strict": strictID}[queue],
			})
			require.NoError(t, err)
			return number
		},
		Touch: func(t *testing.T, id string, comments ...string) {
			t.Helper()
			for _, comment := range comments {
				require.NoError(t, b.server.Note(id, "somebody", comment))
			}
		},
		LoseNext: b.faults.LoseNext, FailNext: b.faults.FailNext,
		Down: func(t *testing.T) { t.Helper(); require.NoError(t, b.server.Close()) },
	}
}

// judge reads the emulator's own state. What came with a ticket is no note.
func (b bench) judge(t *testing.T) (found []ticketingtest.Judged) {
	t.Helper()
	for _, ticket := range b.server.Tickets() {
		one := ticketingtest.Judged{
			ID: ticket.Number, Subject: ticket.Fields["short_description"], Key: ticket.Fields["correlation_id"], Status: ticketing.Open,
		}
		switch state := ticket.Fields["state"]; {
		case strings.HasPrefix(ticket.Number, "CHG") && state == "3", strings.HasPrefix(ticket.Number, "INC") && (state == "6" || state == "7"):
			one.Status = ticketing.Resolved
		case strings.HasPrefix(ticket.Number, "CHG") && state == "4", strings.HasPrefix(ticket.Number, "INC") && state == "8":
			one.Status = ticketing.Rejected
		}
		for _, entry := range ticket.Journal {
			if entry.Element == "work_notes" && !entry.AtOpening {
				one.Notes = append(one.Notes, entry.Value)
			}
		}
		found = append(found, one)
	}
	return found
}

package exim_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/notify"
	"fermata/activities/notify/notifytest"
	"fermata/activities/secret"
	"fermata/integrations/smtp"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/mail"
	"fermata/testsuite/bed/exim"
	"fermata/testsuite/bed/host"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(exim.Packages()))) }

// TestConformance runs the suite of notices against the real Exim. Each case has a server of its own.
func TestConformance(t *testing.T) {
	host.Require(t)
	notifytest.Run(t, notifytest.Bench{Open: func(t *testing.T) notifytest.System { t.Helper(); return setup(t, 0).system() }})
}

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	server *exim.Server
	faults *faults.Faults
}

func setup(t *testing.T, limit int) bench {
	t.Helper()
	b := bench{faults: &faults.Faults{}}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	var err error
	b.server, err = exim.Start(ctx, exim.Options{Folder: host.Folder(t), MaxBytes: limit, Faults: b.faults})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, b.server.Stop())
		if t.Failed() {
			t.Log(b.server.Log())
		}
	})
	return b
}

func (b bench) driver(t *testing.T, change func(*smtp.Config)) *smtp.Driver {
	t.Helper()
	c := smtp.DefaultConfig()
	c.Server, c.From, c.CA = b.server.Address(), exim.Sender, b.server.CAFile()
	c.Username, c.Password = exim.User, "secret://test/good"
	change(&c)
	d, err := smtp.New(c, secrets{"good": b.server.Password(), "wrong": "wrong-horse-battery"}, nil)
	require.NoError(t, err)
	return d
}

func (b bench) system() notifytest.System {
	same := func(*smtp.Config) {}
	return notifytest.System{
		To: exim.Mailbox, NoAddresses: []string{"", "alice", "Alice <alice@example.net>", "a b@example.net"},
		New:       func(t *testing.T) notify.Notifier { t.Helper(); return b.driver(t, same) },
		Delivered: b.judge,
		LoseNext:  b.faults.LoseNext, FailNext: b.faults.FailNext, ThrottleNext: b.server.ThrottleNext,
		Down: func(t *testing.T) { t.Helper(); require.NoError(t, b.server.Stop()) },
		Denied: func(t *testing.T) (notify.Notifier, string) {
			t.Helper()
			return b.driver(t, func(c *smtp.Config) { c.Password = "secret://test/wrong" }), "wrong-horse-battery"
		},
		Untrusted: func(t *testing.T) notify.Notifier {
			t.Helper()
			return b.driver(t, func(c *smtp.Config) { c.CA = setup(t, 0).server.CAFile() })
		},
		Unknown: func(t *testing.T) (notify.Notifier, string) {
			t.Helper()
			return b.driver(t, same), "nobody@example.net"
		},
		Small: func(t *testing.T) notify.Notifier { t.Helper(); return setup(t, 2000).driver(t, same) },
	}
}

// judge reads the maildir as a mail reader does.
func (b bench) judge(t *testing.T) (found []notifytest.Judged) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	texts, err := b.server.Messages(ctx)
	require.NoError(t, err)
	for _, text := range texts {
		m, err := mail.Decode(text)
		require.NoError(t, err)
		require.Equal(t, []string{exim.Mailbox}, m.To)
		require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
		id := m.Header.Get("Message-Id")
		require.True(t, strings.HasPrefix(id, "<") && strings.HasSuffix(id, "@example.net>"), id)
		found = append(found, notifytest.Judged{
			ID:    strings.TrimSuffix(strings.TrimPrefix(id, "<"), "@example.net>"),
			Event: notify.Event(m.Header.Get("Fermata-Event")), Title: m.Subject, Lines: m.Lines, Raw: string(text),
		})
	}
	return found
}

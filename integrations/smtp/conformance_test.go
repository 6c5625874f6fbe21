package smtp_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/notify"
	"fermata/activities/notify/notifytest"
	"fermata/activities/secret"
	"fermata/integrations/smtp"
	"fermata/sandbox/estate/faults"
	emulator "fermata/sandbox/estate/mail"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]emulator.Options{
		"STARTTLS and PLAIN": {Mechanisms: []string{"PLAIN"}},
		"TLS and LOGIN":      {Implicit: true, Mechanisms: []string{"LOGIN"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			notifytest.Run(t, notifytest.Bench{Open: func(t *testing.T) notifytest.System { t.Helper(); return setup(t, o).system() }})
		})
	}
}

const (
	user     = "fermata"
	password = "correct-horse-battery"
	from     = "fermata@example.net"
	to       = "alice@example.net"
)

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	server  *emulator.Server
	faults  *faults.Faults
	options emulator.Options
}

func setup(t *testing.T, o emulator.Options) bench {
	t.Helper()
	b := bench{faults: &faults.Faults{}}
	o.Folder, o.Faults = t.TempDir(), b.faults
	o.Users, o.Senders = map[string]string{user: password}, map[string]string{user: from}
	o.Mailboxes = []string{to, "bob@example.net"}
	server, err := emulator.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	b.server, b.options = server, o
	return b
}

func (b bench) driver(t *testing.T, change func(*smtp.Config)) *smtp.Driver {
	t.Helper()
	c := smtp.DefaultConfig()
	c.Server, c.From, c.CA = b.server.Address(), from, b.server.CAFile()
	c.Username, c.Password = user, "secret://test/good"
	if b.options.Implicit {
		c.TLS = smtp.Implicit
	}
	if change != nil {
		change(&c)
	}
	d, err := smtp.New(c, secrets{"good": password, "wrong": "wrong-horse-battery"}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.Background()) })
	return d
}

func (b bench) system() notifytest.System {
	return notifytest.System{
		To: to,
		NoAddresses: []string{
			"", "alice", "@example.net", "alice@", "Alice <alice@example.net>", "<alice@example.net>", "alice@example.net,bob@example.net",
			"alice@example.net bob@example.net", "a..b@example.net", "älice@example.net", "\"a b\"@example.net", "alice@example.net>",
			strings.Repeat("a", 250) + "@example.net",
		},
		New:       func(t *testing.T) notify.Notifier { t.Helper(); return b.driver(t, nil) },
		Delivered: func(t *testing.T) []notifytest.Judged { t.Helper(); return judge(t, b.server, to) },
		LoseNext:  b.faults.LoseNext, FailNext: b.faults.FailNext, ThrottleNext: b.server.ThrottleNext,
		Down: func(t *testing.T) { t.Helper(); require.NoError(t, b.server.Close()) },
		Denied: func(t *testing.T) (notify.Notifier, string) {
			t.Helper()
			return b.driver(t, func(c *smtp.Config) { c.Password = "secret://test/wrong" }), "wrong-horse-battery"
		},
		Untrusted: func(t *testing.T) notify.Notifier {
			t.Helper()
			return b.driver(t, func(c *smtp.Config) { c.CA = setup(t, emulator.Options{}).server.CAFile() })
		},
		Unknown: func(t *testing.T) (notify.Notifier, string) {
			t.Helper()
			return b.driver(t, nil), "nobody@example.net"
		},
		Small: func(t *testing.T) notify.Notifier {
			t.Helper()
			o := b.options
			o.MaxBytes = 2000
			return setup(t, o).driver(t, nil)
		},
	}
}

// judge reads the mailbox as a mail reader does.
func judge(t *testing.T, s *emulator.Server, box string) (found []notifytest.Judged) {
	t.Helper()
	messages, err := s.Messages(box)
	require.NoError(t, err)
	for _, m := range messages {
		found = append(found, read(t, m.Text, box))
	}
	return found
}

// read decodes one message, and looks that it is what automatic mail must be.
func read(t *testing.T, text []byte, box string) notifytest.Judged {
	t.Helper()
	m, err := emulator.Decode(text)
	require.NoError(t, err)
	require.Equal(t, []string{box}, m.To)
	require.Empty(t, m.Header.Get("Bcc"))
	require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
	at, err := m.Header.Date()
	require.NoError(t, err)
	require.True(t, at.Equal(notifytest.Notice().At), "it is the event's: %s", at)
	id := m.Header.Get("Message-Id")
	require.True(t, strings.HasPrefix(id, "<") && strings.HasSuffix(id, "@example.net>"), id)
	for line := range strings.Lines(string(text)) {
		require.LessOrEqual(t, len(line), 80, line)
	}
	return notifytest.Judged{
		ID:    strings.TrimSuffix(strings.TrimPrefix(id, "<"), "@example.net>"),
		Event: notify.Event(m.Header.Get("Fermata-Event")), Title: m.Subject, Lines: m.Lines, Raw: string(text),
	}
}

package smtp_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/notify/notifytest"
	"fermata/integrations/smtp"
	emulator "fermata/sandbox/estate/mail"
)

func TestConfigIsRefused(t *testing.T) {
	t.Parallel()
	good := smtp.DefaultConfig()
	good.Server, good.From, good.Username, good.Password = "mail.example.net:587", from, user, "secret://file/mail"
	d, err := smtp.New(good, nil, nil)
	require.NoError(t, err)
	require.Equal(t, "smtp://mail.example.net:587", d.Endpoint())
	empty := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, x := range map[string]struct {
		change func(*smtp.Config)
		says   string
	}{
		"no server":               {func(c *smtp.Config) { c.Server = "" }, "server: expected"},
		"no port":                 {func(c *smtp.Config) { c.Server = "mail.example.net" }, "server: expected"},
		"port 0":                  {func(c *smtp.Config) { c.Server = "mail.example.net:0" }, "server: expected"},
		"a URL":                   {func(c *smtp.Config) { c.Server = "smtp://mail.example.net:587" }, "server: expected"},
		"no sender":               {func(c *smtp.Config) { c.From = "" }, "from: expected"},
		"a sender with a name":    {func(c *smtp.Config) { c.From = "Fermata <" + from + ">" }, "from: expected"},
		"a sender with a break":   {func(c *smtp.Config) { c.From = from + "\r\nBcc: x@example.net" }, "from: expected"},
		"TLS of no kind":          {func(c *smtp.Config) { c.TLS = "maybe" }, "tls: expected"},
		"TLS left empty":          {func(c *smtp.Config) { c.TLS = "" }, "tls: expected"},
		"no TLS on the network":   {func(c *smtp.Config) { c.TLS = smtp.None }, "loopback only"},
		"no TLS to a like name":   {func(c *smtp.Config) { c.TLS, c.Server = smtp.None, "localhost.example.net:25" }, "loopback only"},
		"a CA without TLS":        {func(c *smtp.Config) { c.TLS, c.Server, c.CA = smtp.None, "localhost:25", empty }, "no certificate to verify"},
		"a missing CA file":       {func(c *smtp.Config) { c.CA = empty + ".not" }, "ca:"},
		"an empty CA file":        {func(c *smtp.Config) { c.CA = empty }, "no certificate in PEM form"},
		"a user without password": {func(c *smtp.Config) { c.Password = "" }, "goes with password"},
		"a password without user": {func(c *smtp.Config) { c.Username = "" }, "goes with password"},
		"a bare password":         {func(c *smtp.Config) { c.Password = "hunter2" }, "password: expected a reference"},
		"a user with a NUL":       {func(c *smtp.Config) { c.Username = "a\x00b" }, "one line"},
		"no patience":             {func(c *smtp.Config) { c.Timeout = 0 }, "timeout: expected"},
		"too much patience":       {func(c *smtp.Config) { c.Timeout = 2 * time.Minute }, "timeout: expected"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := good
			x.change(&bad)
			_, err := smtp.New(bad, nil, nil)
			require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
			require.ErrorContains(t, err, x.says)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// Whoever stands between and takes STARTTLS out of the offer learns nothing.
func TestWithoutTLSNothingIsSaid(t *testing.T) {
	t.Parallel()
	b := setup(t, emulator.Options{Bare: true})
	d := b.driver(t, nil)
	for _, err := range []error{d.Check(t.Context()), d.Send(t.Context(), to, notifytest.Notice())} {
		require.Equal(t, fault.Invalid, fault.KindOf(err))
		require.ErrorContains(t, err, "no STARTTLS, so nothing was sent")
	}
	require.Empty(t, judge(t, b.server, to))
	plain := b.driver(t, func(c *smtp.Config) { c.TLS, c.CA = smtp.None, "" })
	require.NoError(t, plain.Send(t.Context(), to, notifytest.Notice()), "on loopback it may be meant so")
}

func TestWrongKindOfTLSIsToldApart(t *testing.T) {
	t.Parallel()
	b := setup(t, emulator.Options{})
	err := b.driver(t, func(c *smtp.Config) { c.TLS = smtp.Implicit }).Check(t.Context())
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
}

func TestOthersSenderIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, emulator.Options{})
	err := b.driver(t, func(c *smtp.Config) { c.From = "boss@example.net" }).Send(t.Context(), to, notifytest.Notice())
	require.Equal(t, fault.Unauthorized, fault.KindOf(err))
	err = b.driver(t, func(c *smtp.Config) { c.Username, c.Password = "", "" }).Send(t.Context(), to, notifytest.Notice())
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "a server that wants a login")
	require.ErrorContains(t, err, "530")
	require.Empty(t, judge(t, b.server, to))
}

// What was sent again after a lost answer is the same message, byte by byte.
func TestACopyIsTrue(t *testing.T) {
	t.Parallel()
	b := setup(t, emulator.Options{})
	n := notifytest.Notice()
	b.faults.LoseNext(1)
	require.Error(t, b.driver(t, nil).Send(t.Context(), to, n))
	require.NoError(t, b.driver(t, nil).Send(t.Context(), to, n))
	messages, err := b.server.Messages(to)
	require.NoError(t, err)
	require.Len(t, messages, 2)
	require.True(t, bytes.Equal(messages[0].Text, messages[1].Text))
	require.Equal(t, 1, strings.Count(string(messages[0].Text), "Message-ID: <"+n.ID+"@example.net>\r\n"))
}

package mail_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/mail"
)

const (
	box     = "alice@example.net"
	message = "From: a@example.net\r\nDate: Sun, 01 Mar 2026 12:00:00 +0000\r\nMessage-ID: <1@example.net>\r\n\r\nhello\r\n"
)

func start(t *testing.T, folder string) *mail.Server {
	t.Helper()
	s, err := mail.Start(mail.Options{
		Folder: folder, Users: map[string]string{"fermata": "correct-horse"}, Senders: map[string]string{"fermata": "f@example.net"},
		Mailboxes: []string{box}, MaxBytes: 4000,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// talk says lines to the server, without TLS, and returns its answers.
func talk(t *testing.T, s *mail.Server, lines ...string) (answers []string) {
	t.Helper()
	conn, err := textproto.Dial("tcp", s.Address())
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, _, err = conn.ReadResponse(220)
	require.NoError(t, err)
	for _, line := range lines {
		require.NoError(t, conn.PrintfLine("%s", line))
		code, answer, err := conn.ReadResponse(0)
		require.NoError(t, err, line)
		answers = append(answers, strconv.Itoa(code)+" "+answer)
	}
	return answers
}

// secured returns a connection to a server that begins with TLS.
func secured(t *testing.T, folder string) *textproto.Conn {
	t.Helper()
	s, err := mail.Start(mail.Options{
		Folder: folder, Users: map[string]string{"fermata": "correct-horse"}, Senders: map[string]string{"fermata": "f@example.net"},
		Mailboxes: []string{box}, MaxBytes: 4000, Implicit: true,
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	pem, err := os.ReadFile(s.CAFile())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	conn, err := tls.Dial("tcp", s.Address(), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	text := textproto.NewConn(conn)
	_, _, err = text.ReadResponse(220)
	require.NoError(t, err)
	require.Contains(t, say(t, text, "EHLO [127.0.0.1]", 250), "AUTH PLAIN LOGIN")
	return text
}

func say(t *testing.T, conn *textproto.Conn, line string, want int) string {
	t.Helper()
	require.NoError(t, conn.PrintfLine("%s", line))
	_, answer, err := conn.ReadResponse(want)
	require.NoError(t, err, "%s", line)
	return answer
}

func plain(password string) string {
	return "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00fermata\x00"+password))
}

func TestWithoutTLSNobodyLogsIn(t *testing.T) {
	t.Parallel()
	s := start(t, t.TempDir())
	got := talk(t, s, "EHLO x", plain("correct-horse"), "MAIL FROM:<f@example.net>", "RCPT TO:<"+box+">", "DATA", "VERB")
	require.Contains(t, got[0], "STARTTLS")
	require.NotContains(t, got[0], "AUTH")
	require.Contains(t, got[1], "523", "no password before TLS")
	require.Contains(t, got[2], "530")
	require.Contains(t, got[3], "502", "no recipient before a sender")
	require.Contains(t, got[4], "502", "no text before a recipient")
	require.Contains(t, got[5], "500")
	require.Contains(t, talk(t, s, "MAIL FROM:<f@example.net>")[0], "502", "no mail before a greeting")
}

func TestWhatIsRefusedOverTLS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	c := secured(t, folder)
	say(t, c, "MAIL FROM:<f@example.net>", 530)
	say(t, c, plain("wrong-horse"), 535)
	say(t, c, "AUTH CRAM-MD5", 504)
	say(t, c, plain("correct-horse"), 235)
	say(t, c, "MAIL FROM:<boss@example.net>", 553)
	say(t, c, "MAIL FROM:<f@example.net> SIZE=5000", 552)
	say(t, c, "MAIL FROM:<f@example.net> SIZE=100", 250)
	say(t, c, "DATA", 502)
	say(t, c, "RCPT TO:<nobody@example.net>", 550)
	say(t, c, "RCPT TO:<../alice@example.net>", 550)
	for _, x := range []struct {
		text string
		want int
	}{
		{message, 250},
		{strings.Replace(message, "Message-ID", "X-ID", 1), 554},
		{strings.Replace(message, "hello", "hell\u00f6", 1), 554},
		{strings.Replace(message, "hello", strings.Repeat("x", 1200), 1), 554},
		{message + strings.Repeat("hello\r\n", 1000), 552},
		{message, 250},
	} {
		say(t, c, "RSET", 250)
		say(t, c, "MAIL FROM:<f@example.net>", 250)
		say(t, c, "RCPT TO:<"+box+">", 250)
		say(t, c, "DATA", 354)
		say(t, c, x.text+".", x.want)
	}
	say(t, c, "QUIT", 221)

	messages, err := start(t, folder).Messages(box)
	require.NoError(t, err)
	require.Len(t, messages, 2, "they are found again")
	require.Equal(t, message, string(messages[1].Text))
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	users := map[string]string{"fermata": "correct-horse"}
	for _, o := range []mail.Options{
		{Users: users, Mailboxes: []string{box}},
		{Folder: t.TempDir(), Mailboxes: []string{box}},
		{Folder: t.TempDir(), Users: users},
		{Folder: t.TempDir(), Users: map[string]string{"fermata": "short"}, Mailboxes: []string{box}},
		{Folder: t.TempDir(), Users: users, Mailboxes: []string{"../alice@example.net"}},
	} {
		_, err := mail.Start(o)
		require.Error(t, err)
	}
}

func TestAServerIsClosedAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 { // It once waited for ever if it was not serving yet.
		s := start(t, t.TempDir())
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
	}
}

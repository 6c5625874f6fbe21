package smtp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/notify/notifytest"
	"fermata/integrations/smtp"
)

// scripted is a server that answers by a script: "EHLO" to "250 ...". An answer "" closes the connection, "-" keeps silent.
// The end of the text is ".". onSilence is called where it keeps silent.
func scripted(t *testing.T, answers map[string]string, onSilence ...func()) *smtp.Driver {
	t.Helper()
	script := map[string]string{
		"": "220 mail.example.net ESMTP", "EHLO": "250-mail.example.net\r\n250 AUTH PLAIN", "AUTH": "235 2.7.0 ok", "MAIL": "250 2.1.0 ok",
		"RCPT": "250 2.1.5 ok", "DATA": "354 go on", ".": "250 2.0.0 queued", "QUIT": "221 2.0.0 bye",
	}
	for at, answer := range answers {
		script[at] = answer
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go play(conn, script, onSilence)
		}
	}()
	c := smtp.DefaultConfig()
	c.Server, c.From, c.TLS = listener.Addr().String(), from, smtp.None
	c.Username, c.Password = user, "secret://test/good"
	d, err := smtp.New(c, secrets{"good": password}, nil)
	require.NoError(t, err)
	return d
}

func play(conn net.Conn, script map[string]string, onSilence []func()) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	command, text := "", false
	for {
		answer := script[command]
		switch answer {
		case "":
			return
		case "-":
			for _, f := range onSilence {
				f()
			}
		default:
			fmt.Fprintf(conn, "%s\r\n", answer)
		}
		text = command == "DATA" && strings.HasPrefix(answer, "354")
		for more := true; more; {
			if !lines.Scan() {
				return
			}
			command, _, _ = strings.Cut(lines.Text(), " ")
			more = text && lines.Text() != "."
		}
	}
}

// TestRepliesTellTheKind is the table of what servers answer.
func TestRepliesTellTheKind(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		at, answer string
		want       fault.Kind
	}{
		{"", "220 ready", ""},
		{"", "421 4.3.2 closing", fault.Unavailable},
		{"", "421 4.7.0 try again later", fault.Throttled},
		{"", "554 5.7.1 your address is listed", fault.Unauthorized},
		{"", "", fault.Unavailable},
		{"", "HTTP/1.1 400 Bad Request", fault.Invalid},
		{"EHLO", "250 mail.example.net", fault.Invalid},
		{"EHLO", "250-mail.example.net\r\n250 AUTH GSSAPI NTLM", fault.Invalid},
		{"EHLO", "250-mail.example.net\r\n250-AUTH PLAIN\r\n250 SIZE 100", fault.Invalid},
		{"EHLO", "250-mail.example.net\r\n250-AUTH PLAIN\r\n250 SIZE 0", ""},
		{"EHLO", "250-mail.example.net\r\n250-AUTH PLAIN\r\n250 SIZE", ""},
		{"AUTH", "535 5.7.8 no", fault.Unauthorized},
		{"AUTH", "534 5.7.9 a stronger mechanism is needed", fault.Unauthorized},
		{"AUTH", "454 4.7.0 the directory is away", fault.Unavailable},
		{"AUTH", "", fault.Unavailable},
		{"MAIL", "530 5.7.0 log in first", fault.Unauthorized},
		{"MAIL", "530 log in first", fault.Unauthorized},
		{"MAIL", "553 5.7.1 not your address", fault.Unauthorized},
		{"MAIL", "553 no such sender", fault.Invalid},
		{"MAIL", "552 5.3.4 too large", fault.Invalid},
		{"MAIL", "503 bad sequence", fault.Invalid},
		{"MAIL", "452 4.3.1 no space", fault.Unavailable},
		{"RCPT", "550 5.1.1 no such user", fault.NotFound},
		{"RCPT", "550 no such user", fault.NotFound},
		{"RCPT", "551 he moved", fault.NotFound},
		{"RCPT", "553 5.1.3 what is this", fault.NotFound},
		{"RCPT", "554 5.7.1 relay access denied", fault.Unauthorized},
		{"RCPT", "550 5.2.1 closed", fault.Conflict},
		{"RCPT", "552 5.2.2 full", fault.Conflict},
		{"RCPT", "450 4.7.1 greylisted", fault.Throttled},
		{"RCPT", "451 4.7.650 too many messages", fault.Throttled},
		{"RCPT", "450 4.2.1 busy", fault.Unavailable},
		{"RCPT", "450 busy", fault.Unavailable},
		{"DATA", "451 4.3.0 error", fault.Unavailable},
		{"DATA", "554 5.5.1 no valid recipients", fault.Invalid},
		{"DATA", "", fault.Unavailable},
		{".", "552 5.3.4 too large", fault.Invalid},
		{".", "554 5.7.1 looks like spam", fault.Invalid},
		{".", "451 4.3.0 queue file write error", fault.Unavailable},
		{".", "421 4.3.2 closing", fault.Unavailable},
		{".", "", fault.Ambiguous},
		{".", "what", fault.Ambiguous},
		{"QUIT", "", ""},
		{"QUIT", "500 no", ""},
	} {
		t.Run(x.at+"/"+x.answer, func(t *testing.T) {
			t.Parallel()
			err := scripted(t, map[string]string{x.at: x.answer}).Send(t.Context(), to, notifytest.Notice())
			require.Equal(t, x.want, fault.KindOf(err), "%v", err)
			if x.want != "" {
				require.ErrorContains(t, err, "mailing notice ntc_")
			}
		})
	}
}

// A server may answer with what it was given, and in any form.
func TestErrorsHoldNoPasswordAndOneLine(t *testing.T) {
	t.Parallel()
	err := scripted(t, map[string]string{"AUTH": "535 5.7.8 not AGZlcm1hdGEA " + password}).Check(t.Context())
	require.Equal(t, fault.Unauthorized, fault.KindOf(err))
	require.ErrorContains(t, err, "535 5.7.8")
	require.NotContains(t, err.Error(), password)
	require.NotContains(t, err.Error(), "AGZlcm1hdGEA")

	err = scripted(t, map[string]string{"RCPT": "550-5.1.1 first\r\n550 5.1.1 \x1b[2Jsecond"}).Send(t.Context(), to, notifytest.Notice())
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), "\x1b")
}

// The context ends while the server is silent: before the text's end nothing was sent, after it nobody knows.
func TestEndOfTheContextInTheMiddle(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]fault.Kind{
		"": fault.Unavailable, "EHLO": fault.Unavailable, "AUTH": fault.Unavailable, "RCPT": fault.Unavailable, "DATA": fault.Unavailable, ".": fault.Ambiguous,
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			begin := time.Now()
			err := scripted(t, map[string]string{at: "-"}, cancel).Send(ctx, to, notifytest.Notice())
			require.Equal(t, want, fault.KindOf(err), "%v", err)
			require.Less(t, time.Since(begin), 10*time.Second, "it does not wait for the timeout")
		})
	}
}

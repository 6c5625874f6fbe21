package haproxy

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"fermata/activities/fault"
)

// answerLimit bounds an answer; "show servers state" of some ten thousand servers stays below it.
const answerLimit = 16 << 20

// answerTime bounds one command when the caller's context does not.
const answerTime = 30 * time.Second

// order gives commands that change something, and returns what HAProxy said. An answer that did not come is Ambiguous.
// All commands of one call travel in one line: they are carried out together even if the connection breaks.
func (b *Balancer) order(ctx context.Context, commands ...string) (string, error) {
	answer, err := b.talk(ctx, strings.Join(commands, "; "))
	return answer, err
}

// questions is how often a question is put before its answer is given up. Work that asks many of them would else begin
// anew for each that was lost, and on a bad line never come to its end.
const questions = 3

// ask puts a question, which changes nothing: an answer that did not come is Unavailable.
func (b *Balancer) ask(ctx context.Context, command string) (string, error) {
	for asked := 1; ; asked++ {
		answer, err := b.talk(ctx, command)
		if !fault.Is(err, fault.Ambiguous) {
			return answer, err
		}
		if asked == questions || pause(ctx, min(b.cfg.Poll, 100*time.Millisecond)) != nil {
			return "", fault.Wrap(fault.Unavailable, err, "asking")
		}
	}
}

func (b *Balancer) talk(ctx context.Context, line string) (string, error) {
	if strings.ContainsAny(line, "\r\n\\") {
		return "", fault.New(fault.Invalid, "a command for HAProxy holds the end of a line or a backslash")
	}
	doing := "talking to HAProxy at " + b.cfg.Socket
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	conn, err := b.host.DialSocket(ctx)
	if err != nil {
		return "", fault.Wrap(dialKind(err), err, doing)
	}
	defer conn.Close()
	if err := ctx.Err(); err != nil {
		return "", fault.Wrap(fault.Unavailable, err, doing)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // A forwarded connection knows no deadlines.
	defer stop()
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", fault.Wrap(fault.Ambiguous, err, doing)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, answerLimit))
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil && len(answer) == 0 { // Even "done" is an empty line.
		err = errors.New("the connection was closed without an answer")
	}
	if err != nil {
		return "", fault.Wrap(fault.Ambiguous, err, doing)
	}
	return string(answer), refusal(string(answer))
}

func dialKind(err error) fault.Kind {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Kind
	}
	return fault.Unavailable
}

// refusal recognises the answers that have the same meaning to every command.
func refusal(answer string) error {
	switch text := strings.TrimSpace(answer); {
	case strings.HasPrefix(text, "Permission denied"):
		return fault.New(fault.Unauthorized, "HAProxy's socket refuses the command (Permission denied): give the stats socket \"level admin\"")
	case strings.Contains(text, "Proxy is disabled"):
		return fault.New(fault.Unavailable, "HAProxy refuses the command (Proxy is disabled): it is about to stop, as it does when it is reloaded, or its file says that the backend is disabled")
	case strings.HasPrefix(text, "Unknown command"):
		return fault.New(fault.Invalid, "HAProxy does not know the command: release 2.6 or later is needed")
	}
	return nil
}

// quiet turns any words of HAProxy's into an error: a change that succeeded says nothing.
func quiet(answer string) error {
	text := strings.TrimSpace(answer)
	switch {
	case text == "":
		return nil
	case strings.Contains(text, "No such server"), strings.Contains(text, "No such backend"):
		return fault.New(fault.Ambiguous, "HAProxy says: %s", text) // It was there a moment ago: look again.
	}
	return fault.New(fault.Conflict, "HAProxy says: %s", text)
}

package execsecret

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// shortPiece is longer than what secret.Hide lets pass.
const shortPiece = 16

// lingering is how long a process that the helper left behind may hold its output open.
const lingering = time.Second

// ask runs the helper once.
func (p Provider) ask(ctx context.Context, q question) (answer, error) {
	path, err := trusted(p.cfg.Command[0])
	if err != nil {
		return answer{}, err
	}
	asked, err := json.Marshal(q)
	if err != nil {
		return answer{}, fmt.Errorf("writing the question: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	out, complaint := &limitedBuffer{limit: Limit, full: cancel}, &limitedBuffer{limit: 4 * shown}
	helper := exec.CommandContext(limited, path, p.cfg.Command[1:]...) //nolint:gosec // The command is the configuration's.
	helper.Args[0] = p.cfg.Command[0]
	helper.Stdin, helper.Stdout, helper.Stderr = bytes.NewReader(append(asked, '\n')), out, complaint
	helper.Env, helper.Dir = p.environment(), "/"
	helper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // What it starts dies with it.
	helper.Cancel = func() error { return syscall.Kill(-helper.Process.Pid, syscall.SIGKILL) }
	helper.WaitDelay = lingering
	err = helper.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // What holds the output open is of the group still: its number is not given anew.
		_ = syscall.Kill(-helper.Process.Pid, syscall.SIGKILL)
	}
	switch {
	case out.over:
		return answer{}, fault.New(fault.Invalid, "the helper's answer is longer than %d bytes", Limit)
	case ctx.Err() != nil:
		return answer{}, fmt.Errorf("running the helper: %w", ctx.Err())
	case limited.Err() != nil:
		return answer{}, fault.New(fault.Unavailable, "the helper was killed: it took longer than %s", p.cfg.Timeout)
	case err != nil:
		return answer{}, failed(err, out.kept.Bytes(), complaint)
	}
	return read(out.kept.Bytes(), q)
}

// environment is the part of the worker's environment that the helper may see.
func (p Provider) environment() []string {
	variables := []string{}
	for _, name := range p.cfg.Env {
		if value, ok := os.LookupEnv(name); ok {
			variables = append(variables, name+"="+value)
		}
	}
	return variables
}

// failed says how a helper ended that did not answer. What it wrote to its standard output, whole or not, is hidden in what
// it wrote beside.
func failed(err error, out []byte, complaint *limitedBuffer) error {
	hidden := []secret.Value{secret.NewValue(out)}
	var a answer
	if json.Unmarshal(out, &a) == nil {
		hidden = append(hidden, secret.NewValue([]byte(a.Value)))
	}
	text := complaint.kept.String()
	if complaint.over { // Where it was cut may stand a piece of the value that is too short to be known.
		text = text[:len(text)-shortPiece]
	}
	said := oneLine(secret.Hide(text, hidden...))
	if said == "" {
		said = "it wrote nothing to its standard error"
	}
	return fault.New(fault.Unavailable, "the helper failed (%w): %s", err, said)
}

// limitedBuffer keeps the beginning of what is written and swallows the rest.
type limitedBuffer struct {
	kept  bytes.Buffer // Not embedded: its ReadFrom would go around the limit.
	limit int
	over  bool
	full  func() // Called when more comes; nil: nobody minds.
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if room := b.limit - b.kept.Len(); len(p) > room {
		b.over = true
		_, _ = b.kept.Write(p[:max(room, 0)])
		if b.full != nil {
			b.full()
		}
		return len(p), nil
	}
	return b.kept.Write(p)
}

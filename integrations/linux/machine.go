package linux

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/integrations/sshx"
)

// Where a guest keeps what is ours.
const (
	lockFile = sshx.GuestLock
	stateDir = "/var/lib/fermata"
)

// plain makes programs speak English and ask nothing.
const plain = "export LC_ALL=C DEBIAN_FRONTEND=noninteractive\n"

// machine is one guest for the length of one call.
type machine struct {
	access *Access
	host   guest.Host
	said   operation.Progress
	did    guest.Changes
}

func (a *Access) machine(h guest.Host, p operation.Progress) *machine {
	return &machine{access: a, host: h, said: p}
}

// note adds a line to the answer.
func (m *machine) note(line string) { m.did = append(m.did, line) }

func (m *machine) conn(ctx context.Context) (*sshx.Conn, error) {
	port := m.host.Port
	if port == 0 {
		port = 22
	}
	return m.access.pool.Client(ctx, sshx.Target{
		Address: net.JoinHostPort(m.host.Address, strconv.Itoa(port)), User: m.host.User,
		HostKeys: m.host.Keys, Name: m.host.Name,
	})
}

// read runs a script that changes nothing. The exit status is the caller's to judge.
func (m *machine) read(ctx context.Context, script string, args ...string) (sshx.Result, error) {
	return m.run(ctx, sshx.Command{Script: plain + script, Args: args})
}

// change runs a script that changes something, alone on the guest.
func (m *machine) change(ctx context.Context, stdin []byte, script string, args ...string) (sshx.Result, error) {
	cmd := sshx.Command{Script: plain + script, Args: args, Lock: lockFile, LockWait: m.access.cfg.LockWait}
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	return m.run(ctx, cmd)
}

func (m *machine) run(ctx context.Context, cmd sshx.Command) (sshx.Result, error) {
	conn, err := m.conn(ctx)
	if err != nil {
		return sshx.Result{}, err
	}
	cmd.Sudo = true
	return conn.Run(ctx, cmd)
}

// must runs a change that has one way to end well. Any other end is Invalid: the guest refuses what was asked.
func (m *machine) must(ctx context.Context, doing, script string, args ...string) error {
	r, err := m.change(ctx, nil, script, args...)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, doing)
	}
	if r.Exit != 0 {
		return fault.New(refusal(r), "%s on %s: %s", doing, m.host.Name, r.Text())
	}
	return nil
}

// refusal tells the few ends of plain programs that waiting or looking cures.
func refusal(r sshx.Result) fault.Kind {
	text := string(r.Stderr)
	switch {
	case r.Signal != "":
		return fault.Ambiguous
	case strings.Contains(text, "No space left on device"):
		return fault.Conflict
	case strings.Contains(text, "Cannot allocate memory"), strings.Contains(text, "cannot lock /etc/"):
		return fault.Unavailable
	}
	return fault.Invalid
}

// output runs a read that must end well and returns its stdout without white space around it.
func (m *machine) output(ctx context.Context, doing, script string, args ...string) (string, error) {
	r, err := m.read(ctx, script, args...)
	if err != nil {
		return "", fault.Wrap(fault.KindOf(err), err, doing)
	}
	if r.Exit != 0 {
		return "", fault.New(refusal(r), "%s on %s: %s", doing, m.host.Name, r.Text())
	}
	return strings.TrimSpace(string(r.Stdout)), nil
}

// hasSystemd reports whether systemd runs the guest; containers mostly have none.
func (m *machine) hasSystemd(ctx context.Context) (bool, error) {
	out, err := m.output(ctx, "looking for systemd", `if [ -d /run/systemd/system ]; then echo yes; else echo no; fi`)
	return out == "yes", err
}

const reachScript = `if command -v cloud-init >/dev/null 2>&1; then exec cloud-init status --wait; fi`

// pause between two attempts to reach a guest that boots.
const pause = 2 * time.Second

// Reach waits until the guest lets the worker in, sudo works, and cloud-init is done.
func (a *Access) Reach(ctx context.Context, h guest.Host, p operation.Progress) error {
	ctx, cancel := context.WithTimeout(ctx, a.cfg.FirstBoot)
	defer cancel()
	m := a.machine(h, p)
	for {
		err := m.firstBoot(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil: // Only looking was given up: it may be asked again.
			return fault.Wrap(fault.Unavailable, err, "waiting for the first boot of "+h.Name)
		case !fault.KindOf(err).Retryable():
			return err
		}
		p.Say("waiting for " + h.Name + " to answer")
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return fault.Wrap(fault.Unavailable, err, "waiting for "+h.Name)
		case <-timer.C:
		}
	}
}

func (m *machine) firstBoot(ctx context.Context) error {
	r, err := m.read(ctx, reachScript)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "reaching "+m.host.Name)
	}
	// 2 is a recoverable error since cloud-init 23.4: it went on, and so do we.
	if r.Exit == 0 || (r.Exit == 2 && strings.Contains(string(r.Stdout), "done")) {
		return nil
	}
	return fault.New(fault.Conflict, "%s: its first boot went wrong (%s): see /var/log/cloud-init-output.log there", m.host.Name, r.Text())
}

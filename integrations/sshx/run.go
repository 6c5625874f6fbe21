package sshx

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
)

// Run runs one command and waits for its end. How it ended is in the Result; an exit status is no fault. When ctx ends
// first, the command is sent TERM and its session is closed; a command that goes on by itself is kept apart from its
// successor by Lock.
//
// Faults: Unavailable if the command was not started, or its Lock stayed taken; Ambiguous if it was started and how it
// ended is not known; Unauthorized if sudo refuses; Invalid for a command that cannot be written down.
func (c *Conn) Run(ctx context.Context, cmd Command) (Result, error) {
	line, err := cmd.line(c.target.User == "root")
	if err != nil {
		return Result{}, fault.Wrap(fault.Invalid, err, "running a command on "+c.target.Address)
	}
	on := c
	session, release, err := c.session(ctx)
	if err != nil && c.gone() && ctx.Err() == nil { // It was lost since it was used last. Nothing was sent: connect anew, once.
		if on, err = c.pool.Client(ctx, c.target); err == nil {
			session, release, err = on.session(ctx)
		}
	}
	if err != nil {
		return Result{}, err
	}
	return on.start(ctx, session, release, line, cmd)
}

// start runs the line in the session and gives both up.
func (c *Conn) start(ctx context.Context, session *ssh.Session, release func(), line string, cmd Command) (Result, error) {
	if err := ctx.Err(); err != nil {
		release()
		return Result{}, fault.Wrap(fault.Unavailable, err, "running a command on "+c.target.Address)
	}
	type outcome struct {
		result Result
		err    error
	}
	ended := make(chan outcome, 1)
	go func() {
		defer release()
		result, err := c.execute(session, line, cmd.Stdin)
		ended <- outcome{result, err}
	}()
	select {
	case o := <-ended:
		if o.err != nil {
			return o.result, o.err
		}
		return o.result, c.refused(cmd, o.result)
	case <-ctx.Done():
		go func() {
			_ = session.Signal(ssh.SIGTERM)
			_ = session.Close()
		}()
		return Result{}, fault.Wrap(fault.Ambiguous, ctx.Err(), "waiting for a command on "+c.target.Address)
	}
}

// session opens one, in time. Whoever gets it calls release.
func (c *Conn) session(ctx context.Context) (session *ssh.Session, release func(), err error) {
	doing := "opening a session on " + c.target.Address
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fault.Wrap(fault.Unavailable, ctx.Err(), doing)
	}
	unuse := c.use()
	free := func() { unuse(); <-c.slots }
	type opened struct {
		session *ssh.Session
		err     error
	}
	ready := make(chan opened, 1)
	go func() {
		s, err := c.client.NewSession()
		ready <- opened{s, err}
	}()
	select {
	case o := <-ready:
		if o.err == nil {
			return o.session, func() { _ = o.session.Close(); free() }, nil
		}
		free()
		var refused *ssh.OpenChannelError
		if !errors.As(o.err, &refused) {
			c.close() // The next caller connects anew.
		}
		return nil, nil, fault.Wrap(fault.Unavailable, o.err, doing)
	case <-ctx.Done():
		go func() { // Give the place back when the host answers after all, or the keepalive gives up.
			if o := <-ready; o.err == nil {
				_ = o.session.Close()
			}
			free()
		}()
		return nil, nil, fault.Wrap(fault.Unavailable, ctx.Err(), doing)
	}
}

// execute starts the line and collects what it says.
func (c *Conn) execute(session *ssh.Session, line string, stdin io.Reader) (Result, error) {
	var stdout, stderr limited
	session.Stdout, session.Stderr = &stdout, &stderr
	input, err := session.StdinPipe()
	if err != nil {
		return Result{}, fault.Wrap(fault.Unavailable, err, "opening a session on "+c.target.Address)
	}
	if err := session.Start(line); err != nil {
		return Result{}, c.startFault(err)
	}
	go func() {
		if stdin != nil {
			_, _ = io.Copy(input, stdin) // A command that ends without reading all of it says so by its status.
		}
		_ = input.Close()
	}()
	err = session.Wait()
	result := Result{Stdout: stdout.kept.Bytes(), Stderr: stderr.kept.Bytes(), Truncated: stdout.dropped || stderr.dropped}
	var exit *ssh.ExitError
	switch {
	case err == nil:
		return result, nil
	case errors.As(err, &exit):
		result.Exit, result.Signal = exit.ExitStatus(), exit.Signal()
		return result, nil
	}
	return result, fault.Wrap(fault.Ambiguous, err, "the connection to "+c.target.Address+" was lost while a command ran")
}

func (c *Conn) startFault(err error) error {
	// The library's text repeats the command line.
	if strings.HasPrefix(err.Error(), "ssh: command ") {
		return fault.New(fault.Unavailable, "%s starts no command for %q", c.target.Address, c.target.User)
	}
	return fault.Wrap(fault.Ambiguous, err, "the connection to "+c.target.Address+" was lost while a command started")
}

// refused finds out that the command itself never ran.
func (c *Conn) refused(cmd Command, r Result) error {
	text := r.Text()
	switch {
	case cmd.Sudo && r.Exit != 0 && sudoRefused(text):
		return fault.New(fault.Unauthorized, "%s: %q may not become root without a password (%s): grant it NOPASSWD in sudoers",
			c.target.Address, c.target.User, text)
	case cmd.Lock != "" && r.Exit == lockTaken:
		return fault.New(fault.Unavailable, "%s: another command holds %s for more than %s s", c.target.Address, cmd.Lock, cmd.lockSeconds())
	}
	return nil
}

// sudoRefused knows sudo's own refusals. Its warnings ("unable to resolve host") are none.
func sudoRefused(text string) bool {
	for _, refusal := range []string{
		"sudo: a password is required", "sudo: a terminal is required", "sudo: no tty present", "is not in the sudoers file",
		"is not allowed to execute", "is not allowed to run sudo", "may not run sudo", "sudo: not found", "sudo: command not found",
	} {
		if strings.Contains(text, refusal) {
			return true
		}
	}
	return false
}

// limited keeps the first OutputLimit bytes and takes the rest without keeping it, so that the command does not block.
type limited struct {
	kept    bytes.Buffer // Not embedded: its ReadFrom would go past the limit.
	dropped bool
}

func (l *limited) Write(p []byte) (int, error) {
	keep := min(len(p), OutputLimit-l.kept.Len())
	l.dropped = l.dropped || keep < len(p)
	_, _ = l.kept.Write(p[:keep])
	return len(p), nil
}

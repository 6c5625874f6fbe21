// Package sshx reaches systems by SSH: with verified host keys, through jump hosts, over connections that are kept and
// shared.
//
// It promises three things. A host is trusted only by a key, a host CA or a known_hosts file that somebody gave; there
// is no way to accept any host. What comes from outside reaches a remote shell as a quoted word, a positional parameter
// or standard input, never as program text. And the kind of a fault tells what happened: Unavailable if the command was
// not sent, Ambiguous if it was and the answer was lost.
package sshx

import (
	"io"
	"strings"
	"time"
)

// GuestLock is the lock (flock(1)) on a guest that all which changes it runs under, whichever integration does it.
const GuestLock = "/run/lock/fermata.lock"

// Target is a host to log in to. What is empty is taken from the pool's Config.
type Target struct {
	Address string // host:port; port 22 if absent.
	User    string
	// HostKeys are trusted as they are; authorized_keys form.
	HostKeys []string
	// HostCA are keys that sign host certificates; authorized_keys form.
	HostCA []string
	// Name must be among the principals of a host certificate. Empty: the host part of Address.
	Name string
}

// Command is what to run: exactly one of Argv and Script is given.
type Command struct {
	// Argv is a program and its arguments; each is quoted for the remote POSIX shell.
	Argv []string
	// Script is program text for sh -c. It is a constant of the caller's: values go into Args.
	Script string
	// Args are the script's $1, $2, ...
	Args []string
	// Stdin is what the command reads; nil: nothing. Secrets travel here and nowhere else.
	Stdin io.Reader
	// Sudo runs the command as root, by sudo -n if the account is not root.
	Sudo bool
	// Lock is a file on the host; the command runs while it holds that lock (flock(1)), so that commands of attempts
	// that overlap never work side by side. A lock that stays taken for LockWait is Unavailable; nothing ran then.
	Lock string
	// LockWait is how long to wait for Lock, in whole seconds; zero: one minute.
	LockWait time.Duration
}

// Result is how a command ended. Output beyond OutputLimit is dropped.
type Result struct {
	Stdout, Stderr []byte
	Exit           int    // Status; 128 and more: ended by Signal.
	Signal         string // "TERM", "KILL", ...; empty if it ended by itself.
	Truncated      bool   // Whether output was dropped.
}

// OutputLimit is how much of stdout, and of stderr, is kept: 1 MiB each.
const OutputLimit = 1 << 20

const textLimit = 600

// Text returns what the command said, for an error: the end of stderr, or of stdout if that is empty; at most 600 bytes.
func (r Result) Text() string {
	text := strings.TrimSpace(string(r.Stderr))
	if text == "" {
		text = strings.TrimSpace(string(r.Stdout))
	}
	if len(text) > textLimit {
		text = "..." + text[len(text)-textLimit:]
	}
	return strings.ToValidUTF8(text, "?")
}

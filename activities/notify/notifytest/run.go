// Package notifytest is the conformance suite of systems that carry notices: what each of them must do for a run, whatever
// its interface.
package notifytest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/notify"
)

// Bench gives the suite a system that has carried no notice.
type Bench struct {
	Open func(t *testing.T) System
}

// System is a notifier with the system behind it. What judges does not go through the notifier.
type System struct {
	// New works the system. Every call stands for another worker.
	New func(t *testing.T) notify.Notifier
	// To is an address that the system knows; empty where it has one receiver only.
	To string
	// NoAddresses have the wrong form in this system.
	NoAddresses []string
	// Delivered returns what the receiver got, oldest first, once the system is done with what it took.
	Delivered func(t *testing.T) []Judged
	// LoseNext loses the answers of the next n notices, after they were taken.
	LoseNext func(n int)
	// FailNext refuses the next n notices for a moment, ThrottleNext asks for patience.
	FailNext, ThrottleNext func(n int)
	// Down takes the system away.
	Down func(t *testing.T)
	// Denied is a notifier whose credential is refused, and the credential's text, which no error may show. Blind tells
	// that Check cannot see it, because the system judges a credential by a notice only.
	Denied func(t *testing.T) (n notify.Notifier, credential string)
	Blind  bool
	// Untrusted is a notifier that trusts another authority than the one that vouches for the system.
	Untrusted func(t *testing.T) notify.Notifier
	// Unknown is a notifier and an address that the system does not know.
	Unknown func(t *testing.T) (n notify.Notifier, to string)
	// Small is a notifier to a system that takes no more than 2000 bytes.
	Small func(t *testing.T) notify.Notifier
}

// Judged is a notice as its receiver got it.
type Judged struct {
	ID    string
	Event notify.Event
	Title string
	Lines []string // All lines that a person is shown.
	// Raw is all that arrived, as it was before anything was decoded.
	Raw string
}

// Run tests the system.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for _, group := range []map[string]func(*testing.T, System){sendCases(), refuseCases(), troubleCases()} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, bench.Open(t)) })
		}
	}
}

// Notice returns a notice of a new run, with every field.
func Notice() notify.Notice {
	run := ulid.Make().String()
	return notify.Notice{
		ID: notify.ID(run, "waiting", "nonce-1"), Event: notify.Waiting, Run: run, WorkflowID: "server/web-01", Owner: "server/web-01",
		Kind: "ProvisionServer", Group: "approvers", At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Title: "server/web-01 waits for an approval",
		Text: []string{"Clone debian-12 to web-01.", "Add 10.10.0.17 to the pool."}, Hash: "sha256:" + strings.Repeat("ab", 32),
		Deadline: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), Requester: "alice@example.net", Outcome: "", Ticket: "https://rt.example.net/17",
	}
}

func send(t *testing.T, s System, n notify.Notice) {
	t.Helper()
	require.NoError(t, s.New(t).Send(t.Context(), s.To, n))
}

// only returns the one notice that was delivered.
func only(t *testing.T, s System) Judged {
	t.Helper()
	got := s.Delivered(t)
	require.Len(t, got, 1)
	return got[0]
}

func kind(t *testing.T, want fault.Kind, err error) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fault.KindOf(err), "%v", err)
}

func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

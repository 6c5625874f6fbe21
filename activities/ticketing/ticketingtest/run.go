// Package ticketingtest is the conformance suite of ticket systems: what each of them must do for a run, whatever its
// interface.
package ticketingtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// Bench gives the suite a ticket system with nothing in it.
type Bench struct {
	Open func(t *testing.T) System
}

// System is a desk with the system behind it. What judges does not go through the desk.
type System struct {
	// Desk works the system. Every call of NewDesk stands for another worker.
	NewDesk func(t *testing.T) ticketing.Desk
	// Queue takes tickets. Strict takes them too, and its workflow does not let a resolved one be opened again.
	Queue, Strict string
	// Final says that no queue's workflow lets a ticket that was resolved or rejected be opened again.
	Final bool
	// Absent is the well-formed id of a ticket that is not there; empty: 4711.
	Absent string
	// Tickets returns what is there.
	Tickets func(t *testing.T) []Judged
	// Foreign opens a ticket that is nobody's, or carries a key, and returns its id.
	Foreign func(t *testing.T, queue, subject, key string, owner operation.Owner) string
	// Touch lets a person add comments.
	Touch func(t *testing.T, id string, comments ...string)
	// LoseNext loses the answers of the next n changes, after they were made.
	LoseNext func(n int)
	// FailNext refuses the next n requests.
	FailNext func(n int)
	// Down takes the system away.
	Down func(t *testing.T)
	// Denied is a desk whose credential is refused, Weak one that may read only.
	Denied, Weak func(t *testing.T) ticketing.Desk
}

// Judged is a ticket as the system itself has it.
type Judged struct {
	ID, Subject, Key string
	Status           ticketing.Status
	Notes            []string
}

// Run tests the system.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for _, group := range []map[string]func(*testing.T, System){ticketCases(), noteCases(), statusCases(), troubleCases()} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, bench.Open(t)) })
		}
	}
}

// Op returns an operation of a new run.
func Op() operation.Op {
	return operation.Op{Key: operation.Key{Run: ulid.Make().String(), Step: "ticket/open", Target: "web-01"}, Owner: "server/web-01"}
}

func request(s System) ticketing.Request {
	return ticketing.Request{Queue: s.Queue, Subject: "Provision server web-01", Text: "Plan:\n- deploy <b>web-01</b>\n", Requester: "alice@example.net"}
}

func ensure(t *testing.T, s System, op operation.Op) ticketing.Ticket {
	t.Helper()
	ticket, err := s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
	require.NoError(t, err)
	return ticket
}

// live returns the tickets that carry the key and wait for somebody.
func live(t *testing.T, s System, op operation.Op) (found []Judged) {
	t.Helper()
	for _, ticket := range s.Tickets(t) {
		if ticket.Key == op.Key.String() && ticket.Status == ticketing.Open {
			found = append(found, ticket)
		}
	}
	return found
}

func judged(t *testing.T, s System, id string) Judged {
	t.Helper()
	for _, ticket := range s.Tickets(t) {
		if ticket.ID == id {
			return ticket
		}
	}
	require.Fail(t, "no ticket "+id)
	return Judged{}
}

func absent(s System) string {
	if s.Absent == "" {
		return "4711"
	}
	return s.Absent
}

func notes(t *testing.T, s System, id, text string) (count int) {
	t.Helper()
	for _, note := range judged(t, s, id).Notes {
		if strings.Contains(note, text) {
			count++
		}
	}
	return count
}

func parallel(t *testing.T, count int, f func(i int) error) {
	t.Helper()
	var group sync.WaitGroup
	faults := make([]error, count)
	for i := range count {
		group.Go(func() { faults[i] = f(i) })
	}
	group.Wait()
	for _, err := range faults {
		require.NoError(t, err)
	}
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

// until repeats a call as Temporal does, as long as the fault says that this may help.
func until(f func() error) (attempts int, err error) {
	for attempts = 1; attempts < 20; attempts++ {
		if err = f(); err == nil || !fault.KindOf(err).Retryable() {
			return attempts, err
		}
	}
	return attempts, fmt.Errorf("giving up: %w", err)
}

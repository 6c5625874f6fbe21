// Package inventorytest is the conformance suite of configuration management databases: what each of them must do for a run,
// whatever its interface.
package inventorytest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/oklog/ulid/v2"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/operation"
)

// Bench gives the suite a database with nothing in it.
type Bench struct {
	Open func(t *testing.T) System
}

// System is a driver with the database behind it. What judges does not go through the driver.
type System struct {
	// NewCMDB works the database. Every call stands for another worker.
	NewCMDB func(t *testing.T) inventory.CMDB
	// Class is one that items are made in. Unknown looks like a class and is none.
	Class, Unknown string
	// Absent is the well-formed id of an item that is not there.
	Absent string
	// Items returns what is there.
	Items func(t *testing.T) []Judged
	// Foreign adds an item as people or another run do, older than what the driver makes and younger than what it added before,
	// and returns its id.
	Foreign func(t *testing.T, item Judged) string
	// OpenTicket opens the ticket of the operation's run and returns its id. Linked returns the id of the item that it is linked with.
	OpenTicket func(t *testing.T, op operation.Op) string
	Linked     func(t *testing.T, ticket string) string
	// LoseNext loses the answers of the next n changes, after they were made.
	LoseNext func(n int)
	// FailNext refuses the next n requests.
	FailNext func(n int)
	// Down takes the database away.
	Down func(t *testing.T)
	// Denied is a driver whose credential is refused, Weak one that may read only.
	Denied, Weak func(t *testing.T) inventory.CMDB
}

// Judged is an item as the database itself has it.
type Judged struct {
	ID, Class, Name, Address, Key string
	Owner                         operation.Owner
	State                         inventory.State
	Text                          string // All that people read in it: attributes, notes.
}

// Run tests the system.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for _, group := range []map[string]func(*testing.T, System){makingCases(), stateCases(), attributeCases(), refusedCases(), troubleCases()} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, bench.Open(t)) })
		}
	}
}

// Op returns an operation of a new run.
func Op() operation.Op {
	return operation.Op{Key: operation.Key{Run: ulid.Make().String(), Step: "inventory", Target: "web-01"}, Owner: "server/web-01"}
}

func request(s System) inventory.Request {
	return inventory.Request{
		Class: s.Class, Name: "web-01", Address: "10.20.0.11", Description: "Made by a test",
		Attributes: map[string]string{inventory.CPUs: "2", inventory.MemoryMiB: "4096", inventory.FQDN: "web-01.estate.test", "environment": "lab"},
	}
}

func ensure(t *testing.T, s System, op operation.Op) inventory.Item {
	t.Helper()
	item, err := s.NewCMDB(t).EnsureItem(t.Context(), op, request(s))
	require.NoError(t, err)
	return item
}

func retire(t *testing.T, s System, op operation.Op, id string) {
	t.Helper()
	item, err := s.NewCMDB(t).EnsureState(t.Context(), op, id, inventory.Retired, "retired by a test")
	require.NoError(t, err)
	require.Equal(t, inventory.Retired, item.State)
}

func find(t *testing.T, s System, q inventory.Query) (ids []string) {
	t.Helper()
	found, err := s.NewCMDB(t).FindItems(t.Context(), q)
	require.NoError(t, err)
	for _, item := range found {
		ids = append(ids, item.ID)
	}
	return ids
}

// live returns the items that carry the key and are in service.
func live(t *testing.T, s System, op operation.Op) (found []Judged) {
	t.Helper()
	for _, item := range s.Items(t) {
		if item.Key == op.Key.String() && item.State == inventory.InService {
			found = append(found, item)
		}
	}
	return found
}

func judged(t *testing.T, s System, id string) Judged {
	t.Helper()
	for _, item := range s.Items(t) {
		if item.ID == id {
			return item
		}
	}
	require.Fail(t, "no item "+id)
	return Judged{}
}

func parallel(t *testing.T, count int, f func() error) {
	t.Helper()
	var group sync.WaitGroup
	faults := make([]error, count)
	for i := range count {
		group.Go(func() { faults[i] = f() })
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
func until(f func() error) (err error) {
	for range 20 {
		if err = f(); err == nil || !fault.KindOf(err).Retryable() {
			return err
		}
	}
	return fmt.Errorf("giving up: %w", err)
}

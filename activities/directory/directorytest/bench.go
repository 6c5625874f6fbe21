// Package directorytest proves that a driver keeps the promises of the directory port, on emulated directories and on real ones
// alike. What it believes it asks the directory itself by connections of its own, never through the driver: an account is
// disabled when a login with the right password is refused.
package directorytest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// System is a directory with groups, and the hooks of the suite.
type System struct {
	// Driver returns a driver, each time a new one: another worker.
	Driver func(t *testing.T) directory.Directory
	// Denied has a credential that the directory refuses, Weak one that may look but not change.
	Denied, Weak func(t *testing.T) directory.Directory
	// Secret must stand in no error.
	Secret string
	// Group and Other exist; Missing does not.
	Group, Other, Missing string
	// Keys tells that SSH keys are kept, Numbers that accounts get a uidNumber.
	Keys, Numbers bool
	// Judge works the directory without the driver.
	Judge Judge
	// Lose loses the answers of the next n changes.
	Lose func(n int)
	Down func(down bool)
}

// Judge asks the directory, and does in it what others do.
type Judge interface {
	// LogsIn reports whether a client is let in.
	LogsIn(t *testing.T, dn, password string) bool
	// SetPassword sets one, as whoever the account belongs to has it done.
	SetPassword(t *testing.T, dn, password string)
	// Attribute returns an attribute's values; none where the entry is not there.
	Attribute(t *testing.T, dn, name string) []string
	// Members are the DNs in a group, but those that were there from the beginning.
	Members(t *testing.T, group string) []string
	// Dump is everything that is kept, in an order that stays.
	Dump(t *testing.T) string
	// Make makes an account of another hand, with a description, and returns its DN.
	Make(t *testing.T, name, description string) string
	// Set replaces an attribute.
	Set(t *testing.T, dn, name string, values ...string)
	// Join and Leave change a group.
	Join(t *testing.T, group, dn string)
	Leave(t *testing.T, group, dn string)
}

// Bench opens systems.
type Bench struct {
	Open func(t *testing.T) System
}

// Run runs the suite.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for name, test := range positive() {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
	}
	for name, test := range negative() {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
	}
}

// rig is one test's directory, driver and operation.
type rig struct {
	*testing.T
	System
	ctx    context.Context
	driver directory.Directory
	op     operation.Op
	p      *operation.Memory
}

func setup(t *testing.T, bench Bench) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	s := bench.Open(t)
	return &rig{T: t, System: s, ctx: ctx, driver: s.Driver(t), op: opOf("01JRUNA", "web-01"), p: &operation.Memory{}}
}

func opOf(run, target string) operation.Op {
	return operation.Op{
		Key:   operation.Key{Run: run, Step: "accounts/directory", Target: target},
		Owner: operation.Owner("instance/" + target),
	}
}

// password is what whoever an account belongs to chooses.
const password = "Correct-Horse-9"

func (r *rig) account(name string) directory.Account {
	return directory.Account{Name: name, Display: "Ada Lovelace", Mail: "ada@example.net", Groups: []string{r.Group}}
}

// make makes an account and asks the directory whether it is there, marked, and in its groups alone.
func (r *rig) make(op operation.Op, a directory.Account) directory.Held {
	r.Helper()
	held, err := r.driver.EnsureAccount(r.ctx, op, a, r.p)
	require.NoError(r, err)
	require.Equal(r, directory.Held{Account: a, DN: held.DN, Key: op.Key.String(), Owner: op.Owner}, held)
	require.Equal(r, []string{"fermata owner=" + string(op.Owner) + " key=" + op.Key.String()}, r.Judge.Attribute(r.T, held.DN, "description"))
	for _, group := range []string{r.Group, r.Other} {
		in := false
		for _, name := range a.Groups {
			in = in || name == group
		}
		if in {
			require.Contains(r, r.Judge.Members(r.T, group), held.DN)
		} else {
			require.NotContains(r, r.Judge.Members(r.T, group), held.DN)
		}
	}
	return held
}

// found is the account as Find has it.
func (r *rig) found(name string) directory.Held {
	r.Helper()
	all, err := r.driver.Find(r.ctx, name, "")
	require.NoError(r, err)
	require.Len(r, all, 1)
	return all[0]
}

func (r *rig) refuses(err error, kind fault.Kind, words ...string) {
	r.Helper()
	require.Error(r, err)
	require.Equal(r, kind, fault.KindOf(err), err.Error())
	require.NotContains(r, err.Error(), r.Secret)
	for _, word := range words {
		require.ErrorContains(r, err, word)
	}
}

// untouched asserts that the directory stays as it is, whatever f does.
func (r *rig) untouched(f func()) {
	r.Helper()
	before := r.Judge.Dump(r.T)
	f()
	require.Equal(r, before, r.Judge.Dump(r.T))
}

// Package databasetest proves that a driver keeps the promises of the database port, on a server in the process and on real
// ones alike. What it believes it asks the server itself, by connections of its own that go past the driver.
package databasetest

import (
	"context"
	"database/sql"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// System is a database server, and the hooks of the suite. Several tests may share a server: each has names of its own.
type System struct {
	// Driver returns a driver, each time with connections of its own: another worker. It connects through Relay.
	Driver func(t *testing.T) database.Server
	// Denied has a password that the server refuses, Weak an account that may neither make roles nor databases; Bare has no
	// folder for archives.
	Denied, Weak, Bare func(t *testing.T) database.Server
	// Secret must stand in no error.
	Secret string
	// Suffix ends the names of all that this test makes: letters and digits, at most 8.
	Suffix string
	Relay  *Relay
	// Make makes a database and a role as an administrator does, without Fermata. An empty name makes none.
	Make func(t *testing.T, database, role string)
	// Statement runs a statement in a database as an administrator.
	Statement func(t *testing.T, database, statement string)
	// Excess gives a role a right over the whole server that no access has.
	Excess func(t *testing.T, role string)
	// Connect prepares a role's connection to a database, past the relay. It is closed with the test.
	Connect func(t *testing.T, role, password, database string) *sql.DB
	// Denies reports whether the server refused a login or a statement for want of a right.
	Denies func(error) bool
	// Dump is all databases and roles whose names end in Suffix, with their tables, marks, rights and whether they may log in,
	// in an order that stays. Verifiers are left out.
	Dump func(t *testing.T) string
	// Log is all that the server has logged of what it was told.
	Log func(t *testing.T) string
}

// Bench opens systems.
type Bench struct {
	Open func(t *testing.T) System
	// NoArchives leaves out the test of dumps, where the vendor's program for them is not to be had.
	NoArchives bool
}

// Run runs the suite.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	tests := positive()
	if bench.NoArchives {
		delete(tests, aDump)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
	}
	for name, test := range negative() {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(setup(t, bench)) })
	}
}

// rig is one test's server, driver and operation.
type rig struct {
	*testing.T
	System
	ctx    context.Context
	driver database.Server
	op     operation.Op // Makes the database.
	db     database.Database
	p      *operation.Memory
}

// What roles get. No log, line or error may hold a piece of them.
const (
	first  = "fIrStPaSsWoRd0123456789abcdefghijklmnopq"
	second = "sEcOnDpAsSwOrD9876543210zyxwvutsrqponmlk"
)

func setup(t *testing.T, bench Bench) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	s := bench.Open(t)
	r := &rig{T: t, System: s, ctx: ctx, driver: s.Driver(t), db: database.Database{Name: "shop_" + s.Suffix}, p: &operation.Memory{}}
	r.op = r.opOf("01JRUNA", "database", "web-"+s.Suffix)
	t.Cleanup(r.unlogged)
	return r
}

// unlogged asserts that neither the server's log nor what was said holds a password.
func (r *rig) unlogged() {
	text := r.Log(r.T) + strings.Join(r.p.Texts(), "\n") + r.p.Task()
	for _, password := range []string{first, second} {
		require.Equal(r, text, secret.Hide(text, secret.NewValue([]byte(password))), "a password stands in the log")
	}
}

func (r *rig) opOf(run, step, target string) operation.Op {
	return operation.Op{Key: operation.Key{Run: run, Step: step, Target: target}, Owner: operation.Owner("instance/" + target)}
}

// step is an operation of the rig's run and owner.
func (r *rig) step(name string) operation.Op { return r.opOf("01JRUNA", name, "web-"+r.Suffix) }

func (r *rig) role(name string, access database.Access) database.Role {
	return database.Role{Name: name + "_" + r.Suffix, Database: r.db.Name, Access: access}
}

func value(password string) secret.Value { return secret.NewValue([]byte(password)) }

func (r *rig) makeDatabase() {
	r.Helper()
	require.NoError(r, r.driver.EnsureDatabase(r.ctx, r.op, r.db, r.p))
}

// makeRole makes a role in the rig's database and returns its connection.
func (r *rig) makeRole(name string, access database.Access) (database.Role, *sql.DB) {
	r.Helper()
	role := r.role(name, access)
	require.NoError(r, r.driver.EnsureRole(r.ctx, r.step("role/"+name), role, value(first), r.p))
	return role, r.Connect(r.T, role.Name, first, role.Database)
}

func (r *rig) may(db *sql.DB, statements ...string) {
	r.Helper()
	for _, s := range statements {
		_, err := db.ExecContext(r.ctx, s)
		require.NoError(r, err, s)
	}
}

// mayNot asserts that the server refuses each statement for want of a right, or the login itself.
func (r *rig) mayNot(db *sql.DB, statements ...string) {
	r.Helper()
	for _, s := range statements {
		_, err := db.ExecContext(r.ctx, s)
		require.Error(r, err, s)
		require.True(r, r.Denies(err), "%s: %v", s, err)
	}
}

// logsIn asserts that a password is taken, or refused.
func (r *rig) logsIn(role database.Role, password string, taken bool) {
	r.Helper()
	if db := r.Connect(r.T, role.Name, password, role.Database); taken {
		r.may(db, "SELECT 1")
	} else {
		r.mayNot(db, "SELECT 1")
	}
}

func (r *rig) prove(role database.Role, password string) ([]string, error) {
	lines, err := r.driver.Prove(r.ctx, new(net.Dialer).DialContext, database.Credentials{Role: role.Name, Database: role.Database, Password: value(password)}, role.Access)
	require.NotContains(r, strings.Join(lines, "\n"), password)
	return lines, err
}

func (r *rig) refuses(err error, kind fault.Kind, words ...string) {
	r.Helper()
	require.Error(r, err)
	require.Equal(r, kind, fault.KindOf(err), err.Error())
	for _, hush := range []string{r.Secret, first, second} {
		require.Equal(r, err.Error(), secret.Hide(err.Error(), value(hush)), "a password stands in the error")
	}
	for _, word := range words {
		require.ErrorContains(r, err, word)
	}
}

// untouched asserts that the server stays as it is, whatever f does.
func (r *rig) untouched(f func()) {
	r.Helper()
	before := r.Dump(r.T)
	f()
	require.Equal(r, before, r.Dump(r.T))
}

// lossProof loses the answer of every change in turn that act makes, and has another worker do it again. ready prepares each
// turn; done asserts the outcome and takes it away.
func (r *rig) lossProof(ready func(), act func(database.Server) error, done func()) {
	r.Helper()
	for n := 1; ; n++ {
		require.Less(r, n, 50, "the changes do not end")
		ready()
		r.Relay.LoseAt(n)
		err := act(r.Driver(r.T))
		if lost := r.Relay.Lost(); !lost {
			r.Relay.LoseAt(0)
			require.NoError(r, err)
			require.Greater(r, n, 1, "nothing was lost")
			done()
			return
		}
		r.refuses(err, fault.Ambiguous)
		require.NoError(r, act(r.Driver(r.T)))
		done()
	}
}

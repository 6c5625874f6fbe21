// Package postgresqltest lets the database suite run on a PostgreSQL, whoever started it.
package postgresqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/database/databasetest"
	"fermata/activities/secret"
	"fermata/integrations/postgresql"
)

// Changes are the messages that change something when they arrive: what is in a transaction is nothing until it is committed.
var Changes = regexp.MustCompile(`(?i)\b(commit|create database|drop database)\b`)

// The accounts that Prepare makes, and their passwords.
const (
	Admin = "fermata"
	Weak  = "weak"

	AdminPassword = "correct-horse-battery-staple"
	WrongPassword = "quite-another-word-altogether"
)

// Server is a PostgreSQL that is running.
type Server struct {
	Address  string // host:port.
	User     string // A superuser.
	Password string
	Archives string // Folder for dumps.
	Log      func(t *testing.T) string
}

// Prepare makes the driver's account as its README says, and one that may do nothing.
func (s Server) Prepare(t *testing.T) {
	t.Helper()
	s.administer(t, "postgres", fmt.Sprintf("CREATE ROLE %s LOGIN CREATEROLE CREATEDB PASSWORD '%s'", Admin, AdminPassword),
		fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", Weak, AdminPassword))
}

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

// Driver returns a driver for the address.
func (s Server) Driver(t *testing.T, address, user, password string, change func(*postgresql.Config)) *postgresql.Driver {
	t.Helper()
	c := postgresql.DefaultConfig()
	c.Address, c.User, c.Password, c.Archives = address, user, "secret://test/password", s.Archives
	change(&c)
	d, err := postgresql.New(c, secrets{"password": password})
	require.NoError(t, err)
	return d
}

// Open returns a system of the suite on the server.
func (s Server) Open(t *testing.T) databasetest.System {
	t.Helper()
	relay := databasetest.NewRelay(t, s.Address, Changes)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(relay.Port()))
	driver := func(user, password string, change func(*postgresql.Config)) func(*testing.T) database.Server {
		return func(t *testing.T) database.Server { t.Helper(); return s.Driver(t, address, user, password, change) }
	}
	as := func(*postgresql.Config) {}
	suffix := strings.ToLower(rand.Text()[:6])
	t.Cleanup(func() { s.sweep(t, suffix) })
	return databasetest.System{
		Driver: driver(Admin, AdminPassword, as), Denied: driver(Admin, WrongPassword, as), Weak: driver(Weak, AdminPassword, as),
		Bare: driver(Admin, AdminPassword, func(c *postgresql.Config) { c.Archives = "" }), Secret: WrongPassword,
		Suffix: suffix, Relay: relay, Log: s.Log, Denies: denies, Make: s.make,
		Statement: func(t *testing.T, database, statement string) { t.Helper(); s.administer(t, database, statement) },
		Excess: func(t *testing.T, role string) {
			t.Helper()
			s.administer(t, "postgres", "ALTER ROLE "+role+" CREATEDB")
		},
		Connect: s.connect,
		Dump:    func(t *testing.T) string { t.Helper(); return s.dump(t, suffix) },
	}
}

// denies: insufficient_privilege, invalid_authorization_specification, invalid_password.
func denies(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) && (said.Code == "42501" || said.Code == "28000" || said.Code == "28P01")
}

func (s Server) connect(t *testing.T, role, password, database string) *sql.DB {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Address)
	require.NoError(t, err)
	c, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%s user=%s password='%s' dbname=%s sslmode=disable", host, port, role, password, database))
	require.NoError(t, err)
	db := stdlib.OpenDB(*c)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// administer runs statements as the superuser. They are not logged: what an administrator writes is not the driver's doing.
func (s Server) administer(t *testing.T, database string, statements ...string) {
	t.Helper()
	db := s.connect(t, s.User, s.Password, database)
	defer s.leave(t, db, database)
	db.SetMaxOpenConns(1)
	for _, statement := range append([]string{"SET log_statement = 'none'"}, statements...) {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), statement)
		require.NoError(t, err, statement)
	}
}

// leave ends a superuser's sessions and waits until the server knows it: the driver's account cannot end them, and a database
// with one is not dropped.
func (s Server) leave(t *testing.T, db *sql.DB, database string) {
	t.Helper()
	require.NoError(t, db.Close())
	if database == "postgres" {
		return
	}
	server := s.connect(t, s.User, s.Password, "postgres")
	defer func() { _ = server.Close() }()
	require.Eventually(t, func() bool {
		var left int
		err := server.QueryRowContext(context.WithoutCancel(t.Context()), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = $2", database, s.User).Scan(&left)
		return err == nil && left == 0
	}, 10*time.Second, 10*time.Millisecond)
}

func (s Server) make(t *testing.T, database, role string) {
	t.Helper()
	if database != "" {
		s.administer(t, "postgres", "CREATE DATABASE "+database)
	}
	if role != "" {
		s.administer(t, "postgres", "CREATE ROLE "+role+" LOGIN PASSWORD 'fIrStPaSsWoRd0123456789abcdefghijklmnopq'")
	}
}

func (s Server) rows(t *testing.T, database, query string, args ...any) []string {
	t.Helper()
	db := s.connect(t, s.User, s.Password, database)
	defer s.leave(t, db, database)
	rows, err := db.QueryContext(context.WithoutCancel(t.Context()), query, args...)
	require.NoError(t, err)
	defer func() { _ = rows.Close() }()
	var all []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		all = append(all, line)
	}
	require.NoError(t, rows.Err())
	return all
}

const sorted = `coalesce((SELECT string_agg(x::text, ',' ORDER BY x::text) FROM unnest(%s) x), '-')`

func (s Server) dump(t *testing.T, suffix string) string {
	t.Helper()
	like := "%" + suffix + "%"
	all := s.rows(t, "postgres", `SELECT format('role %s login=%s inherit=%s super=%s createrole=%s createdb=%s: %s; member of %s; set %s', rolname, rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb,
		shobj_description(oid, 'pg_authid'), (SELECT string_agg(pg_get_userbyid(roleid), ',' ORDER BY 1) FROM pg_auth_members WHERE member = r.oid),
		(SELECT string_agg(setconfig::text, ',' ORDER BY 1) FROM pg_db_role_setting WHERE setrole = r.oid))
		FROM pg_roles r WHERE rolname LIKE $1 ORDER BY rolname`, like)
	all = append(all, s.rows(t, "postgres", `SELECT format('database %s of %s %s: %s', datname, pg_get_userbyid(datdba), `+fmt.Sprintf(sorted, "datacl")+`, shobj_description(oid, 'pg_database'))
		FROM pg_database WHERE datname LIKE $1 ORDER BY datname`, like)...)
	for _, name := range s.rows(t, "postgres", `SELECT datname FROM pg_database WHERE datname LIKE $1 ORDER BY 1`, like) {
		for _, query := range []string{
			`SELECT format('schema %s %s', nspname, ` + fmt.Sprintf(sorted, "nspacl") + `) FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' ORDER BY 1`,
			`SELECT format('%s %s of %s %s', relkind, relname, pg_get_userbyid(relowner), ` + fmt.Sprintf(sorted, "relacl") + `) FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1`,
			`SELECT format('default %s of %s %s', defaclobjtype, pg_get_userbyid(defaclrole), ` + fmt.Sprintf(sorted, "defaclacl") + `) FROM pg_default_acl ORDER BY 1`,
		} {
			for _, line := range s.rows(t, name, query) {
				all = append(all, name+": "+line)
			}
		}
	}
	return strings.Join(all, "\n")
}

// sweep drops what a test left: others share the server.
func (s Server) sweep(t *testing.T, suffix string) {
	t.Helper()
	like := "%" + suffix + "%"
	for _, name := range s.rows(t, "postgres", `SELECT quote_ident(datname) FROM pg_database WHERE datname LIKE $1`, like) {
		s.administer(t, "postgres", "DROP DATABASE "+name+" WITH (FORCE)")
	}
	for _, name := range s.rows(t, "postgres", `SELECT quote_ident(rolname) FROM pg_roles WHERE rolname LIKE $1`, like) {
		s.administer(t, "postgres", "DROP ROLE "+name)
	}
}

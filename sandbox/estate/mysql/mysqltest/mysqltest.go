// Package mysqltest lets the database suite run on a MariaDB, or on what speaks its protocol, whoever started it.
package mysqltest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/database/databasetest"
	"fermata/activities/secret"
	"fermata/integrations/mariadb"
)

// Changes are the messages that change something: behind the head of a packet and the byte of COM_QUERY.
var Changes = regexp.MustCompile(`(?s)^.{4}\x03(CREATE|ALTER|DROP|GRANT|REVOKE|INSERT|DELETE|KILL) `)

// The accounts of the driver, and their passwords.
const (
	Admin = "fermata"
	Weak  = "weak"

	AdminPassword = "correct-horse-battery-staple"
	WrongPassword = "quite-another-word-altogether"
)

// Server is a server that is running.
type Server struct {
	Address  string // host:port.
	User     string // May do everything.
	Password string
	Archives string // Folder for dumps.
	Log      func(t *testing.T) string
}

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

// Driver returns a driver for the address.
func (s Server) Driver(t *testing.T, address, user, password string, change func(*mariadb.Config)) *mariadb.Driver {
	t.Helper()
	c := mariadb.DefaultConfig()
	c.Address, c.User, c.Password, c.Archives = address, user, "secret://test/password", s.Archives
	change(&c)
	d, err := mariadb.New(c, secrets{"password": password})
	require.NoError(t, err)
	return d
}

// Prepare makes the driver's account as its README says, and one that may do nothing.
func (s Server) Prepare(t *testing.T) {
	t.Helper()
	s.administer(
		t, "",
		"CREATE USER '"+Admin+"'@'%' IDENTIFIED BY '"+AdminPassword+"'",
		"GRANT CREATE USER, PROCESS, CONNECTION ADMIN ON *.* TO '"+Admin+"'@'%'",
		"GRANT SELECT (User, Host) ON mysql.user TO '"+Admin+"'@'%'",
		"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EVENT, TRIGGER ON *.* TO '"+Admin+"'@'%' WITH GRANT OPTION",
	)
	s.PrepareWeak(t)
}

// PrepareWeak makes the account that may do nothing.
func (s Server) PrepareWeak(t *testing.T) {
	t.Helper()
	s.administer(t, "", "CREATE USER '"+Weak+"'@'%' IDENTIFIED BY '"+AdminPassword+"'")
}

// Open returns a system of the suite on the server.
func (s Server) Open(t *testing.T) databasetest.System {
	t.Helper()
	relay := databasetest.NewRelay(t, s.Address, Changes)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(relay.Port()))
	driver := func(user, password string, change func(*mariadb.Config)) func(*testing.T) database.Server {
		return func(t *testing.T) database.Server { t.Helper(); return s.Driver(t, address, user, password, change) }
	}
	as := func(*mariadb.Config) {}
	suffix := strings.ToLower(rand.Text()[:6])
	t.Cleanup(func() { s.sweep(t, suffix) })
	return databasetest.System{
		Driver: driver(Admin, AdminPassword, as), Denied: driver(Admin, WrongPassword, as), Weak: driver(Weak, AdminPassword, as),
		Bare: driver(Admin, AdminPassword, func(c *mariadb.Config) { c.Archives = "" }), Secret: WrongPassword,
		Suffix: suffix, Relay: relay, Log: s.Log, Denies: denies, Make: s.make,
		Statement: func(t *testing.T, database, statement string) { t.Helper(); s.administer(t, database, statement) },
		Excess: func(t *testing.T, role string) {
			t.Helper()
			s.administer(t, "", "GRANT PROCESS ON *.* TO '"+role+"'@'%'")
		},
		Connect: s.Connect,
		Dump:    func(t *testing.T) string { t.Helper(); return s.dump(t, suffix) },
	}
}

// denies: to a database, a login, on a table, on a column, on the whole server, a locked account.
func denies(err error) bool {
	var said *mysql.MySQLError
	return errors.As(err, &said) && slices.Contains([]uint16{1044, 1045, 1142, 1143, 1227, 3118, 4151}, said.Number)
}

// Connect prepares a connection without TLS.
func (s Server) Connect(t *testing.T, role, password, database string) *sql.DB {
	t.Helper()
	c := mysql.NewConfig()
	c.User, c.Passwd, c.Net, c.Addr, c.DBName, c.InterpolateParams, c.Logger = role, password, "tcp", s.Address, database, true, &mysql.NopLogger{}
	connector, err := mysql.NewConnector(c)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// administer runs statements as who may do everything.
func (s Server) administer(t *testing.T, database string, statements ...string) {
	t.Helper()
	db := s.Connect(t, s.User, s.Password, database)
	defer func() { _ = db.Close() }()
	for _, statement := range statements {
		_, err := db.ExecContext(context.WithoutCancel(t.Context()), statement)
		require.NoError(t, err, statement)
	}
}

// verifier is what the server keeps of the suite's first password.
const verifier = "*04523A2A112439E89A99667304D537ECCFF92D93"

func (s Server) make(t *testing.T, database, role string) {
	t.Helper()
	if database != "" {
		s.administer(t, "", "CREATE DATABASE "+database)
	}
	if role != "" {
		s.administer(t, "", "CREATE USER '"+role+"'@'%' IDENTIFIED WITH mysql_native_password AS '"+verifier+"'")
	}
}

func (s Server) rows(t *testing.T, query string, args ...any) []string {
	t.Helper()
	db := s.Connect(t, s.User, s.Password, "")
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(context.WithoutCancel(t.Context()), query, args...)
	require.NoError(t, err, query)
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

// hash is the verifier in what SHOW GRANTS says.
var hash = regexp.MustCompile(` IDENTIFIED BY PASSWORD '[^']*'`)

func (s Server) dump(t *testing.T, suffix string) string {
	t.Helper()
	like := "%" + suffix + "%"
	var all []string
	for _, role := range s.rows(t, "SELECT User FROM mysql.user WHERE User LIKE ? ORDER BY 1", like) {
		all = append(all, "role "+role+" locked="+strings.Join(s.rows(t, s.locked(t), role), ""))
		grants := s.rows(t, "SHOW GRANTS FOR '"+role+"'@'%'")
		slices.Sort(grants)
		for _, grant := range grants {
			all = append(all, hash.ReplaceAllString(grant, ""))
		}
	}
	for _, db := range s.rows(t, "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE ? ORDER BY 1", like) {
		all = append(all, "database "+db)
		for _, table := range s.rows(t, "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY 1", db) {
			all = append(all, "table "+db+"."+table)
		}
	}
	if len(s.rows(t, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'fermata' AND table_name = 'objects'")) > 0 {
		all = append(all, s.rows(t, "SELECT CONCAT('mark ', kind, ' ', name, ' ', run_key, ' ', owner) FROM fermata.objects WHERE name LIKE ? ORDER BY 1", like)...)
	}
	return strings.Join(all, "\n")
}

// locked asks whether an account is locked: MariaDB and MySQL keep it in different places.
func (s Server) locked(t *testing.T) string {
	t.Helper()
	if strings.Contains(strings.Join(s.rows(t, "SELECT VERSION()"), ""), "MariaDB") {
		return "SELECT COALESCE(JSON_VALUE(Priv, '$.account_locked'), 0) FROM mysql.global_priv WHERE User = ?"
	}
	return "SELECT account_locked FROM mysql.user WHERE User = ?"
}

// sweep drops what a test left: others share the server.
func (s Server) sweep(t *testing.T, suffix string) {
	t.Helper()
	like := "%" + suffix + "%"
	for _, db := range s.rows(t, "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE ?", like) {
		s.administer(t, "", "DROP DATABASE `"+db+"`")
	}
	for _, role := range s.rows(t, "SELECT User FROM mysql.user WHERE User LIKE ?", like) {
		s.administer(t, "", "DROP USER '"+role+"'@'%'")
	}
}

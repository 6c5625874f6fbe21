package mysql_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/database/databasetest"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/mariadb"
	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/mysql"
	"fermata/sandbox/estate/mysql/mysqltest"
)

// log keeps what the server was told.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.text.Write(p) }
func (l *log) read(*testing.T) string      { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

func start(t *testing.T, options mysql.Options) (*mysql.Server, mysqltest.Server) {
	t.Helper()
	said := &log{}
	options.AdminUser, options.AdminPassword, options.Log = mysqltest.Admin, mysqltest.AdminPassword, said
	s, err := mysql.Start(options)
	require.NoError(t, err)
	return s, mysqltest.Server{Address: s.Address(), User: mysqltest.Admin, Password: mysqltest.AdminPassword, Archives: t.TempDir(), Log: said.read}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	s, server := start(t, mysql.Options{Folder: t.TempDir()})
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	server.PrepareWeak(t)
	t.Run("suite", func(t *testing.T) { databasetest.Run(t, databasetest.Bench{Open: server.Open, NoArchives: true}) })
	require.Contains(t, server.Log(t), "IDENTIFIED WITH mysql_native_password AS '*", "the log has the statements that the suite searched")
}

// TestARestartKeepsWhatWasMade: accounts, rights, locks, databases, rows and marks; a client verifies the server again.
func TestARestartKeepsWhatWasMade(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	byTLS, err := certificate.Of(folder, "MySQL")
	require.NoError(t, err)
	options := mysql.Options{Folder: folder, TLS: byTLS}
	s, server := start(t, options)
	options.Listen = s.Address()
	trusting := func(c *mariadb.Config) { c.CA = certificate.File(folder) }
	driver := server.Driver(t, s.Address(), mysqltest.Admin, mysqltest.AdminPassword, trusting)
	op := operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "database", Target: "web-01"}, Owner: "instance/web-01"}
	password := secret.NewValue([]byte("fIrStPaSsWoRd0123456789abcdefghijklmnopq"))
	require.NoError(t, driver.Check(t.Context()))
	require.NoError(t, driver.EnsureDatabase(t.Context(), op, database.Database{Name: "shop"}, &operation.Memory{}))
	for _, name := range []string{"app", "old"} {
		role := database.Role{Name: name, Database: "shop", Access: database.Owner}
		require.NoError(t, driver.EnsureRole(t.Context(), op, role, password, &operation.Memory{}))
	}
	for _, statement := range []string{"CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(20))", "INSERT INTO goods VALUES (1, 'it''s;\n')"} {
		_, err := server.Connect(t, "app", string(password.Reveal()), "shop").ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
	require.NoError(t, driver.DisableRole(t.Context(), op, "old", &operation.Memory{}))
	found, err := driver.Find(t.Context(), nil, op.Owner)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	s, server = start(t, options)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	again, err := driver.Find(t.Context(), nil, op.Owner)
	require.NoError(t, err)
	require.Equal(t, found, again)
	require.Len(t, again.Roles, 2)
	var name string
	require.NoError(t, server.Connect(t, "app", string(password.Reveal()), "shop").QueryRowContext(t.Context(), "SELECT name FROM goods").Scan(&name))
	require.Equal(t, "it's;\n", name)
	prove := func(role string) error {
		_, err := driver.Prove(t.Context(), new(net.Dialer).DialContext, database.Credentials{Role: role, Database: "shop", Password: password}, database.Owner)
		return err
	}
	require.NoError(t, prove("app"))
	require.Equal(t, fault.Unauthorized, fault.KindOf(prove("old")), "it is locked still")
	stored, err := os.ReadFile(filepath.Join(folder, "accounts"))
	require.NoError(t, err)
	require.NotContains(t, string(stored), string(password.Reveal()))
}

func TestOptionsThatServeNobody(t *testing.T) {
	t.Parallel()
	for _, options := range []mysql.Options{
		{AdminUser: "a", AdminPassword: mysqltest.AdminPassword}, {Folder: t.TempDir(), AdminPassword: mysqltest.AdminPassword},
		{Folder: t.TempDir(), AdminUser: "a", AdminPassword: "short"},
	} {
		_, err := mysql.Start(options)
		require.Error(t, err)
	}
}

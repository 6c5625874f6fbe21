package mysql_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/mariadb"
	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/mysql"
	"fermata/sandbox/estate/mysql/mysqltest"
)

func start(t *testing.T, options mysql.Options) (*mysql.Server, mysqltest.Server) {
	t.Helper()
	options.AdminUser, options.AdminPassword = mysqltest.Admin, mysqltest.AdminPassword
	s, err := mysql.Start(options)
	require.NoError(t, err)
	return s, mysqltest.Server{Address: s.Address(), User: mysqltest.Admin, Password: mysqltest.AdminPassword}
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
		for range 2 { // The second time as after a lost answer.
			require.NoError(t, driver.EnsureRole(t.Context(), op, role, password, &operation.Memory{}))
		}
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
		{AdminUser: "a", AdminPassword: mysqltest.AdminPassword},
		{Folder: t.TempDir(), AdminPassword: mysqltest.AdminPassword},
		{Folder: t.TempDir(), AdminUser: "a", AdminPassword: "short"},
	} {
		_, err := mysql.Start(options)
		require.Error(t, err)
	}
}

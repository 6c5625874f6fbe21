package database_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/database/databasetest"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/mariadb"
	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/mysql/mysqltest"
	bed "fermata/testsuite/bed/database"
	"fermata/testsuite/bed/host"
)

const rootPassword = "an-administrators-own-word"

// startMariaDB starts a server with TLS that logs every statement. ca is the path of what to trust.
func startMariaDB(t *testing.T) (server mysqltest.Server, ca string) {
	t.Helper()
	folder := host.Folder(t)
	_, err := certificate.Of(folder, "MariaDB")
	require.NoError(t, err)
	key := filepath.Join(folder, "key.pem")
	giveTo(t, "mysql", key)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	m, err := bed.StartMariaDB(ctx, folder, net.JoinHostPort("127.0.0.1", port(t)), rootPassword, "ssl-cert="+certificate.File(folder), "ssl-key="+key)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Stop()) })
	server = mysqltest.Server{
		Address: m.Address, User: "root", Password: rootPassword, Archives: filepath.Join(folder, "archives"),
		Log: func(t *testing.T) string {
			t.Helper()
			text, err := os.ReadFile(m.Log())
			require.NoError(t, err)
			return string(text)
		},
	}
	server.Prepare(t)
	return server, certificate.File(folder)
}

func TestMariaDB(t *testing.T) {
	t.Parallel()
	host.Require(t)
	server, _ := startMariaDB(t)
	t.Run("suite", func(t *testing.T) { databasetest.Run(t, databasetest.Bench{Open: server.Open}) })
	require.Contains(t, server.Log(t), "IDENTIFIED WITH mysql_native_password AS '*", "the server's log has the statements that the suite searched")
}

// TestMariaDBByTLS: the server is verified, by workers and by clients, and so is a client's own program.
func TestMariaDBByTLS(t *testing.T) {
	t.Parallel()
	host.Require(t)
	server, ca := startMariaDB(t)
	driver := server.Driver(t, server.Address, mysqltest.Admin, mysqltest.AdminPassword, func(c *mariadb.Config) { c.CA = ca })
	op := operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "database", Target: "web-01"}, Owner: "instance/web-01"}
	role := database.Role{Name: "app", Database: "shop", Access: database.ReadWrite}
	require.NoError(t, driver.Check(t.Context()))
	require.NoError(t, driver.EnsureDatabase(t.Context(), op, database.Database{Name: "shop"}, &operation.Memory{}))
	require.NoError(t, driver.EnsureRole(t.Context(), op, role, secret.NewValue([]byte(password)), &operation.Memory{}))
	credentials := database.Credentials{Role: role.Name, Database: role.Database, Password: secret.NewValue([]byte(password))}
	lines, err := driver.Prove(t.Context(), new(net.Dialer).DialContext, credentials, role.Access)
	require.NoError(t, err)
	require.NotEmpty(t, lines)

	content, err := driver.Render(credentials, ca)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "my.cnf")
	require.NoError(t, os.WriteFile(file, content.Reveal(), 0o600))
	out, err := run(t, nil, "mariadb", "--defaults-file="+file, "--batch", "--skip-column-names", "--execute=SELECT USER(), DATABASE(); SHOW STATUS LIKE 'Ssl_version'")
	require.NoError(t, err, out)
	require.Regexp(t, `^app@127.0.0.1\tshop\nSsl_version\tTLSv1\.[23]\n$`, out, "the server's own client reads the file as the driver means it")

	archive, err := driver.Dump(t.Context(), op, database.Database{Name: "shop"}, &operation.Memory{})
	require.NoError(t, err)
	require.NotZero(t, archive.Bytes)

	plain := server.Driver(t, server.Address, mysqltest.Admin, mysqltest.AdminPassword, func(*mariadb.Config) {})
	_, err = plain.Prove(t.Context(), new(net.Dialer).DialContext, credentials, role.Access)
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "without TLS the role is not let in: %v", err)
	other := t.TempDir()
	_, err = certificate.Of(other, "another")
	require.NoError(t, err)
	stranger := server.Driver(t, server.Address, mysqltest.Admin, mysqltest.AdminPassword, func(c *mariadb.Config) { c.CA = certificate.File(other) })
	require.Equal(t, fault.Unauthorized, fault.KindOf(stranger.Check(t.Context())), "%v", stranger.Check(t.Context()))
}

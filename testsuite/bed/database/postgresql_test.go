package database_test

import (
	"context"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/database/databasetest"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/postgresql"
	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/postgresql/postgresqltest"
	bed "fermata/testsuite/bed/database"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/postgres"
)

func TestMain(m *testing.M) {
	os.Exit(host.Main(m, host.Installed(postgres.Packages(), bed.Packages(), []string{"openssh-server"})))
}

// guarded lets the superuser in without a password, and everybody else with one, over TLS or, for the suite's relay, without.
const guarded = `local all postgres trust
host all postgres 127.0.0.0/8 trust
host all all 127.0.0.0/8 scram-sha-256
`

const password = "fIrStPaSsWoRd0123456789abcdefghijklmnopq"

// startPostgreSQL starts a server with TLS that logs every statement. ca is the path of what to trust.
func startPostgreSQL(t *testing.T) (server postgresqltest.Server, ca string) {
	t.Helper()
	folder := host.Folder(t)
	_, err := certificate.Of(folder, "PostgreSQL")
	require.NoError(t, err)
	giveTo(t, "nobody", filepath.Join(folder, "key.pem"))
	address := net.JoinHostPort("127.0.0.1", port(t))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	s, err := postgres.StartGuarded(ctx, "", folder, address, guarded, "log_statement=all", "log_connections=on", "ssl=on",
		"ssl_cert_file="+certificate.File(folder), "ssl_key_file="+filepath.Join(folder, "key.pem"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	server = postgresqltest.Server{
		Address: address, User: postgres.User, Archives: filepath.Join(folder, "archives"),
		Log: func(t *testing.T) string {
			t.Helper()
			text, err := os.ReadFile(filepath.Join(folder, "log"))
			require.NoError(t, err)
			return string(text)
		},
	}
	server.Prepare(t)
	return server, certificate.File(folder)
}

// port is a free one that certificates for loopback's own address are good for.
func port(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

func giveTo(t *testing.T, account string, paths ...string) {
	t.Helper()
	who, err := user.Lookup(account)
	require.NoError(t, err)
	uid, err := strconv.Atoi(who.Uid)
	require.NoError(t, err)
	gid, err := strconv.Atoi(who.Gid)
	require.NoError(t, err)
	for _, path := range paths {
		require.NoError(t, os.Chown(path, uid, gid))
	}
}

func TestPostgreSQL(t *testing.T) {
	t.Parallel()
	host.Require(t)
	server, _ := startPostgreSQL(t)
	t.Run("suite", func(t *testing.T) { databasetest.Run(t, databasetest.Bench{Open: server.Open}) })
	require.Contains(t, server.Log(t), "LOGIN PASSWORD 'SCRAM-SHA-256$4096:", "the server's log has the statements that the suite searched")
}

// TestPostgreSQLByTLS: the server is verified, by workers and by clients, and so is a client's own program.
func TestPostgreSQLByTLS(t *testing.T) {
	t.Parallel()
	host.Require(t)
	server, ca := startPostgreSQL(t)
	byTLS := func(c *postgresql.Config) { c.CA = ca }
	driver := server.Driver(t, server.Address, postgresqltest.Admin, postgresqltest.AdminPassword, byTLS)
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
	file := filepath.Join(t.TempDir(), "service.conf")
	require.NoError(t, os.WriteFile(file, content.Reveal(), 0o600))
	out, err := run(t, []string{"PGSERVICEFILE=" + file, "PGSERVICE=shop"}, "psql", "-X", "-A", "-t", "-c", "SELECT session_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
	require.NoError(t, err, out)
	require.Equal(t, "app|t\n", out, "the server's own client reads the file as the driver means it")

	archive, err := driver.Dump(t.Context(), op, database.Database{Name: "shop"}, &operation.Memory{})
	require.NoError(t, err)
	require.NotZero(t, archive.Bytes)

	other := t.TempDir()
	_, err = certificate.Of(other, "another")
	require.NoError(t, err)
	stranger := server.Driver(t, server.Address, postgresqltest.Admin, postgresqltest.AdminPassword, func(c *postgresql.Config) { c.CA = certificate.File(other) })
	require.Equal(t, fault.Unauthorized, fault.KindOf(stranger.Check(t.Context())), "%v", stranger.Check(t.Context()))
	_, err = stranger.Prove(t.Context(), new(net.Dialer).DialContext, credentials, role.Access)
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
}

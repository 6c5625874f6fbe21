package postgresql_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	driver "fermata/integrations/postgresql"
	"fermata/sandbox/estate/postgresql"
	"fermata/sandbox/estate/postgresql/postgresqltest"
)

func start(t *testing.T, o postgresql.Options) *postgresql.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := postgresql.Start(ctx, o)
	if errors.Is(err, postgresql.ErrAbsent) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// TestTheMachinesOwn carries the driver from login to proof, over TLS, and over a restart. The whole suite runs in the bed.
func TestTheMachinesOwn(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "fermata-pg-") // The account nobody may enter it.
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	require.NoError(t, os.Chmod(folder, 0o755))
	options := postgresql.Options{Folder: filepath.Join(folder, "pg"), AdminUser: postgresqltest.Admin, AdminPassword: postgresqltest.AdminPassword}
	s := start(t, options)
	as := func(s *postgresql.Server, password string) *driver.Driver {
		return postgresqltest.Server{}.Driver(t, s.Address(), postgresqltest.Admin, password, func(c *driver.Config) { c.CA = s.CA() })
	}
	d := as(s, postgresqltest.AdminPassword)
	op := operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "database", Target: "web-01"}, Owner: "instance/web-01"}
	role := database.Role{Name: "app", Database: "shop", Access: database.Owner}
	password := secret.NewValue([]byte("fIrStPaSsWoRd0123456789abcdefghijklmnopq"))
	require.NoError(t, d.Check(t.Context()))
	require.NoError(t, d.EnsureDatabase(t.Context(), op, database.Database{Name: "shop"}, &operation.Memory{}))
	require.NoError(t, d.EnsureRole(t.Context(), op, role, password, &operation.Memory{}))
	prove := func(d *driver.Driver) error {
		_, err := d.Prove(t.Context(), new(net.Dialer).DialContext, database.Credentials{Role: "app", Database: "shop", Password: password}, role.Access)
		return err
	}
	require.NoError(t, prove(d))
	refused := as(s, "another-word-altogether").Check(t.Context())
	require.Equal(t, fault.Unauthorized, fault.KindOf(refused), "%v", refused)
	require.NoError(t, s.Close())
	require.Equal(t, fault.Unavailable, fault.KindOf(d.Check(t.Context())))
	options.Listen = s.Address()
	require.NoError(t, prove(as(start(t, options), postgresqltest.AdminPassword)))
	log, err := os.ReadFile(filepath.Join(options.Folder, "log"))
	require.NoError(t, err)
	require.NotContains(t, string(log), postgresqltest.AdminPassword)
}

func TestOptionsThatServeNobody(t *testing.T) {
	t.Parallel()
	for _, o := range []postgresql.Options{
		{AdminUser: "a", AdminPassword: postgresqltest.AdminPassword},
		{Folder: t.TempDir(), AdminPassword: postgresqltest.AdminPassword},
		{Folder: t.TempDir(), AdminUser: "a", AdminPassword: "short"},
		{Folder: t.TempDir(), AdminUser: postgresql.Superuser, AdminPassword: postgresqltest.AdminPassword},
	} {
		_, err := postgresql.Start(t.Context(), o)
		require.Error(t, err)
		require.NotErrorIs(t, err, postgresql.ErrAbsent)
	}
}

package mariadb_test

import (
	"bytes"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/database/databasetest"
	"fermata/sandbox/estate/mysql"
	"fermata/sandbox/estate/mysql/mysqltest"
)

// log keeps what the server was told.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.text.Write(p) }

func (l *log) read(*testing.T) string { l.mu.Lock(); defer l.mu.Unlock(); return l.text.String() }

// TestConformance runs the suite on the sandbox's server. It makes no dumps: the vendor's program is not everywhere, and the
// bed has it.
func TestConformance(t *testing.T) {
	t.Parallel()
	said := &log{}
	s, err := mysql.Start(mysql.Options{Folder: t.TempDir(), AdminUser: mysqltest.Admin, AdminPassword: mysqltest.AdminPassword, Log: said})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	server := mysqltest.Server{Address: s.Address(), User: mysqltest.Admin, Password: mysqltest.AdminPassword, Archives: t.TempDir(), Log: said.read}
	server.PrepareWeak(t)
	t.Run("suite", func(t *testing.T) { databasetest.Run(t, databasetest.Bench{Open: server.Open, NoArchives: true}) })
	require.Contains(t, said.read(t), "IDENTIFIED WITH mysql_native_password AS '*", "the log has the statements that the suite searched")
}

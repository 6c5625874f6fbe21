package database

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"

	"fermata/testsuite/bed/host"
)

// Packages are Debian's packages that MariaDB needs.
func Packages() []string { return []string{"mariadb-server", "mariadb-client"} }

// MariaDB is a server of its own in a folder, not the machine's.
type MariaDB struct {
	Address string
	folder  string
	process *host.Process
}

// account owns the data.
const account = "mysql"

// StartMariaDB makes its system tables, in which root has the password, and serves on an address. Options are the server's own,
// without their dashes. Every statement is written to the log.
func StartMariaDB(ctx context.Context, folder, address, password string, options ...string) (*MariaDB, error) {
	m := &MariaDB{Address: address, folder: folder}
	data := filepath.Join(folder, "data")
	for _, args := range [][]string{
		{"install", "-d", "-m", "0700", "-o", account, "-g", account, data, filepath.Join(folder, "run")},
		{"mariadb-install-db", "--no-defaults", "--user=" + account, "--datadir=" + data, "--skip-test-db", "--auth-root-authentication-method=normal"},
	} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil { //nolint:gosec // The bed's own commands.
			return nil, fmt.Errorf("making the system tables of MariaDB: %s: %w: %s", args[0], err, out)
		}
	}
	return m, m.start(ctx, password, options)
}

func (m *MariaDB) start(ctx context.Context, password string, options []string) error {
	ip, port, err := net.SplitHostPort(m.Address)
	if err != nil {
		return err
	}
	args := []string{
		"mariadbd", "--no-defaults", "--datadir=" + filepath.Join(m.folder, "data"), "--bind-address=" + ip, "--port=" + port, "--socket=" + m.socket(),
		"--pid-file=" + filepath.Join(m.folder, "run", "pid"), "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M",
		"--general-log=1", "--general-log-file=" + m.Log(),
	}
	for _, option := range options {
		args = append(args, "--"+option)
	}
	m.process, err = host.Start(ctx, host.Daemon{
		Name: "MariaDB", User: account, Log: filepath.Join(m.folder, "output"), Args: args,
		Ready: func(ctx context.Context) error { return m.root(ctx, "SELECT 1") },
	})
	if err != nil {
		return err
	}
	return m.root(ctx, "SET sql_log_off=1; DELETE FROM mysql.global_priv WHERE User='' OR User='root' AND Host<>'localhost'; FLUSH PRIVILEGES; "+
		"CREATE USER root@'127.0.0.1' IDENTIFIED BY '"+password+"'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION; ALTER USER root@localhost ACCOUNT LOCK")
}

func (m *MariaDB) socket() string { return filepath.Join(m.folder, "run", "socket") }

// Log is the path of the general log: every statement, as the server was told it.
func (m *MariaDB) Log() string { return filepath.Join(m.folder, "run", "general.log") }

// root runs statements through the socket, until root is locked out there.
func (m *MariaDB) root(ctx context.Context, statements string) error {
	out, err := exec.CommandContext(ctx, "mariadb", "--no-defaults", "--socket="+m.socket(), "--user=root", "--execute="+statements).CombinedOutput() //nolint:gosec // As above.
	if err != nil {
		return fmt.Errorf("asking MariaDB: %w: %s", err, out)
	}
	return nil
}

// Stop ends the server.
func (m *MariaDB) Stop() error { return m.process.Stop() }

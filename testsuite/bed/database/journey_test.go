package database_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"golang.org/x/crypto/ssh"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations"
	"fermata/integrations/linux"
	"fermata/integrations/mariadb"
	"fermata/integrations/postgresql"
	"fermata/sandbox/estate/mysql/mysqltest"
	"fermata/sandbox/estate/postgresql/postgresqltest"
	"fermata/testsuite/bed/host"
)

// shelf is a provider of secrets that may be written to, numbering its versions.
type shelf struct {
	mu     sync.Mutex
	values []secret.Value
	keys   []string
}

func (s *shelf) Read(ctx context.Context, name string) (secret.Value, error) {
	value, _, err := s.ReadVersion(ctx, name, "")
	return value, err
}

func (s *shelf) ReadVersion(_ context.Context, name, version string) (secret.Value, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version == "" {
		version = strconv.Itoa(len(s.values))
	}
	n, err := strconv.Atoi(version)
	if err != nil || n < 1 || n > len(s.values) {
		return secret.Value{}, "", fault.New(fault.NotFound, "%s has no version %s", name, version)
	}
	return s.values[n-1], version, nil
}

func (s *shelf) Keep(_ context.Context, _, key, _ string, value secret.Value) (secret.Value, string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, before := range s.keys {
		if before == key {
			return s.values[i], strconv.Itoa(i + 1), nil
		}
	}
	s.keys, s.values = append(s.keys, key), append(s.values, value)
	return value, strconv.Itoa(len(s.values)), nil
}

func (s *shelf) Discard(context.Context, string, string) error { return nil }

// journey is a database that an application on a machine connects to, by activities as a workflow calls them.
type journey struct {
	*testing.T
	activities *database.Activities
	kept       *shelf
	client     database.Client
	file       database.ConnectionFile
	system     string
	log        func(t *testing.T) string
}

// sshdConfig is that of Debian in what matters here: it forwards connections.
const sshdConfig = `HostKey FOLDER/host_key
AuthorizedKeysFile FOLDER/authorized_keys
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
StrictModes no
UseDNS no
PidFile none
`

func keyPair(t *testing.T) (public ssh.PublicKey, private []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(key, "bed")
	require.NoError(t, err)
	return signer.PublicKey(), pem.EncodeToMemory(block)
}

// startSSHD starts OpenSSH on this machine, which lets root in by a key.
func startSSHD(t *testing.T) (client database.Client, key []byte) {
	t.Helper()
	folder := host.Folder(t)
	hostKey, hostPrivate := keyPair(t)
	loginKey, key := keyPair(t)
	for name, text := range map[string]string{
		"sshd_config": strings.ReplaceAll(sshdConfig, "FOLDER", folder), "host_key": string(hostPrivate), "authorized_keys": string(ssh.MarshalAuthorizedKey(loginKey)),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	require.NoError(t, os.MkdirAll("/run/sshd", 0o755))
	address, err := host.Address()
	require.NoError(t, err)
	at, number, err := net.SplitHostPort(address)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	sshd, err := host.Start(ctx, host.Daemon{
		Name: "sshd", Args: []string{"/usr/sbin/sshd", "-D", "-e", "-f", filepath.Join(folder, "sshd_config"), "-o", "ListenAddress=" + at, "-o", "Port=" + number},
		Log: filepath.Join(folder, "log"),
		Ready: func(ctx context.Context) error {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err == nil {
				err = conn.Close()
			}
			return err
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sshd.Stop()) })
	portNumber, err := strconv.Atoi(number)
	require.NoError(t, err)
	return database.Client{Name: "web-01", Address: at, Port: portNumber, User: "root", Keys: []string{strings.TrimSpace(string(ssh.MarshalAuthorizedKey(hostKey)))}}, key
}

func newJourney(t *testing.T, system string, server database.Server, log func(*testing.T) string) *journey {
	t.Helper()
	client, key := startSSHD(t)
	kept := &shelf{}
	entrance, err := linux.New(linux.Config{Key: "secret://test/key"}, integrations.Environment{Secrets: secret.Providers{"test": &shelf{values: []secret.Value{secret.NewValue(key)}}}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, entrance.Close(context.Background())) })
	return &journey{
		T: t, kept: kept, client: client, system: system, log: log,
		activities: database.NewActivities(map[string]database.Server{system: server}, map[string]database.Entrance{"ssh": entrance}, secret.Providers{"vault": kept}),
		file:       database.ConnectionFile{Path: filepath.Join(host.Folder(t), "shop", "db.conf"), Owner: "root:nogroup", Mode: "0440"},
	}
}

func step[Out any](j *journey, name string, in any) (out Out, err error) {
	j.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(time.Minute)
	var chosen any
	j.activities.Register(func(n string, f any) {
		if n == name {
			chosen = f
		}
	})
	require.NotNil(j, chosen, name)
	env.RegisterActivity(chosen)
	value, err := env.ExecuteActivity(chosen, in)
	if err == nil {
		require.NoError(j, value.Get(&out))
	}
	return out, err
}

func (j *journey) op(name string) operation.Op {
	return operation.Op{Key: operation.Key{Run: "01JRUNA", Step: name, Target: "web-01"}, Owner: "instance/web-01"}
}

const reference = secret.Ref("secret://vault/kv/web-01/db")

// write writes the connection file with a version of the password.
func (j *journey) write(version string) {
	j.Helper()
	_, err := step[database.WriteConnectionOutput](j, "database.WriteConnection", database.WriteConnectionInput{
		System: j.system, Op: j.op("connection"), Client: j.client, File: j.file, Role: "app", Database: "shop", Secret: reference.At(version),
	})
	require.NoError(j, err)
}

func (j *journey) prove() ([]string, error) {
	j.Helper()
	out, err := step[database.ProveOutput](j, "database.Prove", database.ProveInput{System: j.system, Client: j.client, File: j.file, Access: database.Owner})
	return out.Lines, err
}

// travel: made, connected, proven through sshd; after a rotation the file of before is refused; at the end nothing is left.
func (j *journey) travel() {
	j.Helper()
	_, err := step[database.MakeDatabaseOutput](j, "database.MakeDatabase", database.MakeDatabaseInput{System: j.system, Op: j.op("database"), Database: database.Database{Name: "shop"}})
	require.NoError(j, err)
	role := database.Role{Name: "app", Database: "shop", Access: database.Owner}
	made, err := step[database.MakeRoleOutput](j, "database.MakeRole", database.MakeRoleInput{System: j.system, Op: j.op("role"), Role: role, Secret: reference})
	require.NoError(j, err)
	j.write(made.Version)
	lines, err := j.prove()
	require.NoError(j, err)
	j.Log(strings.Join(lines, "\n"))

	set, err := step[database.SetPasswordOutput](j, "database.SetPassword", database.SetPasswordInput{System: j.system, Op: j.op("rotate"), Role: "app", Secret: reference, After: made.Version})
	require.NoError(j, err)
	_, err = j.prove()
	require.Equal(j, fault.Unauthorized, fault.FromTemporal(err).Kind, "%v", err)
	j.write(set.Version)
	_, err = j.prove()
	require.NoError(j, err)
	require.NoError(j, os.Chmod(j.file.Path, 0o644))
	_, err = j.prove()
	require.Equal(j, fault.Conflict, fault.FromTemporal(err).Kind, "%v", err)

	removed, err := step[database.RemoveOwnedOutput](j, "database.RemoveOwned", database.RemoveOwnedInput{System: j.system, Op: j.op("decommission"), Drop: []string{"shop"}})
	require.NoError(j, err)
	require.Len(j, removed.Found.Databases, 1)
	_, err = step[database.RemoveConnectionOutput](j, "database.RemoveConnection", database.RemoveConnectionInput{Op: j.op("connection"), Client: j.client, File: j.file})
	require.NoError(j, err)
	left, err := os.ReadDir(filepath.Dir(j.file.Path))
	require.NoError(j, err)
	require.Empty(j, left)
	require.Len(j, j.kept.values, 2)
	for i, password := range j.kept.values {
		text := j.log(j.T)
		require.Equal(j, text, secret.Hide(text, password), "password %d stands in the server's log", i+1)
	}
}

func TestAPostgreSQLBehindSSHD(t *testing.T) {
	t.Parallel()
	host.Require(t)
	server, ca := startPostgreSQL(t)
	driver := server.Driver(t, server.Address, postgresqltest.Admin, postgresqltest.AdminPassword, func(c *postgresql.Config) { c.CA = ca })
	newJourney(t, "db", driver, server.Log).travel()
}

func TestAMariaDBBehindSSHD(t *testing.T) {
	t.Parallel()
	host.Require(t)
	server, ca := startMariaDB(t)
	driver := server.Driver(t, server.Address, mysqltest.Admin, mysqltest.AdminPassword, func(c *mariadb.Config) { c.CA = ca })
	newJourney(t, "db", driver, server.Log).travel()
}

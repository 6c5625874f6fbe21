package scenarios

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/go-ldap/ldap/v3"
	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/client"
	"fermata/decision"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/openstack"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// passwords is the sandbox's file of generated passwords.
const passwords = "passwords.age"

func instance(t *testing.T, change ...func(*spec.Instance)) *spec.Instance {
	t.Helper()
	file := filepath.Join(stage.Root(t), "examples", "instance.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	i, err := spec.ParseInstance(file, data)
	require.NoError(t, err)
	for _, f := range change {
		f(i)
	}
	return i
}

// inService provisions the example.
func (b *bench) inService(t *testing.T, change ...func(*spec.Instance)) wire.Progress {
	t.Helper()
	r, err := client.ProvisionInstance(instance(t, change...))
	started := b.Begin(t, r, err)
	b.Approve(t, started)
	return b.Done(t, started)
}

var optionFile = regexp.MustCompile(`(?m)^(user|password|host|port|database)\s*=\s*"?([^"\n]+)"?$`)

// connection is what stands in the instance's connection file, read with words of its own.
func (b *bench) connection(t *testing.T) map[string]string {
	t.Helper()
	machine := b.Estate.Instances.Machines()["app-01"]
	require.NotNil(t, machine)
	data, err := machine.ReadFile("/etc/hello-web/database.cnf")
	require.NoError(t, err)
	fields := map[string]string{}
	for _, m := range optionFile.FindAllStringSubmatch(string(data), -1) {
		fields[m[1]] = m[2]
	}
	require.NotEmpty(t, fields["password"])
	return fields
}

// login tries to log in as a client would, and to use the database.
func (b *bench) login(t *testing.T, user, password, statement string) error {
	t.Helper()
	pem, err := os.ReadFile(b.Estate.DatabaseCA())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	name := "scenario-" + filepath.Base(b.Folder) + filepath.Base(filepath.Dir(b.Folder))
	require.NoError(t, mysql.RegisterTLSConfig(name, &tls.Config{RootCAs: roots, ServerName: "localhost", MinVersion: tls.VersionTLS12}))
	db, err := sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/shop?tls=%s", user, password, b.Estate.Database.Address(), name))
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(t.Context(), statement)
	return err
}

// accounts are the directory's, by an administrator's own search.
func (b *bench) accounts(t *testing.T) (uids []string) {
	t.Helper()
	pem, err := os.ReadFile(b.Estate.StaffCA())
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(pem))
	conn, err := ldap.DialURL(b.Estate.Staff.URL(), ldap.DialWithTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	password, err := os.ReadFile(filepath.Join(b.Folder, "secrets", "staff-password"))
	require.NoError(t, err)
	require.NoError(t, conn.Bind(estate.StaffAdmin, string(password)))
	found, err := conn.Search(ldap.NewSearchRequest("ou=people,dc=estate,dc=test", ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, 0, false, "(uid=*)", []string{"uid"}, nil))
	require.NoError(t, err)
	for _, e := range found.Entries {
		uids = append(uids, e.GetAttributeValue("uid"))
	}
	return uids
}

func TestTheLifeOfAnInstance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.inService(t, func(i *spec.Instance) { i.Spec.Database.Overlap = spec.Duration(time.Second) })
	require.Equal(t, openstack.Counted{Servers: 1, Groups: 1, Volumes: 1, Floating: 1, Ports: 1}, b.Estate.Cloud.Count())
	require.Equal(t, []string{"app-01-operator"}, b.accounts(t))
	first := b.connection(t)
	require.Equal(t, "shop_1", first["user"])
	require.NoError(t, b.login(t, first["user"], first["password"], "SELECT 1"))
	require.Error(t, b.login(t, first["user"], first["password"], "CREATE TABLE more (id INT)"), "readwrite makes no tables")

	// Another password, and the one before is worth nothing.
	rotate, err := client.RotateDatabasePassword("app-01")
	turning := b.Begin(t, rotate, err)
	b.Approve(t, turning)
	b.Done(t, turning)
	second := b.connection(t)
	require.Equal(t, "shop_2", second["user"])
	require.NoError(t, b.login(t, second["user"], second["password"], "SELECT 1"))
	require.Error(t, b.login(t, first["user"], first["password"], "SELECT 1"))

	// A decommission that is taken back leaves it as it was.
	leave, err := client.DecommissionInstance("app-01", nil, spec.DatabaseDrop)
	leaving := b.Begin(t, leave, err)
	b.Approve(t, leaving)
	b.Until(t, leaving, "the grace period", people.In(wire.Grace))
	require.Error(t, b.login(t, second["user"], second["password"], "SELECT 1"), "its login is disabled")
	b.Decide(t, client.Decision{WorkflowID: leaving.WorkflowID, Command: decision.Restore}, b.Requester)
	p := b.Until(t, leaving, "an end", people.Ended)
	require.Equal(t, wire.Restored, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
	require.NoError(t, b.login(t, second["user"], second["password"], "SELECT 1"))

	// For good: the database only goes once somebody has approved just that.
	last := b.Begin(t, leave, nil)
	b.Approve(t, last)
	b.Until(t, last, "the grace period", people.In(wire.Grace))
	b.Decide(t, client.Decision{WorkflowID: last.WorkflowID, Command: decision.Purge}, b.Approver)
	b.Until(t, last, "somebody who approves the drop", func(p wire.Progress) bool { _, open := p.Gate(decision.Approve, ""); return open })
	b.Decide(t, client.Decision{WorkflowID: last.WorkflowID, Command: decision.Approve}, b.Approver)
	b.Done(t, last)
	require.Zero(t, b.Estate.Cloud.Count())
	require.Empty(t, b.accounts(t))
	open, err := b.Client.Open(t.Context(), wire.ExpiryWorkflowID("instance/app-01", "local", "anna"))
	require.NoError(t, err)
	require.False(t, open, "nothing waits for the end of an account that is gone")
}

// However often a cloud throttles and loses answers, it gets one instance.
func TestAStormyCloudGetsOneInstance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Estate.Cloud.Storm(3, 5, time.Second)
	b.inService(t)
	require.Equal(t, openstack.Counted{Servers: 1, Groups: 1, Volumes: 1, Floating: 1, Ports: 1}, b.Estate.Cloud.Count())
}

func TestAnInstanceThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r, err := client.ProvisionInstance(instance(t, func(i *spec.Instance) {
		i.Spec.Application.Health.Path, i.Spec.Run.RetryFor, i.Spec.Run.OnFailure = "/no-such-page", spec.Duration(3*time.Second), spec.OnFailureUndo
	}))
	started := b.Begin(t, r, err)
	b.Approve(t, started)
	p := b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Undone, p.Outcome, p.Reason)
	require.Empty(t, p.LeftBehind)
	require.Zero(t, b.Estate.Cloud.Count())
	require.Empty(t, b.accounts(t))
	require.Equal(t, "map[last:1 versions:[]]", fmt.Sprint(opened(t, b.Folder, sandboxIdentity(t, b.Folder))["app-01-database"]), "no password is kept that no login has")
}

func sandboxIdentity(t *testing.T, folder string) *age.X25519Identity {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(folder, "secrets", "age-identity"))
	require.NoError(t, err)
	identity, err := age.ParseX25519Identity(string(text))
	require.NoError(t, err)
	return identity
}

// opened is what stands in the file of generated passwords.
func opened(t *testing.T, folder string, identity *age.X25519Identity) map[string]any {
	t.Helper()
	sealed, err := os.ReadFile(filepath.Join(folder, passwords))
	require.NoError(t, err)
	r, err := age.Decrypt(bytes.NewReader(sealed), identity)
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	var all map[string]any
	require.NoError(t, yaml.Unmarshal(text, &all))
	return all
}

// generate lets a run generate a password, and adds it to what must be nowhere else.
func (c *coalmine) generate(t *testing.T) {
	t.Helper()
	c.inService(t)
	c.secrets["generated"] = c.connection(t)["password"]
	require.Contains(t, fmt.Sprint(opened(t, c.Folder, c.identity)["app-01-database"]), c.secrets["generated"], "it is the one that is kept")
	require.Contains(t, string(c.log.Bytes()), "mysql_native_password", "the database server's log tells of the login")
}

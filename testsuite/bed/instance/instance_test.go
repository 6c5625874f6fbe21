package instance

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/sandbox/estate/openstack"
	"fermata/spec"
	"fermata/testsuite/bed/directory"
	"fermata/testsuite/canary"
	"fermata/testsuite/people"
	"fermata/wire"
)

// story is what the parts hand on.
type story struct {
	*bench
	before        holdings // Of an estate without instances.
	address       string   // Of the instance.
	operator      string   // Password of the account in the directory.
	first, second connection
	search        *canary.Search
}

// TestTheLifeOfAnInstance carries one instance from its spec to its end. What one part has done, the next finds there.
func TestTheLifeOfAnInstance(t *testing.T) {
	begin := time.Now()
	b := &story{bench: setup(t)}
	t.Logf("%6s set up", time.Since(begin).Round(100*time.Millisecond))
	b.before = b.holdings(t)
	for _, part := range []struct {
		name string
		tell func(*testing.T)
	}{
		{"it is brought into service", b.provisioned},
		{"people on it may do what is stated, and no more", b.peopled},
		{"its database login may do what is stated, and no more", b.connected},
		{"a rotation gives it another password", b.rotated},
		{"a decommission that is taken back leaves it as it was", b.restored},
		{"an account ends when its time is over", b.ended},
		{"a decommission asks before it drops the database, and leaves nothing", b.decommissioned},
		{"its passwords are nowhere else", b.searched},
	} {
		begin := time.Now()
		if !t.Run(part.name, part.tell) {
			return
		}
		t.Logf("%6s %s", time.Since(begin).Round(100*time.Millisecond), part.name)
	}
}

// operator is the account in the directory.
const operator = "uid=app-01-operator," + directory.People

func (b *story) provisioned(t *testing.T) {
	r, err := client.ProvisionInstance(b.example(t))
	b.carried(t, r, err)
	h := b.holdings(t)
	require.Equal(t, openstack.Counted{Servers: 1, Groups: 1, Volumes: 1, Floating: 1, Ports: 1}, h.Cloud)
	require.Equal(t, "app-01\n", b.console(t, "hostname"))
	require.Contains(t, b.console(t, "findmnt", "--noheadings", "--output=FSTYPE", "/srv/data"), "ext4")

	b.address = b.guest(t).IP(t.Context()) + ":8080"
	body, err := b.estate.get(t, b.address)
	require.NoError(t, err)
	require.Equal(t, "Hello from hello-web\napp-01 hello-web 1.2.0\n", body, "the edge lets the office in")
	require.Len(t, h.Rules, 1)
	require.Len(t, h.Saved, 1)
}

func (b *story) peopled(t *testing.T) {
	require.Regexp(t, `^uid=\d+\(anna\) gid=\d+\(anna\) groups=\d+\(anna\),4\(adm\)\n$`, b.console(t, "id", "anna"))
	require.Regexp(t, `^uid=\d+\(bert\) gid=\d+\(bert\) groups=\d+\(bert\)\n$`, b.console(t, "id", "bert"))
	require.Regexp(t, `Account expires\s+: Feb 01, 2099`, b.console(t, "chage", "--list", "anna"), "the day after its last")
	require.Regexp(t, `(?s)may run the following commands on app-01:\n    \(root\) NOPASSWD: /usr/sbin/service hello-web restart\n$`, b.console(t, "sudo", "-l", "-U", "anna"))
	require.Contains(t, b.console(t, "sudo", "-l", "-U", "bert"), "User bert is not allowed to run sudo on app-01.")

	out, err := b.ssh(t, "anna", b.anna, "id", "-un")
	require.NoError(t, err)
	require.Equal(t, "anna\n", out)
	_, err = b.ssh(t, "anna", b.anna, "sudo", "-n", "/usr/sbin/service", "hello-web", "restart")
	require.NoError(t, err)
	_, err = b.ssh(t, "anna", b.anna, "sudo", "-n", "/usr/sbin/service", "hello-web", "stop")
	require.ErrorContains(t, err, "a password is required")
	_, err = b.ssh(t, "bert", b.anna, "true")
	require.ErrorContains(t, err, "Permission denied (publickey,password)")
	_, err = b.ssh(t, "anna", b.anna, "cat", connectionFile)
	require.ErrorContains(t, err, "Permission denied")

	require.Equal(t, []string{operator}, b.estate.attribute(t, directory.People, "one", "dn"))
	require.Contains(t, b.estate.attribute(t, "cn=operators,"+directory.Groups, "base", "member"), operator)
	require.NotContains(t, b.estate.attribute(t, "cn=admins,"+directory.Groups, "base", "member"), operator)
	password := canary.Word("operator")
	require.NoError(t, b.estate.staff.SetPassword(t.Context(), operator, password))
	require.True(t, b.logsIn(t, password))
	b.operator = password
}

func (b *story) logsIn(t *testing.T, password string) bool {
	t.Helper()
	in, err := b.estate.staff.LogsIn(t.Context(), operator, password)
	require.NoError(t, err)
	return in
}

func (b *story) connected(t *testing.T) {
	require.Equal(t, "400 hello hello\n", b.console(t, "stat", "--format=%a %U %G", connectionFile))
	b.first = b.connection(t)
	out, err := b.psql(t, b.network(t), b.first, "SELECT session_user, ssl, client_addr FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE pid = pg_backend_pid()")
	require.NoError(t, err)
	require.Equal(t, "shop_1|t|"+b.guest(t).IP(t.Context()), out)

	b.estate.query(t, "shop", `SET ROLE "shop.owner"; CREATE TABLE orders (id int)`)
	b.uses(t, b.first)
}

// uses: a login reads and writes, makes and drops nothing, and comes into no other database.
func (b *story) uses(t *testing.T, c connection) {
	t.Helper()
	out, err := b.psql(t, b.network(t), c, "INSERT INTO orders VALUES (1); SELECT count(*) > 0 FROM orders")
	require.NoError(t, err)
	require.Equal(t, "INSERT 0 1\nt", out)
	for statement, refusal := range map[string]string{
		"CREATE TABLE more (id int)": "permission denied for schema public", "DROP TABLE orders": "must be owner of table orders",
		"CREATE DATABASE another": "permission denied to create database", "CREATE ROLE another": "permission denied to create role",
		`SET ROLE "shop.owner"`: "permission denied to set role", "SELECT rolpassword FROM pg_authid": "permission denied for table pg_authid",
	} {
		_, err := b.psql(t, b.network(t), c, statement)
		require.ErrorContains(t, err, refusal, statement)
	}
}

func (b *story) rotated(t *testing.T) {
	r, err := client.RotateDatabasePassword("app-01")
	b.carried(t, r, err)
	b.second = b.connection(t)
	require.Equal(t, "shop_2", b.second.user)
	require.NotEqual(t, b.first.password, b.second.password)
	b.uses(t, b.second)
	_, err = b.psql(t, b.network(t), b.first, "SELECT 1")
	require.ErrorContains(t, err, `role "shop_1" is not permitted to log in`)

	b.search = canary.New(map[string]string{"first": b.first.password, "second": b.second.password})
	b.search.Files(t, "guest: ", filepath.Join(b.guest(t).Folder(), "upper"))
	b.search.Files(t, "guest: run/", b.guest(t).Path("run"))
	b.search.Files(t, "guest: tmp/", b.guest(t).Path("tmp"))
}

// ended: what waits for the end of an account disables it.
func (b *story) ended(t *testing.T) {
	require.Eventually(t, func() bool {
		shadow, err := b.guest(t).ReadFile("/etc/shadow")
		require.NoError(t, err)
		return strings.Contains(shadow, "\ncarl:!*:")
	}, patience, 200*time.Millisecond)
	require.Eventually(t, func() bool { return len(b.holdings(t).Waiting) == 1 }, patience, 200*time.Millisecond, "nothing waits for it any more")
	_, err := b.ssh(t, "carl", b.carl, "true")
	require.ErrorContains(t, err, "Permission denied (publickey,password)")
	require.Contains(t, b.console(t, "sudo", "-l", "-U", "carl"), "User carl is not allowed to run sudo on app-01.")
	_, err = b.ssh(t, "anna", b.anna, "true")
	require.NoError(t, err, "others come in")
}

// leave begins a decommission and follows it into its grace period, in which nobody uses the instance any more.
func (b *story) leave(t *testing.T) client.Started {
	t.Helper()
	r, err := client.DecommissionInstance("app-01", nil, spec.DatabaseDrop)
	leaving := b.Begin(t, r, err)
	b.Approve(t, leaving)
	b.Until(t, leaving, "the grace period", people.In(wire.Grace))
	require.Nil(t, b.estate.servers.only(), "it is off")
	require.Empty(t, b.estate.rules(t))
	require.False(t, b.logsIn(t, b.operator), "who comes from the directory is kept out")
	_, err = b.psql(t, "office", b.second, "SELECT 1")
	require.ErrorContains(t, err, `role "shop_2" is not permitted to log in`)
	return leaving
}

// restored: the guest boots again from its disks, with its database, and the edge is open.
func (b *story) restored(t *testing.T) {
	before := b.holdings(t)
	leaving := b.leave(t)
	b.Decide(t, client.Decision{WorkflowID: leaving.WorkflowID, Command: decision.Restore}, b.Requester)
	p := b.Until(t, leaving, "an end", people.Ended)
	require.Equal(t, wire.Restored, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
	require.Equal(t, before.Saved, b.holdings(t).Saved)
	require.True(t, b.logsIn(t, b.operator))
	require.Eventually(t, func() bool {
		body, err := b.estate.get(t, b.address)
		return err == nil && body == "Hello from hello-web\napp-01 hello-web 1.2.0\n"
	}, patience, 200*time.Millisecond)
	require.Contains(t, b.console(t, "findmnt", "--noheadings", "--output=FSTYPE", "/srv/data"), "ext4")
	b.uses(t, b.second)
}

func (b *story) decommissioned(t *testing.T) {
	leaving := b.leave(t)
	b.Decide(t, client.Decision{WorkflowID: leaving.WorkflowID, Command: decision.Purge}, b.Approver)
	b.Until(t, leaving, "somebody who approves the drop", func(p wire.Progress) bool { _, open := p.Gate(decision.Approve, ""); return open })
	require.Equal(t, "1", b.estate.query(t, "postgres", "SELECT count(*) FROM pg_database WHERE datname = 'shop'"), "nobody has approved that it goes")
	b.Decide(t, client.Decision{WorkflowID: leaving.WorkflowID, Command: decision.Approve}, b.Approver)
	b.Done(t, leaving)
	require.Equal(t, b.before, b.holdings(t), "nothing is left")
	_, err := b.estate.get(t, b.address)
	require.Error(t, err)
}

// searched: the password in use stands in the connection file alone, the one before nowhere.
func (b *story) searched(t *testing.T) {
	b.search.Files(t, "PostgreSQL: ", b.estate.database.Folder())
	b.search.Files(t, "installation: ", b.folder)
	b.search.Files(t, "Temporal: ", b.sqlite)
	b.search.Files(t, "logs: ", b.estate.folder)
	arrived := b.search.Judge(t, func(f canary.Find) string {
		if f.Secret == "second" && f.Place == "guest: "+strings.TrimPrefix(connectionFile, "/") {
			return f.Secret
		}
		return ""
	})
	require.True(t, arrived["second"], "the search finds what is there")
	for _, place := range []string{"guest: ", "guest: var/log/", "PostgreSQL: log", "PostgreSQL: data/", "installation: records/", "installation: " + passwords, "Temporal: ", "logs: "} {
		n, size := b.search.Places(place)
		require.NotZero(t, size, place)
		t.Logf("%4d places searched, %4d MB %s", n, size>>20, place)
	}
	require.Contains(t, b.estate.said(t), "PASSWORD 'SCRAM-SHA-256$4096:", "the database's log has the statements that the search looked at")
}

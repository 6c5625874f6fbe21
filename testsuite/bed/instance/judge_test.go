package instance

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/integrations/nftables"
	"fermata/sandbox/estate/openstack"
	"fermata/testsuite/bed/directory"
	"fermata/testsuite/bed/guests"
	"fermata/wire"
)

// The judge looks in ways of its own: nft's JSON, psql, OpenLDAP's tools, ssh, files. It shares no code with the drivers.

// holdings are what the systems have.
type holdings struct {
	Cloud    openstack.Counted
	Folders  []string // Of guests, running or not.
	Rules    []string // In the edge's kernel.
	Saved    []string // In the edge's file.
	Database string   // Databases and roles.
	People   []string // DNs in the directory.
	Members  []string // Of its group of operators.
	Waiting  []string // Accounts whose end something waits for.
}

func (b *bench) holdings(t *testing.T) (h holdings) {
	t.Helper()
	e := b.estate
	h.Cloud, h.Rules = e.cloud.Count(), e.rules(t)
	folders, err := os.ReadDir(e.servers.folder)
	require.NoError(t, err)
	for _, folder := range folders {
		h.Folders = append(h.Folders, folder.Name())
	}
	saved, err := e.edge.ReadFile(nftables.DefaultFile)
	require.NoError(t, err)
	for line := range strings.Lines(saved) {
		if strings.Contains(line, "accept") {
			h.Saved = append(h.Saved, strings.TrimSpace(line))
		}
	}
	h.Database = e.query(t, "postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate UNION SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1")
	h.People = e.attribute(t, directory.People, "one", "dn")
	h.Members = e.attribute(t, "cn=operators,"+directory.Groups, "base", "member")
	for _, name := range []string{"anna", "carl"} {
		open, err := b.Client.Open(t.Context(), wire.ExpiryWorkflowID("instance/app-01", "local", name))
		require.NoError(t, err)
		if open {
			h.Waiting = append(h.Waiting, name)
		}
	}
	return h
}

// rules lists the rules of Fermata's chain.
func (e *estate) rules(t *testing.T) (rules []string) {
	t.Helper()
	out, err := e.edge.Run(t.Context(), "", "nft", "-j", "list", "chain", "inet", "filter", "fermata")
	require.NoError(t, err)
	var answer struct {
		Nftables []struct{ Rule json.RawMessage }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &answer), out)
	for _, object := range answer.Nftables {
		if object.Rule != nil {
			rules = append(rules, string(object.Rule))
		}
	}
	return rules
}

// query asks the database as its superuser, whose statements are not logged.
func (e *estate) query(t *testing.T, database, sql string) string {
	t.Helper()
	out, err := e.database.Query(t.Context(), database, sql)
	require.NoError(t, err)
	return out
}

// said is the database's log.
func (e *estate) said(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(e.database.Folder(), "log"))
	require.NoError(t, err)
	return string(text)
}

// attribute is what ldapsearch prints of an attribute.
func (e *estate) attribute(t *testing.T, base, scope, name string) (values []string) {
	t.Helper()
	out, err := e.staff.Search(t.Context(), base, scope, name)
	require.NoError(t, err)
	for line := range strings.Lines(out) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), name+": "); found {
			values = append(values, value)
		}
	}
	slices.Sort(values)
	return values
}

// get asks for a page from the office, on a connection of its own.
func (e *estate) get(t *testing.T, address string) (string, error) {
	t.Helper()
	client := http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: e.net.Dialer("office", &net.Dialer{})}, Timeout: 5 * time.Second,
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
	require.NoError(t, err)
	response, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// console is a running guest's, where root gives commands.
func (b *bench) console(t *testing.T, args ...string) string {
	t.Helper()
	guest := b.guest(t)
	out, err := guest.Run(t.Context(), "", args...)
	require.NoError(t, err)
	return out
}

func (b *bench) guest(t *testing.T) *guests.Guest {
	t.Helper()
	guest := b.estate.servers.only()
	require.NotNil(t, guest, "one guest runs")
	return guest
}

// ssh logs in to the guest from the workers' network by OpenSSH's own client, which knows the host key from the guest's disk.
func (b *bench) ssh(t *testing.T, account, keyFile string, command ...string) (string, error) {
	t.Helper()
	address := b.guest(t).IP(t.Context())
	key, err := b.guest(t).ReadFile("/etc/ssh/ssh_host_ed25519_key.pub")
	require.NoError(t, err)
	known := filepath.Join(b.own, "known_hosts")
	require.NoError(t, os.WriteFile(known, []byte(address+" "+key), 0o600))
	return b.estate.net.Run(t.Context(), "bastion", "", append([]string{
		"ssh", "-F", "/dev/null", "-i", keyFile, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10",
		"-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=" + known, account + "@" + address,
	}, command...)...)
}

// Of the connection file on the guest, as examples/instance.yaml has it.
const connectionFile = "/etc/hello-web/database.cnf"

// connection is a connection file as libpq reads it, with the certificates that it trusts.
type connection struct{ file, user, password string }

var setting = regexp.MustCompile(`(?m)^(\w+)=(.*)$`)

// connection keeps the guest's connection file, and the certificates that it names.
func (b *bench) connection(t *testing.T) connection {
	t.Helper()
	text, err := b.guest(t).ReadFile(connectionFile)
	require.NoError(t, err)
	settings := map[string]string{}
	for _, m := range setting.FindAllStringSubmatch(text, -1) {
		settings[m[1]] = m[2]
	}
	require.Equal(t, "verify-full", settings["sslmode"], "%q", text)
	trusted, err := b.guest(t).ReadFile(settings["sslrootcert"])
	require.NoError(t, err)
	user := settings["user"]
	ca := filepath.Join(b.own, user+".pem")
	require.NoError(t, os.WriteFile(ca, []byte(trusted), 0o600))
	c := connection{file: filepath.Join(b.own, user), user: user, password: settings["password"]}
	require.NoError(t, os.WriteFile(c.file, []byte(strings.ReplaceAll(text, settings["sslrootcert"], ca)), 0o600))
	require.Greater(t, len(c.password), 24)
	return c
}

// psql runs a statement with what stands in a connection file, by PostgreSQL's own client in the network of a namespace.
func (b *bench) psql(t *testing.T, namespace string, c connection, statement string) (string, error) {
	t.Helper()
	out, err := b.estate.net.Run(t.Context(), namespace, "", "env", "PGSERVICEFILE="+c.file, "PGSERVICE=shop", "PGCONNECT_TIMEOUT=10",
		"psql", "--no-psqlrc", "--no-align", "--tuples-only", "--no-password", "--set=ON_ERROR_STOP=1", "--command="+statement)
	return strings.TrimSpace(out), err
}

// network is the guest's namespace.
func (b *bench) network(t *testing.T) string {
	t.Helper()
	return "guest-" + filepath.Base(b.guest(t).Folder())
}

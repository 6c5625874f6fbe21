package instance

import (
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/certificate"
	"fermata/sandbox/estate/openstack"
	"fermata/testsuite/bed/directory"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/postgres"
	"fermata/testsuite/bed/repository"
)

// Who the worker is to the systems.
const (
	cloudUser, project = "fermata", "apps"
	databaseUser       = "fermata"
)

// estate is the machine room.
type estate struct {
	folder    string // Of logs.
	net       *network.Network
	instances network.End // Their switch.
	edge      *edge.Firewall
	bastion   *machine.Machine
	login     *network.Gate // To the bastion.
	cloud     *openstack.Server
	servers   *servers
	database  *postgres.Server
	queries   *network.Gate // To the database, as workers have it.
	staff     *directory.Server
}

// furnish starts everything. key is the worker's, public.
func furnish(t *testing.T, i *installation, key string) *estate {
	t.Helper()
	n, err := network.New(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	e := &estate{folder: host.Folder(t), net: n}
	e.cables(t)
	e.machines(t, key)
	e.startCloud(t, i.secret(t, "cloud-password"), e.repository(t))
	e.startDatabase(t, i.secret(t, "database-password"))
	e.staff, err = directory.Start(t.Context(), host.Folder(t))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.staff.Stop()) })
	return e
}

// machines boots the edge and the bastion, both of which let the worker's key in.
func (e *estate) machines(t *testing.T, key string) {
	t.Helper()
	at := func(name, namespace, address string) machine.Options {
		return machine.Options{
			Name: name, Network: e.net, Namespace: namespace, Address: address, AuthorizedKeys: []string{key}, Folder: host.Folder(t),
		}
	}
	var err error
	e.edge, err = edge.StartFirewall(t.Context(), at("edge-01", "edge", first(bastionAddress)), admitted...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.edge.Stop()) })
	e.bastion, err = machine.Start(t.Context(), at("bastion-01", "bastion", bastionAddress))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.bastion.Stop()) })
	e.login, err = e.net.Forward(t.Context(), "bastion", e.bastion.SSH())
	require.NoError(t, err)
}

// repository builds the apt repository and serves it in the instances' network. It returns what apt has to know of it.
func (e *estate) repository(t *testing.T) string {
	t.Helper()
	r, err := repository.Build(t.Context(), host.Folder(t))
	require.NoError(t, err)
	l, err := e.net.Listen(t.Context(), "repository", net.JoinHostPort(repositoryAddress, "80"))
	require.NoError(t, err)
	stop := r.Serve(l)
	t.Cleanup(func() { require.NoError(t, stop()) })
	return r.Source("http://" + repositoryAddress)
}

// startCloud starts the cloud, whose servers are Debian guests in the instances' network.
func (e *estate) startCloud(t *testing.T, password, source string) {
	t.Helper()
	image, err := guests.Image(t.Context())
	require.NoError(t, err)
	e.servers = &servers{
		folder: host.Folder(t), image: image, network: e.net, bridge: e.instances, running: map[string]*guests.Guest{},
		files: map[string]string{
			"/etc/apt/sources.list.d/bed.sources": source, "/etc/resolv.conf": "nameserver " + repositoryAddress + "\n",
			// As Debian's own images for clouds have it; but for the kinds of host keys, some of which take a second to make.
			"/etc/default/locale":                        "LANG=C.UTF-8\n",
			"/etc/cloud/cloud.cfg.d/01_debian_cloud.cfg": "manage_etc_hosts: true\nssh_genkeytypes: [ed25519]\n",
		},
	}
	t.Cleanup(func() { e.servers.close(t) })
	e.cloud, err = openstack.Start(openstack.Options{
		Folder: t.TempDir(), Users: []openstack.User{{Name: cloudUser, Password: password, Project: project}},
		Images:  []openstack.Image{{Name: "debian-12", MinDisk: 5, MinRAM: 512}},
		Flavors: []openstack.Flavor{{Name: "m1.small", CPUs: 1, Memory: 2048, GiB: 20}},
		Networks: []openstack.Network{
			{Name: "apps", Prefixes: []netip.Prefix{netip.MustParsePrefix(instances)}},
			{Name: "internet", Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, External: true},
		},
		Guests: e.servers, Log: e.log(t, "cloud"),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.cloud.Close()) })
}

// Of the database: what its administrator lets in, and where.
const (
	access = `local all postgres trust
hostssl all all 10.10.0.0/24 scram-sha-256
hostssl all all ` + instances + ` scram-sha-256
`
	endpoint = databaseAddress + ":5432"
)

// startDatabase starts a PostgreSQL beside the office, which logs every statement but its administrator's.
func (e *estate) startDatabase(t *testing.T, password string) {
	t.Helper()
	folder := host.Folder(t)
	_, err := certificate.Of(folder, "PostgreSQL", databaseAddress)
	require.NoError(t, err)
	key := filepath.Join(folder, "key.pem")
	_, err = e.net.Run(t.Context(), "database", "", "chown", "nobody:nogroup", key)
	require.NoError(t, err)
	e.database, err = postgres.StartGuarded(t.Context(), e.net.Namespace("database"), folder, endpoint, access, "log_statement=all",
		"log_connections=on", "ssl=on", "ssl_cert_file="+certificate.File(folder), "ssl_key_file="+key)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.database.Stop()); show(t, filepath.Join(folder, "log")) })
	for _, statement := range []string{
		"ALTER ROLE postgres SET log_statement = 'none'",
		"CREATE ROLE " + databaseUser + " LOGIN CREATEROLE CREATEDB PASSWORD '" + password + "'",
	} {
		_, err = e.database.Query(t.Context(), "postgres", statement)
		require.NoError(t, err)
	}
	e.queries, err = e.net.Forward(t.Context(), "database", endpoint)
	require.NoError(t, err)
}

// databaseCA is the certificate that clients of the database trust.
func (e *estate) databaseCA() string { return certificate.File(e.database.Folder()) }

// log is a file that is shown if the test fails.
func (e *estate) log(t *testing.T, name string) *slog.Logger {
	t.Helper()
	path := filepath.Join(e.folder, name+".log")
	f, err := os.Create(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()); show(t, path) })
	return slog.New(slog.NewTextHandler(f, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// show shows the end of a log, if the test failed.
func show(t *testing.T, path string) {
	t.Helper()
	if data, err := os.ReadFile(path); err == nil && t.Failed() {
		t.Logf("the end of %s:\n%s", path, data[max(0, len(data)-6000):])
	}
}

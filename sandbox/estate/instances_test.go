package estate_test

import (
	"context"
	"crypto/ed25519"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/cloud"
	"fermata/activities/firewall"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
	driver "fermata/integrations/openstack"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/bastion"
	"fermata/sandbox/estate/network"
	"fermata/sandbox/estate/openstack"
	"fermata/spec"
)

const password = "correct-horse-battery"

type secrets struct{}

func (secrets) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue([]byte(password)), nil
}

// house is a cloud whose servers are guests in a network that security groups filter.
type house struct {
	folder    string
	network   *network.Network
	instances *estate.Instances
	cloud     *openstack.Server
	driver    *driver.Driver
	key       ssh.Signer
	p         *operation.Memory
}

func open(t *testing.T, access ...string) *house {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	h := &house{folder: t.TempDir(), network: network.New(), p: &operation.Memory{}}
	h.key, err = ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	h.network.SetDropWait(50 * time.Millisecond)
	h.start(t)
	c := driver.DefaultConfig()
	c.URL, c.Username, c.Password, c.Project = h.cloud.URL(), "fermata", "secret://test/password", "fermata"
	c.Access.From, c.Poll = access, spec.Duration(5*time.Millisecond)
	c.HTTP = httpx.Config{CA: h.cloud.CAFile(), Proxy: httpx.NoProxy}
	h.driver, err = driver.New(c, secrets{}, nil)
	require.NoError(t, err)
	return h
}

func (h *house) start(t *testing.T) {
	t.Helper()
	listen := ""
	if h.cloud != nil {
		listen = strings.TrimPrefix(strings.TrimSuffix(h.cloud.URL(), "/identity/v3"), "https://")
	}
	h.instances = estate.NewInstances(estate.InstanceOptions{Folder: filepath.Join(h.folder, "instances"), Network: h.network})
	var err error
	h.cloud, err = openstack.Start(openstack.Options{
		Folder: filepath.Join(h.folder, "cloud"), Listen: listen, Guests: h.instances,
		Users:    []openstack.User{{Name: "fermata", Password: password, Project: "fermata"}},
		Images:   []openstack.Image{{Name: "debian-12"}},
		Flavors:  []openstack.Flavor{{Name: "m1.small", CPUs: 1, Memory: 2048, GiB: 20}},
		Networks: []openstack.Network{{Name: "private", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.30.0.0/24")}}},
	})
	require.NoError(t, err)
	h.network.SetFilter(estate.FilterInstances(h.cloud, func(_, _ netip.AddrPort, _ string) bool { return true }))
	t.Cleanup(func() { h.stop(t) })
}

func (h *house) stop(t *testing.T) {
	t.Helper()
	_ = h.cloud.Close()
	require.NoError(t, h.instances.Close())
}

func (h *house) op(step string) operation.Op {
	return operation.Op{Key: operation.Key{Run: "01JRUNA", Step: step, Target: "app-01"}, Owner: "instance/app-01"}
}

func (h *house) boot(t *testing.T) cloud.Instance {
	t.Helper()
	planned, err := h.driver.Plan(t.Context(), cloud.PlanRequest{Owner: "instance/app-01", Name: "app-01", Image: "debian-12", Flavor: "m1.small", Network: "private"})
	require.NoError(t, err)
	group, err := h.driver.EnsureGroup(t.Context(), h.op("group"), "app-01", h.p)
	require.NoError(t, err)
	made, err := h.driver.EnsureInstance(t.Context(), h.op("instance"), cloud.Request{
		Name: "app-01", Placement: planned.Placement, GroupID: group.ID,
		UserData: "#cloud-config\nusers:\n  - name: fermata\n    sudo: ALL=(ALL) NOPASSWD:ALL\n    ssh_authorized_keys:\n      - " + string(ssh.MarshalAuthorizedKey(h.key.PublicKey())),
	}, h.p)
	require.NoError(t, err)
	return made
}

// run logs in as the worker does, from the bastion, to a host that shows one of those keys.
func (h *house) run(t *testing.T, made cloud.Instance, command string) (string, error) {
	t.Helper()
	at := net.JoinHostPort(made.Addresses[0], "22")
	conn, err := h.network.Dial(t.Context(), bastion.Address, at)
	if err != nil {
		return "", err
	}
	expected, _, _, _, err := ssh.ParseAuthorizedKey([]byte(made.HostKeys[0]))
	require.NoError(t, err)
	c, channels, requests, err := ssh.NewClientConn(conn, at, &ssh.ClientConfig{
		User: "fermata", Auth: []ssh.AuthMethod{ssh.PublicKeys(h.key)}, HostKeyCallback: ssh.FixedHostKey(expected),
	})
	if err != nil {
		return "", err
	}
	client := ssh.NewClient(c, channels, requests)
	defer func() { _ = client.Close() }()
	session, err := client.NewSession()
	if err != nil {
		return "", err
	}
	out, err := session.Output(command)
	return strings.TrimSpace(string(out)), err
}

func TestAnInstanceIsAGuest(t *testing.T) {
	t.Parallel()
	h := open(t, "10.99.0.0/24")
	made := h.boot(t)
	require.True(t, strings.HasPrefix(made.Addresses[0], "10.30.0."), made.Addresses[0])
	out, err := h.run(t, made, "sudo hostname")
	require.NoError(t, err)
	require.Equal(t, "app-01", out)

	disk, err := h.driver.EnsureVolume(t.Context(), h.op("volume/data"), made.ID, cloud.Volume{Name: "data", Bytes: 3 << 30}, "", h.p)
	require.NoError(t, err)
	out, err = h.run(t, made, "lsblk -b -n -d -o SIZE /dev/disk/by-id/virtio-"+disk.Serial)
	require.NoError(t, err)
	require.Equal(t, "3221225472", out)

	_, err = h.driver.Stop(t.Context(), h.op("stop"), made.ID, h.p)
	require.NoError(t, err)
	_, err = h.run(t, made, "true")
	require.Error(t, err, "it is off")
	_, err = h.driver.Start(t.Context(), h.op("start"), made.ID, h.p)
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := h.run(t, made, "true"); return err == nil }, 20*time.Second, 20*time.Millisecond)

	_, err = h.driver.RemoveOwned(t.Context(), h.op("purge"), h.p)
	require.NoError(t, err)
	_, err = h.run(t, made, "true")
	require.Error(t, err, "it is gone")
	left, err := os.ReadDir(filepath.Join(h.folder, "instances"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestAnInstanceSurvivesARestart(t *testing.T) {
	t.Parallel()
	h := open(t, "10.99.0.0/24")
	made := h.boot(t)
	_, err := h.run(t, made, "sudo sh -c 'echo kept > /etc/kept'")
	require.NoError(t, err)
	h.stop(t)
	h.start(t)
	require.Eventually(t, func() bool { out, err := h.run(t, made, "cat /etc/kept"); return err == nil && out == "kept" }, 20*time.Second, 20*time.Millisecond)
	again := h.boot(t)
	require.Equal(t, made, again, "with the same id, address and host keys")
}

func TestSecurityGroupsFilter(t *testing.T) {
	t.Parallel()
	h := open(t)
	made := h.boot(t)
	_, err := h.run(t, made, "true")
	require.ErrorContains(t, err, "timed out", "the operator has opened no way for the worker")

	bastions := firewall.Rule{Name: "ssh", Sources: []string{"10.99.0.0/24"}, Destination: made.Addresses[0], Protocol: "tcp", Port: 22}
	_, err = h.driver.Firewall().EnsureRules(t.Context(), h.op("firewall/open"), []firewall.Rule{bastions}, h.p)
	require.NoError(t, err)
	_, err = h.run(t, made, "true")
	require.NoError(t, err)
	_, err = h.network.Dial(t.Context(), netip.MustParseAddr("10.10.0.7"), made.Addresses[0]+":22")
	require.ErrorContains(t, err, "timed out", "another source")
	require.NoError(t, h.driver.Firewall().RemoveRules(t.Context(), h.op("firewall/open"), h.p))
	_, err = h.run(t, made, "true")
	require.ErrorContains(t, err, "timed out")
}

package scenarios

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/repository"
	"fermata/testsuite/bed/requesttracker"
)

// Addresses, as examples/web-server.yaml has them. The edge is the first of each network.
const (
	balancerAddress   = "10.10.0.5"
	repositoryAddress = "10.20.0.53"
	clientAddress     = "10.30.0.9"
	bastionAddress    = "10.99.0.2"
	outsideAddress    = "198.51.100.9"
)

// admitted is what the edge's administrator lets through: workers to everything, users to the service. The servers are
// Fermata's to open.
var admitted = []string{ //nolint:gochecknoglobals // A list that nobody changes.
	"ip saddr 10.99.0.0/24 accept",
	"ip saddr 10.30.0.0/24 ip daddr " + balancerAddress + " tcp dport 80 accept",
}

// cables lays the networks: users, the world outside, workers' bastion, balancer, and the servers' switch, all of which
// meet at the edge.
func (e *estate) cables(t *testing.T) {
	t.Helper()
	require.NoError(t, e.net.Add(t.Context(), "edge"))
	require.NoError(t, e.net.Forwarding("edge"))
	for name, address := range map[string]string{
		"balancer": balancerAddress, "clients": clientAddress, "bastion": bastionAddress, "outside": outsideAddress,
	} {
		require.NoError(t, e.net.Add(t.Context(), name))
		require.NoError(t, e.net.Join(t.Context(), end(name, "eth0", address), end("edge", "to-"+name, first(address))))
		e.leave(t, name, address)
	}
	e.servers = end("edge", "servers", first(repositoryAddress))
	require.NoError(t, e.net.Bridge(t.Context(), e.servers))
	require.NoError(t, e.net.Add(t.Context(), "repository"))
	require.NoError(t, e.net.Plug(t.Context(), end("repository", "eth0", repositoryAddress), "", e.servers))
	e.leave(t, "repository", repositoryAddress)
}

// leave lets a namespace use the edge for everything that is not in its own network.
func (e *estate) leave(t *testing.T, namespace, address string) {
	t.Helper()
	via := netip.MustParseAddr(first(address))
	require.NoError(t, e.net.Route(t.Context(), namespace, netip.MustParsePrefix("0.0.0.0/0"), via))
}

func end(namespace, device, address string) network.End {
	return network.End{Namespace: namespace, Device: device, Addresses: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(address), 24)}}
}

// first is the first address of the network that an address is in.
func first(address string) string {
	return netip.PrefixFrom(netip.MustParseAddr(address), 24).Masked().Addr().Next().String()
}

// machines boots the edge, the balancer and the bastion, all of which let the worker's key in.
func (e *estate) machines(t *testing.T, key string) {
	t.Helper()
	var err error
	e.edge, err = edge.StartFirewall(t.Context(), e.machine(t, "edge-01", "edge", first(bastionAddress), key), admitted...)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.edge.Stop()) })
	e.balancer, err = edge.StartBalancer(t.Context(), e.machine(t, "lb-01", "balancer", balancerAddress, key))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.balancer.Stop()) })
	bastion := e.machine(t, "bastion-01", "bastion", bastionAddress, key)
	bastion.Files = map[string]string{"/etc/hosts": "127.0.0.1 localhost bastion-01\n" + balancerAddress + " www.estate.test\n"}
	e.bastion, err = machine.Start(t.Context(), bastion)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.bastion.Stop()) })
	e.login, err = e.net.Forward(t.Context(), "bastion", e.bastion.SSH())
	require.NoError(t, err)
}

func (e *estate) machine(t *testing.T, name, namespace, address, key string) machine.Options {
	t.Helper()
	return machine.Options{
		Name: name, Network: e.net, Namespace: namespace, Address: address, AuthorizedKeys: []string{key}, Folder: host.Folder(t),
	}
}

// packages are what all of the bed needs of Debian.
func packages() []string {
	return slices.Concat(network.Packages, machine.Packages, edge.Packages, guests.Packages, repository.Packages(), requesttracker.Packages())
}

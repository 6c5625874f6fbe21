package instance

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/directory"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/postgres"
	"fermata/testsuite/bed/repository"
)

// Addresses, as examples/instance.yaml and the sandbox have them. The edge is the first of each network.
const (
	databaseAddress   = "10.10.0.20"
	officeAddress     = "10.10.0.9"
	repositoryAddress = "10.30.0.53"
	bastionAddress    = "10.99.0.2"
	instances         = "10.30.0.0/24"
)

// admitted is what the edge's administrator lets through: workers to everything, instances to the database. Who else reaches
// instances is Fermata's to open.
var admitted = []string{ //nolint:gochecknoglobals // A list that nobody changes.
	"ip saddr 10.99.0.0/24 accept",
	"ip saddr " + instances + " ip daddr " + databaseAddress + " tcp dport 5432 accept",
}

// packages are what all of the bed needs of Debian.
func packages() []string {
	return slices.Concat(network.Packages, machine.Packages, edge.Packages, guests.Packages, repository.Packages(), directory.Packages(), postgres.Packages(), []string{"openssh-client"})
}

// cables lays the networks: the instances', the office's with the database in it, and the workers', which meet at the edge.
func (e *estate) cables(t *testing.T) {
	t.Helper()
	require.NoError(t, e.net.Add(t.Context(), "edge"))
	require.NoError(t, e.net.Forwarding("edge"))
	e.instances = end("edge", "instances", first(repositoryAddress))
	office, workers := end("edge", "office", first(officeAddress)), end("edge", "workers", first(bastionAddress))
	for _, bridge := range []network.End{e.instances, office, workers} {
		require.NoError(t, e.net.Bridge(t.Context(), bridge))
	}
	for name, plug := range map[string]struct {
		address string
		bridge  network.End
	}{
		"repository": {repositoryAddress, e.instances}, "database": {databaseAddress, office}, "office": {officeAddress, office},
		"bastion": {bastionAddress, workers},
	} {
		require.NoError(t, e.net.Add(t.Context(), name))
		require.NoError(t, e.net.Plug(t.Context(), end(name, "eth0", plug.address), "", plug.bridge))
		via := netip.MustParseAddr(first(plug.address))
		require.NoError(t, e.net.Route(t.Context(), name, netip.MustParsePrefix("0.0.0.0/0"), via))
	}
}

func end(namespace, device, address string) network.End {
	return network.End{Namespace: namespace, Device: device, Addresses: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(address), 24)}}
}

// first is the first address of the network that an address is in.
func first(address string) string {
	return netip.PrefixFrom(netip.MustParseAddr(address), 24).Masked().Addr().Next().String()
}

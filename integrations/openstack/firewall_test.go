package openstack_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
	client "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/security/rules"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/networks"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/firewall/firewalltest"
	"fermata/activities/operation"
	emulator "fermata/sandbox/estate/openstack"
)

// device is a port at the address that the suite's rules lead to, in a security group of each of its owners.
type device struct {
	bench
	options emulator.Options
	groups  map[string]string // Ids by owner's name.
}

func newDevice(t *testing.T) *device {
	t.Helper()
	d := &device{groups: map[string]string{}}
	d.bench = start(t, func(o *emulator.Options) {
		o.Networks = append(o.Networks, emulator.Network{Name: "servers", Prefixes: []netip.Prefix{
			netip.MustParsePrefix("10.20.0.0/24"), netip.MustParsePrefix("2001:db8::/64"),
		}})
		d.options = *o
	})
	driver := open(t, d.config())
	var all []string
	for i := range 20 {
		name := fmt.Sprintf("web-%02d", i)
		op := operation.Op{Key: operation.Key{Run: "01JRUN0", Step: "group", Target: name}, Owner: operation.Owner("server/" + name)}
		group, err := driver.EnsureGroup(t.Context(), op, name, &operation.Memory{})
		require.NoError(t, err)
		d.groups[name], all = group.ID, append(all, group.ID)
	}
	network := d.network(t)
	pages, err := networks.List(network, networks.ListOpts{Name: "servers"}).AllPages(t.Context())
	require.NoError(t, err)
	list, err := networks.ExtractNetworks(pages)
	require.NoError(t, err)
	_, err = ports.Create(t.Context(), network, ports.CreateOpts{
		NetworkID: list[0].ID, SecurityGroups: &all, FixedIPs: []map[string]string{{"ip_address": "10.20.0.11"}, {"ip_address": "2001:db8::11"}},
	}).Extract()
	require.NoError(t, err)
	return d
}

func (d *device) network(t *testing.T) *gophercloud.ServiceClient {
	t.Helper()
	network, err := client.NewNetworkV2(people(t, d.bench), gophercloud.EndpointOpts{})
	require.NoError(t, err)
	return network
}

// texts lists the rules that let something in: those of one description together.
func (d *device) texts(wanted func(emulator.RuleShown) bool) (list []string) {
	together := map[string][]string{}
	for _, r := range d.Rules("") {
		if r.Direction != "ingress" || r.Remote == "" || !wanted(r) {
			continue
		}
		together[r.Description] = append(together[r.Description], fmt.Sprintf("%s %s %d-%d", r.Remote, r.Protocol, r.Min, r.Max))
	}
	for description, rules := range together {
		slices.Sort(rules)
		list = append(list, description+": "+strings.Join(rules, ", "))
	}
	slices.Sort(list)
	return list
}

// first are the ids of the rules of the first description.
func (d *device) first() (ids []string) {
	all := d.Rules("")
	slices.SortStableFunc(all, func(a, b emulator.RuleShown) int { return strings.Compare(a.Description, b.Description) })
	for _, r := range all {
		if strings.HasPrefix(r.Description, "fermata ") && (len(ids) == 0 || r.Description == all[slices.IndexFunc(all, func(x emulator.RuleShown) bool { return x.ID == ids[0] })].Description) {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (d *device) restart(t *testing.T) {
	t.Helper()
	o := d.options
	o.Listen = strings.TrimPrefix(strings.TrimSuffix(d.URL(), "/identity/v3"), "https://")
	require.NoError(t, d.Close())
	var err error
	d.Server, err = emulator.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
}

func newSuiteDevice(t *testing.T) *firewalltest.Device {
	d := newDevice(t)
	return &firewalltest.Device{
		Driver: func(t *testing.T) firewall.Firewall { return open(t, d.config()).Firewall() },
		Unprivileged: func(t *testing.T) firewall.Firewall {
			c := d.config()
			c.Username = "blind"
			return open(t, c).Firewall()
		},
		Passes: func(_ *testing.T, from, to netip.AddrPort, proto string) bool { return d.Allows(from, to, proto) },
		Runtime: func(*testing.T) []string {
			return d.texts(func(emulator.RuleShown) bool { return true })
		},
		Saved: func(*testing.T) []string {
			return d.texts(func(r emulator.RuleShown) bool { return strings.HasPrefix(r.Description, "fermata ") })
		},
		File:    func(*testing.T) string { return fmt.Sprint(d.Rules("")) },
		Restart: d.restart,
		AddForeign: func(t *testing.T) {
			_, err := rules.Create(t.Context(), d.network(t), rules.CreateOpts{
				Direction: rules.DirIngress, EtherType: rules.EtherType4, SecGroupID: d.groups["web-01"], Protocol: rules.ProtocolTCP,
				PortRangeMin: 22, PortRangeMax: 22, RemoteIPPrefix: "0.0.0.0/0",
			}).Extract()
			require.NoError(t, err)
		},
		Delete: func(t *testing.T) {
			for _, id := range d.first() {
				require.NoError(t, d.ChangeRule(id, ""))
			}
		},
		Widen:        func(t *testing.T) { require.NoError(t, d.ChangeRule(d.first()[0], "10.10.0.0/16")) },
		OnLook:       d.OnRead,
		Lose:         d.LoseNth,
		SetDown:      d.faults.SetDown,
		CommentLimit: 255 - len("fermata") - 4 - len("10.20.0.11"),
	}
}

func TestFirewallConformance(t *testing.T) {
	t.Parallel()
	firewalltest.Run(t, firewalltest.Bench{New: newSuiteDevice, OnePlace: true})
}

func web01() operation.Op {
	return operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "firewall/open", Target: "web-01"}, Owner: "server/web-01"}
}

func rule(destination string) firewall.Rule {
	return firewall.Rule{Name: "web", Sources: []string{"10.10.0.0/24"}, Destination: destination, Protocol: "tcp", Port: 8080}
}

// TestRulesNeedTheirGroup: rules go to the group of their owner, and to addresses that the group's ports have.
func TestRulesNeedTheirGroup(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	f, p := open(t, d.config()).Firewall(), &operation.Memory{}
	stranger := web01()
	stranger.Owner = "server/db-01"
	_, err := f.EnsureRules(t.Context(), stranger, []firewall.Rule{rule("10.20.0.11")}, p)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "no security group")
	_, err = f.EnsureRules(t.Context(), web01(), []firewall.Rule{rule("10.20.0.12")}, p)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "10.20.0.12")
	require.NoError(t, f.RemoveRules(t.Context(), stranger, p), "there is nothing of theirs")
	require.Empty(t, d.texts(func(emulator.RuleShown) bool { return true }))
}

// TestExchangeOfTheSameContent: Neutron refuses a second rule that lets the same in, so the first goes before it.
func TestExchangeOfTheSameContent(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	f, p := open(t, d.config()).Firewall(), &operation.Memory{}
	before, err := f.EnsureRules(t.Context(), web01(), []firewall.Rule{rule("10.20.0.11")}, p)
	require.NoError(t, err)
	after := slices.Clone(before)
	after[0].Name = "renamed"
	made, err := f.ExchangeRules(t.Context(), web01(), before, after, p)
	require.NoError(t, err)
	require.Equal(t, after, made)
	require.Len(t, d.texts(func(emulator.RuleShown) bool { return true }), 1)
}

// TestHalfARule: of a rule with two sources one is gone; the rest is taken for it and completed.
func TestHalfARule(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	f, p := open(t, d.config()).Firewall(), &operation.Memory{}
	two := rule("10.20.0.11")
	two.Sources = []string{"10.10.0.0/24", "192.168.0.0/16"}
	whole, err := f.EnsureRules(t.Context(), web01(), []firewall.Rule{two}, p)
	require.NoError(t, err)
	require.NoError(t, d.ChangeRule(d.first()[1], ""))
	half, err := f.FindByOwner(t.Context(), web01().Owner)
	require.NoError(t, err)
	require.Len(t, half[0].Sources, 1)
	again, err := f.EnsureRules(t.Context(), web01(), []firewall.Rule{two}, p)
	require.NoError(t, err)
	require.Equal(t, whole, again)
}

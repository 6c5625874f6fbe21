package ec2_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/firewall/firewalltest"
	"fermata/activities/operation"
	emulator "fermata/sandbox/estate/ec2"
)

// device is an interface at the address that the suite's rules lead to, in a security group of each of its owners.
type device struct {
	bench
	options emulator.Options
	groups  map[string]string // Ids by owner's name.
}

func newDevice(t *testing.T) *device {
	t.Helper()
	d := &device{groups: map[string]string{}}
	d.bench = start(t, func(o *emulator.Options) {
		o.Subnets = append(o.Subnets, emulator.Subnet{Name: "servers", Zone: "eu-central-1a", Prefixes: []netip.Prefix{
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
	require.NoError(t, d.AddInterface([]netip.Addr{netip.MustParseAddr("10.20.0.11"), netip.MustParseAddr("2001:db8::11")}, all))
	return d
}

// texts lists the rules that let something in: those of one description together.
func (d *device) texts(wanted func(emulator.RuleShown) bool) (list []string) {
	together := map[string][]string{}
	for _, r := range d.Rules("") {
		if !r.Egress && wanted(r) {
			together[r.Description] = append(together[r.Description], fmt.Sprintf("%s %s %d-%d", r.Source, r.Protocol, r.From, r.To))
		}
	}
	for description, rules := range together {
		slices.Sort(rules)
		list = append(list, description+": "+strings.Join(rules, ", "))
	}
	slices.Sort(list)
	return list
}

func ours(r emulator.RuleShown) bool { return strings.HasPrefix(r.Description, "fermata ") }

func everything(emulator.RuleShown) bool { return true }

// first are the ids of the rules of the first description.
func (d *device) first() (ids []string) {
	all := slices.DeleteFunc(d.Rules(""), func(r emulator.RuleShown) bool { return !ours(r) })
	slices.SortStableFunc(all, func(a, b emulator.RuleShown) int { return strings.Compare(a.Description, b.Description) })
	for _, r := range all {
		if r.Description == all[0].Description {
			ids = append(ids, r.ID)
		}
	}
	return ids
}

func (d *device) restart(t *testing.T) {
	t.Helper()
	o := d.options
	o.Listen = strings.TrimPrefix(d.URL(), "https://")
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
			c.AccessKeyID = blindID
			return open(t, c).Firewall()
		},
		Passes:  func(_ *testing.T, from, to netip.AddrPort, proto string) bool { return d.Allows(from, to, proto) },
		Runtime: func(*testing.T) []string { return d.texts(everything) },
		Saved:   func(*testing.T) []string { return d.texts(ours) },
		File:    func(*testing.T) string { return fmt.Sprint(d.Rules("")) },
		Restart: d.restart,
		AddForeign: func(t *testing.T) {
			_, err := people(t, d.bench).AuthorizeSecurityGroupIngress(t.Context(), &sdk.AuthorizeSecurityGroupIngressInput{
				GroupId: aws.String(d.groups["web-01"]), IpPermissions: []types.IpPermission{{
					IpProtocol: aws.String("tcp"), FromPort: aws.Int32(22), ToPort: aws.Int32(22), IpRanges: []types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
				}},
			})
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

// TestRulesNeedTheirGroup: rules go to the group of their owner, and to addresses that are in the group.
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
	require.Empty(t, d.texts(everything))
}

// TestExchangeOfTheSameContent: EC2 refuses a second rule that lets the same in, so the first goes before it.
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
	require.Len(t, d.texts(everything), 1)
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

// TestWorkersAreLetIn: the worker's own path is there from the start, comes back if somebody removes it, and is no rule of the
// firewall's.
func TestWorkersAreLetIn(t *testing.T) {
	t.Parallel()
	d := newDevice(t)
	c := d.config()
	c.Access.From = []string{"10.99.0.1/24", "2001:db8:9::/48"}
	driver, p := open(t, c), &operation.Memory{}
	op := operation.Op{Key: operation.Key{Run: "01JRUN1", Step: "group", Target: "db-01"}, Owner: "server/db-01"}
	for range 2 {
		group, err := driver.EnsureGroup(t.Context(), op, "db-01", p)
		require.NoError(t, err)
		require.Equal(t, []string{"fermata-access: 10.99.0.0/24 tcp 22-22, 2001:db8:9::/48 tcp 22-22"}, d.texts(everything))
		for _, r := range d.Rules(group.ID) {
			if r.Source == "10.99.0.0/24" {
				require.NoError(t, d.ChangeRule(r.ID, ""))
			}
		}
	}
	gone, err := driver.Firewall().RemoveOwned(t.Context(), op, p)
	require.NoError(t, err)
	require.Empty(t, gone)
	require.Len(t, d.texts(everything), 1, "the path that was not removed by hand stays")
}

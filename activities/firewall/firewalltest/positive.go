package firewalltest

import (
	"fmt"
	"sync"

	"github.com/stretchr/testify/require"

	"fermata/activities/firewall"
	"fermata/activities/operation"
)

func positive() map[string]func(*rig) {
	return map[string]func(*rig){
		"Check passes and changes nothing":                 checkPasses,
		"a rule opens its path and no other":               opens,
		"rules of one call stand together":                 several,
		"IPv6 rules work":                                  ipv6,
		"everybody and joined neighbours are understood":   shapes,
		"ensuring again changes nothing":                   again,
		"a rule survives a restart":                        restart,
		"removing by key leaves other keys":                removes,
		"removing by owner returns an image that restores": restores,
		"lost answers are looked after":                    loses,
		"a rule removed by others meanwhile is made":       meanwhile,
		"rules are exchanged and put back":                 exchanges,
		"an exchange looks after a lost answer":            exchangeLoses,
		"twenty writers lose nothing":                      manyWriters,
		"a foreign rule stays":                             foreignStays,
	}
}

func checkPasses(r *rig) { r.untouched(func() { require.NoError(r, r.driver.Check(r.ctx)) }) }

func opens(r *rig) {
	r.open(false)
	installed := r.ensure(r.op, web())
	require.Equal(r, []firewall.Installed{{Rule: web(), Key: r.op.Key.String(), Owner: r.op.Owner, Runtime: true, Saved: true}}, installed)
	r.open(true)
	require.False(r, r.passes("10.10.1.5:40000", "10.20.0.11:8080", "tcp"), "another source")
	require.False(r, r.passes("10.10.0.5:40000", "10.20.0.12:8080", "tcp"), "another destination")
	require.False(r, r.passes("10.10.0.5:40000", "10.20.0.11:8081", "tcp"), "another port")
	require.False(r, r.passes("10.10.0.5:40000", "10.20.0.11:8080", "udp"), "another protocol")
	r.counts(1, 1)
}

func several(r *rig) {
	require.Len(r, r.ensure(r.op, web(), dns()), 2)
	r.open(true)
	require.True(r, r.passes("192.168.3.4:40000", "10.20.0.11:53", "udp"))
	found, err := r.driver.FindByOwner(r.ctx, r.op.Owner)
	require.NoError(r, err)
	require.Len(r, found, 2)
	require.Empty(r, r.ensure(r.op), "no rules is no change")
	r.counts(2, 2)
}

func ipv6(r *rig) {
	rule := firewall.Rule{Name: "web6", Sources: []string{"2001:DB8:1::/48", "2001:db8:2::1/128"}, Destination: "2001:db8:0::11", Protocol: "tcp", Port: 443}
	installed := r.ensure(r.op, rule)
	require.Equal(r, "2001:db8::11", installed[0].Destination)
	require.True(r, r.passes("[2001:db8:1::5]:40000", "[2001:db8::11]:443", "tcp"))
	require.True(r, r.passes("[2001:db8:2::1]:40000", "[2001:db8::11]:443", "tcp"))
	require.False(r, r.passes("[2001:db8:2::2]:40000", "[2001:db8::11]:443", "tcp"))
	r.untouched(func() { r.ensure(r.op, rule) })
}

func shapes(r *rig) {
	all, joined := web(), web()
	all.Name, all.Sources = "all", []string{"0.0.0.0/0"}
	joined.Name, joined.Port = "joined", 8081
	joined.Sources = []string{"10.0.1.0/24", "10.0.0.0/24", "10.0.2.0/24", "10.0.0.7/32", "10.9.8.7/16", "10.0.0.0/24"}
	installed := r.ensure(r.op, all, joined)
	require.Equal(r, []string{"10.0.0.0/23", "10.0.2.0/24", "10.9.0.0/16"}, installed[1].Sources)
	require.True(r, r.passes("203.0.113.9:40000", "10.20.0.11:8080", "tcp"))
	require.True(r, r.passes("10.9.200.1:40000", "10.20.0.11:8081", "tcp"))
	require.False(r, r.passes("10.0.3.1:40000", "10.20.0.11:8081", "tcp"))
	r.untouched(func() { r.ensure(r.op, all, joined) })
}

func again(r *rig) {
	r.ensure(r.op, web(), dns())
	r.untouched(func() {
		_, err := r.Driver(r.T).EnsureRules(r.ctx, r.op, []firewall.Rule{dns(), web()}, r.p)
		require.NoError(r, err)
	})
}

func restart(r *rig) {
	r.ensure(r.op, web())
	r.Restart(r.T)
	r.open(true)
	r.counts(1, 1)
	r.untouched(func() { r.ensure(r.op, web()) })
}

func removes(r *rig) {
	other := opOf("01JRUNB", "web-02")
	r.ensure(r.op, web())
	r.ensure(other, dns())
	require.NoError(r, r.driver.RemoveRules(r.ctx, r.op, r.p))
	r.open(false)
	r.counts(1, 1)
	require.NoError(r, r.driver.RemoveRules(r.ctx, r.op, r.p), "none is no error")
	require.True(r, r.passes("10.10.0.7:40000", "10.20.0.11:53", "udp"))
}

func restores(r *rig) {
	r.ensure(r.op, web(), dns())
	r.ensure(opOf("01JRUNB", "web-02"), web())
	later := opOf("01JRUNC", "web-01")
	image, err := r.driver.RemoveOwned(r.ctx, later, r.p)
	require.NoError(r, err)
	require.Len(r, image, 2)
	require.True(r, image[0].Runtime && image[0].Saved)
	require.Equal(r, r.op.Key.String(), image[0].Key)
	r.counts(1, 1)
	var rules []firewall.Rule
	for _, i := range image {
		rules = append(rules, i.Rule)
	}
	restored := r.ensure(later, rules...)
	require.Len(r, restored, 2)
	require.Equal(r, later.Key.String(), restored[0].Key)
	require.Equal(r, image[0].Rule, restored[0].Rule)
	require.True(r, r.passes("10.10.0.7:40000", "10.20.0.11:53", "udp"))
	none, err := r.driver.RemoveOwned(r.ctx, opOf("01JRUNC", "db-01"), r.p)
	require.NoError(r, err)
	require.Empty(r, none)
}

func loses(r *rig) {
	r.Lose(1)
	r.ensure(r.op, web())
	r.counts(1, 1)
	r.Lose(1)
	image, err := r.driver.RemoveOwned(r.ctx, r.op, r.p)
	require.NoError(r, err)
	require.Len(r, image, 1, "the image is known although the answer was lost")
	r.counts(0, 0)
	r.ensure(r.op, web(), dns())
	r.Lose(1)
	require.NoError(r, r.driver.RemoveRules(r.ctx, r.op, r.p))
	r.counts(0, 0)
}

// meanwhile: between looking and acting another rule of the same op disappears.
func meanwhile(r *rig) {
	r.ensure(r.op, web())
	r.OnLook(func() { r.Delete(r.T) })
	r.ensure(r.op, web(), dns())
	r.open(true)
	r.counts(2, 2)
}

func manyWriters(r *rig) {
	const writers = 20
	errs := make([]error, writers)
	var all sync.WaitGroup
	for i := range writers {
		driver := r.Driver(r.T)
		all.Go(func() {
			rule := web()
			rule.Port = 9000 + i
			_, errs[i] = driver.EnsureRules(r.ctx, opOf("01JRUNA", fmt.Sprintf("web-%02d", i)), []firewall.Rule{rule}, &operation.Memory{})
		})
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(r, err)
	}
	r.counts(writers, writers)
	r.Restart(r.T)
	for i := range writers {
		require.True(r, r.passes("10.10.0.5:40000", fmt.Sprintf("10.20.0.11:%d", 9000+i), "tcp"))
	}
}

func foreignStays(r *rig) {
	r.AddForeign(r.T)
	r.ensure(r.op, web())
	r.counts(2, 1)
	_, err := r.driver.RemoveOwned(r.ctx, r.op, r.p)
	require.NoError(r, err)
	r.counts(1, 0)
}

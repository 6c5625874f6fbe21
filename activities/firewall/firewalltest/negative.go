package firewalltest

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

func negative() map[string]func(*rig) {
	return map[string]func(*rig){
		"a rule under another key is a Conflict":           otherKey,
		"another owner may have a rule of that name":       otherOwner,
		"a rule changed by others is a Conflict and stays": widened,
		"other content under the same key is a Conflict":   otherContent,
		"one conflict keeps the whole set out":             allOrNothing,
		"bad input is Invalid and changes nothing":         badInput,
		"a name that is there twice is Invalid":            twiceGiven,
		"a comment that is too long is Invalid":            tooLong,
		"a comment that just fits is taken":                justFits,
		"a device that is down is Unavailable":             down,
		"a credential without the right is Unauthorized":   unprivileged,
		"a cancelled context changes nothing":              cancelled,
		"an exchange leaves what others changed":           exchangeWidened,
		"an exchange takes no name twice":                  exchangeTaken,
		"an exchange of bad rules is Invalid":              exchangeInvalid,
		"removing without an owner is Invalid":             noOwner,
	}
}

func otherKey(r *rig) {
	r.ensure(r.op, web())
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, opOf("01JRUNB", "web-01"), []firewall.Rule{web()}, r.p)
		r.refuses(err, fault.Conflict, "web", r.op.Key.String())
	})
}

func otherOwner(r *rig) {
	r.ensure(r.op, web())
	r.ensure(opOf("01JRUNB", "web-02"), web())
	r.counts(2, 2)
	found, err := r.driver.FindByOwner(r.ctx, "server/web-02")
	require.NoError(r, err)
	require.Len(r, found, 1)
}

func widened(r *rig) {
	r.ensure(r.op, web())
	r.Widen(r.T)
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{web()}, r.p)
		r.refuses(err, fault.Conflict, "changed by others")
	})
	require.NoError(r, r.driver.RemoveRules(r.ctx, r.op, r.p), "what carries the key goes")
	r.counts(0, 0)
}

func otherContent(r *rig) {
	r.ensure(r.op, web())
	other := web()
	other.Port = 9090
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{other}, r.p)
		r.refuses(err, fault.Conflict, "web")
	})
}

func allOrNothing(r *rig) {
	r.ensure(r.op, web())
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, opOf("01JRUNB", "web-01"), []firewall.Rule{dns(), web()}, r.p)
		r.refuses(err, fault.Conflict)
	})
	require.False(r, r.passes("10.10.0.7:40000", "10.20.0.11:53", "udp"))
}

func badInput(r *rig) {
	bad := []func(*firewall.Rule, *operation.Op){
		func(f *firewall.Rule, _ *operation.Op) { f.Name = "" },
		func(f *firewall.Rule, _ *operation.Op) { f.Name = "a b" },
		func(f *firewall.Rule, _ *operation.Op) { f.Name = `a" accept comment "b` },
		func(f *firewall.Rule, _ *operation.Op) { f.Name = "a\nflush ruleset" },
		func(f *firewall.Rule, _ *operation.Op) { f.Name = "a;b" },
		func(f *firewall.Rule, _ *operation.Op) { f.Sources = nil },
		func(f *firewall.Rule, _ *operation.Op) { f.Sources = []string{"10.0.0.1"} },
		func(f *firewall.Rule, _ *operation.Op) { f.Sources = []string{"10.0.0.0/33"} },
		func(f *firewall.Rule, _ *operation.Op) { f.Sources = []string{"10.0.0.0/8", "2001:db8::/32"} },
		func(f *firewall.Rule, _ *operation.Op) { f.Sources = []string{"example.org/8"} },
		func(f *firewall.Rule, _ *operation.Op) { f.Sources = []string{"10.0.0.0/8 accept"} },
		func(f *firewall.Rule, _ *operation.Op) { f.Destination = "" },
		func(f *firewall.Rule, _ *operation.Op) { f.Destination = "10.20.0.0/24" },
		func(f *firewall.Rule, _ *operation.Op) { f.Destination = "fe80::1%eth0" },
		func(f *firewall.Rule, _ *operation.Op) { f.Protocol = "" },
		func(f *firewall.Rule, _ *operation.Op) { f.Protocol = "icmp" },
		func(f *firewall.Rule, _ *operation.Op) { f.Protocol = "TCP" },
		func(f *firewall.Rule, _ *operation.Op) { f.Port = 0 },
		func(f *firewall.Rule, _ *operation.Op) { f.Port = 65536 },
		func(_ *firewall.Rule, op *operation.Op) { op.Owner = "" },
		func(_ *firewall.Rule, op *operation.Op) { op.Owner = "a b" },
		func(_ *firewall.Rule, op *operation.Op) { op.Key.Target = "a\"b" },
	}
	r.untouched(func() {
		for _, spoil := range bad {
			rule, op := web(), r.op
			spoil(&rule, &op)
			_, err := r.driver.EnsureRules(r.ctx, op, []firewall.Rule{dns(), rule}, r.p)
			r.refuses(err, fault.Invalid)
		}
	})
}

func twiceGiven(r *rig) {
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{web(), web()}, r.p)
		r.refuses(err, fault.Invalid, "twice")
	})
}

func (r *rig) named(length int) firewall.Rule {
	rule := web()
	rule.Name = strings.Repeat("n", length)
	return rule
}

func tooLong(r *rig) {
	rest := r.CommentLimit - len(r.op.Key.String()) - len(r.op.Owner)
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{r.named(rest + 1)}, r.p)
		r.refuses(err, fault.Invalid, "shorten")
	})
}

func justFits(r *rig) {
	rule := r.named(r.CommentLimit - len(r.op.Key.String()) - len(r.op.Owner))
	r.ensure(r.op, rule)
	r.untouched(func() { r.ensure(r.op, rule) })
	r.open(true)
}

func down(r *rig) {
	r.SetDown(true)
	_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{web()}, r.p)
	r.refuses(err, fault.Unavailable)
	r.refuses(r.driver.Check(r.ctx), fault.Unavailable)
	r.refuses(r.driver.RemoveRules(r.ctx, r.op, r.p), fault.Unavailable)
	_, err = r.driver.FindByOwner(r.ctx, r.op.Owner)
	r.refuses(err, fault.Unavailable)
	r.SetDown(false)
	r.ensure(r.op, web())
}

func unprivileged(r *rig) {
	driver := r.Unprivileged(r.T)
	r.untouched(func() {
		r.refuses(driver.Check(r.ctx), fault.Unauthorized)
		_, err := driver.EnsureRules(r.ctx, r.op, []firewall.Rule{web()}, r.p)
		r.refuses(err, fault.Unauthorized)
	})
}

func cancelled(r *rig) {
	r.ensure(r.op, web())
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	r.untouched(func() {
		_, err := r.driver.EnsureRules(ctx, r.op, []firewall.Rule{dns()}, r.p)
		r.refuses(err, fault.Unavailable)
		r.refuses(r.driver.RemoveRules(ctx, r.op, r.p), fault.Unavailable)
	})
	ctx, cancel = context.WithCancel(r.ctx)
	defer cancel()
	r.OnLook(cancel) // The attempt is given up between looking and acting.
	r.untouched(func() {
		_, err := r.driver.EnsureRules(ctx, r.op, []firewall.Rule{dns()}, r.p)
		r.refuses(err, fault.Unavailable)
	})
}

func noOwner(r *rig) {
	r.ensure(r.op, web())
	r.untouched(func() {
		_, err := r.driver.RemoveOwned(r.ctx, operation.Op{Key: r.op.Key}, r.p)
		r.refuses(err, fault.Invalid, "owner")
	})
}

package firewalltest

import (
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// under is a rule as it stands under the operation's key.
func under(op operation.Op, rules ...firewall.Rule) (out []firewall.Installed) {
	for _, r := range rules {
		out = append(out, firewall.Installed{Rule: r, Key: op.Key.String(), Owner: op.Owner})
	}
	return out
}

func (r *rig) exchange(out, in []firewall.Installed) []firewall.Installed {
	r.Helper()
	installed, err := r.driver.ExchangeRules(r.ctx, r.op, out, in, r.p)
	require.NoError(r, err)
	return installed
}

// moved is web at another port.
func moved() firewall.Rule {
	rule := web()
	rule.Port = 9090
	return rule
}

// exchanges: a rule changes, another goes, a third comes; then all is put back as it was, under the keys that it had.
func exchanges(r *rig) {
	installed := r.ensure(r.op, web(), dns())
	later := opOf("01JRUNB", "web-01")
	fresh := web()
	fresh.Name, fresh.Port = "fresh", 7070
	made := r.exchange(installed, under(later, moved(), fresh))
	require.Len(r, made, 2)
	require.True(r, made[0].Runtime && made[0].Saved && made[1].Runtime && made[1].Saved)
	r.open(false)
	require.True(r, r.passes("10.10.0.5:40000", "10.20.0.11:9090", "tcp"))
	require.True(r, r.passes("10.10.0.5:40000", "10.20.0.11:7070", "tcp"))
	require.False(r, r.passes("192.168.3.4:40000", "10.20.0.11:53", "udp"))
	r.counts(2, 2)
	r.untouched(func() { r.exchange(installed, under(later, moved(), fresh)) })
	r.exchange(under(later, moved(), fresh), installed)
	r.open(true)
	found, err := r.driver.FindByOwner(r.ctx, r.op.Owner)
	require.NoError(r, err)
	require.ElementsMatch(r, installed, found)
}

func exchangeLoses(r *rig) {
	installed := r.ensure(r.op, web())
	r.Lose(1)
	r.exchange(installed, under(opOf("01JRUNB", "web-01"), moved()))
	r.open(false)
	r.counts(1, 1)
}

// exchangeWidened: a rule that others changed stays, and nothing else is done.
func exchangeWidened(r *rig) {
	installed := r.ensure(r.op, web())
	r.Widen(r.T)
	r.untouched(func() {
		_, err := r.driver.ExchangeRules(r.ctx, r.op, installed, under(opOf("01JRUNB", "web-01"), dns()), r.p)
		r.refuses(err, fault.Conflict, "changed by others")
	})
}

// exchangeTaken: a name that stays cannot come in once more, and what goes stays then.
func exchangeTaken(r *rig) {
	installed := r.ensure(r.op, web(), dns())
	r.untouched(func() {
		_, err := r.driver.ExchangeRules(r.ctx, r.op, installed[1:], under(opOf("01JRUNB", "web-01"), moved()), r.p)
		r.refuses(err, fault.Conflict, "web", r.op.Key.String())
	})
}

func exchangeInvalid(r *rig) {
	installed := r.ensure(r.op, web())
	bad, keyless := moved(), under(r.op, moved())
	bad.Protocol = "sctp"
	keyless[0].Key = "no key"
	r.untouched(func() {
		for _, in := range [][]firewall.Installed{under(opOf("01JRUNB", "web-02"), moved()), under(r.op, bad), keyless} {
			_, err := r.driver.ExchangeRules(r.ctx, r.op, installed, in, r.p)
			r.refuses(err, fault.Invalid)
		}
	})
}

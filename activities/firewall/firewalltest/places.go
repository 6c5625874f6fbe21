package firewalltest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/firewall"
)

// twoPlaces are the cases of a host's packet filter: rules in force are one thing, the file that the host loads another, and a
// rule may stand in either twice.
func twoPlaces() map[string]func(*rig) {
	return map[string]func(*rig){
		"a rule that was lost at runtime is repaired":        repairRuntime,
		"a rule that was lost from the file is repaired":     repairSaved,
		"a rule that is there twice is made one":             twice,
		"a stale handle is looked up again":                  stale,
		"an exchange completes half a rule":                  exchangeCompletes,
		"a missing chain is NotFound":                        missingChain,
		"a file changed by hand is a Conflict naming a line": changedFile,
		"a file cut short is a Conflict":                     cutFile,
		"a read-only disk leaves everything":                 readOnly,
	}
}

func repairRuntime(r *rig) {
	r.ensure(r.op, web())
	r.Delete(r.T)
	r.open(false)
	found, err := r.driver.FindByOwner(r.ctx, r.op.Owner)
	require.NoError(r, err)
	require.Len(r, found, 1)
	require.False(r, found[0].Runtime)
	require.True(r, found[0].Saved)
	r.ensure(r.op, web())
	r.open(true)
	r.counts(1, 1)
}

func repairSaved(r *rig) {
	r.ensure(r.op, web())
	r.SetSaved(r.T, "")
	found, err := r.driver.FindByOwner(r.ctx, r.op.Owner)
	require.NoError(r, err)
	require.True(r, found[0].Runtime)
	require.False(r, found[0].Saved)
	r.ensure(r.op, web())
	r.counts(1, 1)
	r.Restart(r.T)
	r.open(true)
}

func twice(r *rig) {
	r.ensure(r.op, web())
	r.Copy(r.T)
	r.counts(2, 1)
	r.ensure(r.op, web())
	r.counts(1, 1)
	r.Copy(r.T)
	require.NoError(r, r.driver.RemoveRules(r.ctx, r.op, r.p))
	r.counts(0, 0)
}

func stale(r *rig) {
	r.ensure(r.op, web())
	r.OnLook(func() { r.Copy(r.T); r.Delete(r.T) }) // The same rule, another handle.
	require.NoError(r, r.driver.RemoveRules(r.ctx, r.op, r.p))
	r.counts(0, 0)
}

func missingChain(r *rig) {
	r.DropChain(r.T)
	file := r.File(r.T)
	r.refuses(r.driver.Check(r.ctx), fault.NotFound, "chain")
	_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{web()}, r.p)
	r.refuses(err, fault.NotFound, "chain")
	r.refuses(r.driver.RemoveRules(r.ctx, r.op, r.p), fault.NotFound)
	require.Equal(r, file, r.File(r.T))
}

func changedFile(r *rig) {
	r.ensure(r.op, web())
	file := r.File(r.T)
	line := strings.Index(file, "\t\tip saddr")
	r.SetSaved(r.T, file[:line]+"\t\ttcp dport 22 accept\n"+file[line:])
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{dns()}, r.p)
		r.refuses(err, fault.Conflict, "line ", "tcp dport 22 accept")
		r.refuses(r.driver.RemoveRules(r.ctx, r.op, r.p), fault.Conflict)
		r.refuses(r.driver.Check(r.ctx), fault.Conflict)
	})
}

func cutFile(r *rig) {
	r.ensure(r.op, web())
	file := r.File(r.T)
	r.SetSaved(r.T, file[:strings.LastIndex(file, "}")])
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{dns()}, r.p)
		r.refuses(err, fault.Conflict, "ends early")
	})
}

func readOnly(r *rig) {
	r.SetReadOnly(true)
	r.untouched(func() {
		_, err := r.driver.EnsureRules(r.ctx, r.op, []firewall.Rule{web()}, r.p)
		r.refuses(err, fault.Unavailable, "ead-only")
		r.refuses(r.driver.Check(r.ctx), fault.Unavailable, "ead-only")
	})
	r.open(false)
	r.SetReadOnly(false)
	r.ensure(r.op, web())
	r.open(true)
}

// exchangeCompletes: half of a rule that stays is put back under its own key.
func exchangeCompletes(r *rig) {
	installed := r.ensure(r.op, web())
	r.SetSaved(r.T, "")
	r.exchange(nil, installed)
	r.counts(1, 1)
	r.Restart(r.T)
	r.open(true)
}

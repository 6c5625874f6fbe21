package dnstest

import (
	"context"
	"strings"

	"github.com/stretchr/testify/require"

	names "fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

func negative() map[string]func(*rig) {
	return map[string]func(*rig){
		"a foreign record is a Conflict and stays":            foreign,
		"a foreign reverse record is a Conflict and stays":    foreignReverse,
		"a record under another key is a Conflict":            otherKey,
		"an alias of the name is a Conflict and stays":        aliased,
		"a record that others changed is a Conflict":          changed,
		"the same key with another value is a Conflict":       otherValue,
		"a mark of another type vouches for nothing":          otherTypeOfMark,
		"no TTL is given to what is not there":                ttlOfNothing,
		"no TTL is given to what is another's":                ttlOfAnother,
		"an unknown zone is NotFound and the text names it":   unknownZone,
		"bad input is Invalid and changes nothing":            badInput,
		"bad names are asked for nowhere":                     badNames,
		"a wrong credential is Unauthorized and never shown":  denied,
		"a credential without the right changes nothing":      weak,
		"a server that is down is Unavailable":                down,
		"a cancelled context changes nothing":                 cancelled,
		"removing leaves a record of another key":             leavesOtherKey,
		"removing leaves what was not made by Fermata":        leavesForeign,
		"an owner whose name is the beginning of another's":   leavesOtherOwner,
		"all of an owner leaves foreign records of its names": leavesReplaced,
	}
}

func foreign(r *rig) {
	rec := r.name("web-01")
	r.Set(r.T, rec.Name, "A", "10.20.0.99")
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name, "10.20.0.99", "not made by Fermata")
	})
	r.Set(r.T, rec.Name, "A", rec.Value) // The same value is no reason to take it.
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name)
	})
}

func foreignReverse(r *rig) {
	rec := r.reverse("web-01")
	r.Set(r.T, rec.Name, "PTR", "old."+r.Zone+".")
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name, "old."+r.Zone)
	})
}

func otherKey(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(r.ctx, opOf("01JRUNB", "web-01"), rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name, r.op.Key.String(), string(r.op.Owner))
	})
}

func aliased(r *rig) {
	rec := r.name("web-01")
	r.Set(r.T, rec.Name, "CNAME", "other."+r.Zone+".")
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name, "alias", "other."+r.Zone)
	})
}

func changed(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.Set(r.T, rec.Name, "A", "10.20.0.99")
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name, "10.20.0.99")
	})
}

func otherValue(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	other := rec
	other.Value = "10.20.0.12"
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(r.ctx, r.op, other, r.p)
		r.refuses(err, fault.Conflict, rec.Name, rec.Value)
	})
}

func otherTypeOfMark(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	six := rec
	six.Type, six.Value = names.AAAA, "fd00:20::11"
	r.Set(r.T, rec.Name, "AAAA", "fd00:20::99")
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(r.ctx, r.op, six, r.p)
		r.refuses(err, fault.Conflict, "fd00:20::99")
		require.NoError(r, r.driver.RemoveRecord(r.ctx, r.op, six, r.p))
	})
}

func ttlOfNothing(r *rig) {
	rec := r.name("web-01")
	r.untouched(func() {
		_, err := r.driver.EnsureTTL(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.NotFound, rec.Name, r.op.Key.String())
	})
	r.publish(r.op, rec)
	r.Set(r.T, rec.Name, "A") // Only its mark is left.
	r.untouched(func() {
		_, err := r.driver.EnsureTTL(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.NotFound, rec.Name)
	})
}

func ttlOfAnother(r *rig) {
	rec := r.name("web-01")
	rec.TTL = 60
	r.Set(r.T, rec.Name, "A", rec.Value)
	r.untouched(func() {
		_, err := r.driver.EnsureTTL(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name, "not made by Fermata")
	})
	r.Set(r.T, rec.Name, "A")
	r.publish(r.op, r.name("web-01"))
	r.untouched(func() {
		_, err := r.driver.EnsureTTL(r.ctx, opOf("01JRUNB", "web-01"), rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name, r.op.Key.String())
	})
	r.Set(r.T, rec.Name, "A", "10.20.0.99")
	r.untouched(func() {
		_, err := r.driver.EnsureTTL(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.Conflict, rec.Name, "10.20.0.99")
	})
}

func unknownZone(r *rig) {
	rec := r.name("web-01")
	rec.Zone, rec.Name = r.Unserved, "web-01."+r.Unserved
	_, err := r.driver.EnsureRecord(r.ctx, r.op, rec, r.p)
	r.refuses(err, fault.NotFound, r.Unserved)
	_, err = r.driver.Find(r.ctx, r.Unserved, rec.Name, "")
	r.refuses(err, fault.NotFound, r.Unserved)
	_, err = r.driver.Find(r.ctx, r.Unserved, "", r.op.Owner)
	r.refuses(err, fault.NotFound, r.Unserved)
	r.refuses(r.driver.Check(r.ctx, []string{r.Zone, r.Unserved}), fault.NotFound, r.Unserved)
	_, err = r.driver.EnsureTTL(r.ctx, r.op, rec, r.p)
	r.refuses(err, fault.NotFound, r.Unserved)
	r.refuses(r.driver.RemoveRecord(r.ctx, r.op, rec, r.p), fault.NotFound, r.Unserved)
	_, err = r.driver.RemoveOwned(r.ctx, r.op, []string{r.Unserved}, r.p)
	r.refuses(err, fault.NotFound, r.Unserved)
	_, err = r.driver.Lookup(r.ctx, r.Unserved, rec.Name, names.A)
	require.Error(r, err)
}

func badInput(r *rig) {
	bad := []func(*names.Record, *operation.Op){
		func(n *names.Record, _ *operation.Op) { n.Name = "" },
		func(n *names.Record, _ *operation.Op) { n.Name = "web 01." + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Name = "web-01." + n.Zone + "." },
		func(n *names.Record, _ *operation.Op) { n.Name = "WEB-01." + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Name = "*." + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Name = "a\\.b." + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Name = "a..b." + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Name = "a\n." + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Name = "web-01.elsewhere.example" },
		func(n *names.Record, _ *operation.Op) { n.Name = "web-01x" + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Name = strings.Repeat("w", 64) + "." + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Name = strings.Repeat("w.", 130) + n.Zone },
		func(n *names.Record, _ *operation.Op) { n.Zone = "" },
		func(n *names.Record, _ *operation.Op) { n.Zone += "/../other" },
		func(n *names.Record, _ *operation.Op) { n.Type = "TXT" },
		func(n *names.Record, _ *operation.Op) { n.Type = names.CNAME },
		func(n *names.Record, _ *operation.Op) { n.Type = "a" },
		func(n *names.Record, _ *operation.Op) { n.Value = "" },
		func(n *names.Record, _ *operation.Op) { n.Value = "web-01.example" },
		func(n *names.Record, _ *operation.Op) { n.Value = "10.20.0.11\n10.20.0.12" },
		func(n *names.Record, _ *operation.Op) { n.Value = "fd00::1" },
		func(n *names.Record, _ *operation.Op) { n.Type, n.Value = names.AAAA, "10.20.0.11" },
		func(n *names.Record, _ *operation.Op) { n.Type, n.Value = names.AAAA, "fe80::1%eth0" },
		func(n *names.Record, _ *operation.Op) { n.Type, n.Value = names.PTR, "web 01" },
		func(n *names.Record, _ *operation.Op) { n.TTL = 0 },
		func(n *names.Record, _ *operation.Op) { n.TTL = -1 },
		func(n *names.Record, _ *operation.Op) { n.TTL = 1 << 31 },
		func(_ *names.Record, op *operation.Op) { op.Owner = "" },
		func(_ *names.Record, op *operation.Op) { op.Owner = "server/a key=x" },
		func(_ *names.Record, op *operation.Op) { op.Owner = "server/*" },
		func(_ *names.Record, op *operation.Op) { op.Key.Run = "" },
		func(_ *names.Record, op *operation.Op) { op.Key.Target = "a value=10.0.0.1" },
	}
	r.untouched(func() {
		for i, spoil := range bad {
			rec, op := r.name("web-01"), r.op
			spoil(&rec, &op)
			_, err := r.driver.EnsureRecord(r.ctx, op, rec, r.p)
			require.Error(r, err, "%d: %+v", i, rec)
			r.refuses(err, fault.Invalid)
			_, err = r.driver.EnsureTTL(r.ctx, op, rec, r.p)
			r.refuses(err, fault.Invalid)
			r.refuses(r.driver.RemoveRecord(r.ctx, op, rec, r.p), fault.Invalid)
		}
	})
}

func badNames(r *rig) {
	_, err := r.driver.Find(r.ctx, r.Zone, "a b", "")
	r.refuses(err, fault.Invalid)
	_, err = r.driver.Find(r.ctx, "a b", "web-01.a", "")
	r.refuses(err, fault.Invalid)
	_, err = r.driver.Find(r.ctx, r.Zone, "", "")
	r.refuses(err, fault.Invalid)
	_, err = r.driver.Find(r.ctx, r.Zone, "", "server/*")
	r.refuses(err, fault.Invalid)
	_, err = r.driver.Lookup(r.ctx, r.Zone, "a;b", names.A)
	r.refuses(err, fault.Invalid)
	_, err = r.driver.Lookup(r.ctx, r.Zone, r.name("web-01").Name, "BOGUS")
	r.refuses(err, fault.Invalid)
	r.refuses(r.driver.Check(r.ctx, []string{"../.."}), fault.Invalid)
	_, err = r.driver.RemoveOwned(r.ctx, r.op, []string{"a b"}, r.p)
	r.refuses(err, fault.Invalid)
	_, err = r.driver.RemoveOwned(r.ctx, operation.Op{Key: r.op.Key}, []string{r.Zone}, r.p)
	r.refuses(err, fault.Invalid)
}

func denied(r *rig) {
	rec, driver := r.name("web-01"), r.Denied(r.T)
	r.untouched(func() {
		r.refuses(driver.Check(r.ctx, []string{r.Zone}), fault.Unauthorized)
		r.refuses(driver.Check(r.ctx, nil), fault.Unauthorized)
		_, err := driver.EnsureRecord(r.ctx, r.op, rec, r.p)
		r.refuses(err, fault.Unauthorized)
	})
	r.publish(r.op, rec)
	r.untouched(func() {
		shorter := rec
		shorter.TTL = 60
		_, err := driver.EnsureTTL(r.ctx, r.op, shorter, r.p)
		r.refuses(err, fault.Unauthorized)
		r.refuses(driver.RemoveRecord(r.ctx, r.op, rec, r.p), fault.Unauthorized)
		_, err = driver.RemoveOwned(r.ctx, r.op, []string{r.Zone}, r.p)
		r.refuses(err, fault.Unauthorized)
	})
}

func weak(r *rig) {
	rec, driver := r.name("web-01"), r.Weak(r.T)
	r.publish(r.op, rec)
	other := r.name("web-02")
	r.untouched(func() {
		_, err := driver.EnsureRecord(r.ctx, opOf("01JRUNB", "web-02"), other, r.p)
		r.refuses(err, fault.Unauthorized)
		shorter := rec
		shorter.TTL = 60
		_, err = driver.EnsureTTL(r.ctx, r.op, shorter, r.p)
		r.refuses(err, fault.Unauthorized)
		r.refuses(driver.RemoveRecord(r.ctx, r.op, rec, r.p), fault.Unauthorized)
	})
	found, err := driver.Lookup(r.ctx, r.Zone, rec.Name, names.A)
	require.NoError(r, err)
	require.Len(r, found, 1)
}

func down(r *rig) {
	rec := r.name("web-01")
	before := r.Dump(r.T)
	r.Down(true)
	_, err := r.driver.EnsureRecord(r.ctx, r.op, rec, r.p)
	r.refuses(err, fault.Unavailable)
	r.refuses(r.driver.Check(r.ctx, []string{r.Zone}), fault.Unavailable)
	_, err = r.driver.Find(r.ctx, r.Zone, rec.Name, "")
	r.refuses(err, fault.Unavailable)
	r.refuses(r.driver.RemoveRecord(r.ctx, r.op, rec, r.p), fault.Unavailable)
	_, err = r.driver.RemoveOwned(r.ctx, r.op, []string{r.Zone}, r.p)
	r.refuses(err, fault.Unavailable)
	r.Down(false)
	require.Equal(r, before, r.Dump(r.T))
	r.publish(r.op, rec)
}

func cancelled(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	r.untouched(func() {
		_, err := r.driver.EnsureRecord(ctx, opOf("01JRUNB", "web-02"), r.name("web-02"), r.p)
		r.refuses(err, fault.Unavailable)
		r.refuses(r.driver.RemoveRecord(ctx, r.op, rec, r.p), fault.Unavailable)
		_, err = r.driver.RemoveOwned(ctx, r.op, []string{r.Zone}, r.p)
		r.refuses(err, fault.Unavailable)
		_, err = r.driver.Lookup(ctx, r.Zone, rec.Name, names.A)
		r.refuses(err, fault.Unavailable)
	})
}

func leavesOtherKey(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.untouched(func() {
		require.NoError(r, r.driver.RemoveRecord(r.ctx, opOf("01JRUNB", "web-01"), rec, r.p))
	})
}

func leavesForeign(r *rig) {
	rec := r.name("web-01")
	r.Set(r.T, rec.Name, "A", rec.Value)
	r.untouched(func() {
		require.NoError(r, r.driver.RemoveRecord(r.ctx, r.op, rec, r.p))
		removed, err := r.driver.RemoveOwned(r.ctx, r.op, []string{r.Zone}, r.p)
		require.NoError(r, err)
		require.Empty(r, removed)
	})
}

func leavesOtherOwner(r *rig) {
	rec := r.name("web-011")
	r.publish(opOf("01JRUNB", "web-011"), rec)
	r.untouched(func() {
		removed, err := r.driver.RemoveOwned(r.ctx, r.op, []string{r.Zone}, r.p)
		require.NoError(r, err)
		require.Empty(r, removed)
	})
}

func leavesReplaced(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.Set(r.T, rec.Name, "A", "10.20.0.99")
	_, err := r.driver.RemoveOwned(r.ctx, opOf("01JRUNC", "web-01"), []string{r.Zone}, r.p)
	require.NoError(r, err)
	r.answers(rec, "10.20.0.99")
	require.Empty(r, r.Mark(r.T, rec.Name, rec.Type))
}

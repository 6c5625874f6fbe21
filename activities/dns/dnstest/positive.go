package dnstest

import (
	"fmt"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"

	names "fermata/activities/dns"
	"fermata/activities/fault"
)

func positive() map[string]func(*rig) {
	return map[string]func(*rig){
		"the check is passed":                               checked,
		"an address record is answered and marked":          publishesA,
		"an IPv6 address record is answered":                publishesAAAA,
		"a reverse record is answered and marked":           publishesPTR,
		"a repeated attempt adopts what it made":            adopts,
		"an attempt whose answer was lost is found":         lostPublish,
		"a record that others removed is made again":        completes,
		"another TTL, while the name is answered":           changesTTL,
		"a TTL whose answer was lost is found":              lostTTL,
		"other types of the name are no obstacle":           otherTypes,
		"removing takes record and mark, once and again":    removes,
		"a removal whose answer was lost is found":          lostRemoval,
		"what others added to the set stays":                othersValue,
		"found by name, with key and owner":                 findsByName,
		"found by owner, and nobody else's":                 findsByOwner,
		"all of an owner is removed, and can be restored":   removesOwned,
		"the longest label is taken":                        longest,
		"looked up as a resolver does":                      looksUp,
		"two runs at once: one gets the name, if it can be": race,
	}
}

func checked(r *rig) {
	require.NoError(r, r.driver.Check(r.ctx, nil))
	r.untouched(func() { require.NoError(r, r.driver.Check(r.ctx, []string{r.Zone, r.Reverse})) })
}

func publishesA(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.owned(rec, r.op)
}

func publishesAAAA(r *rig) {
	rec := r.name("web-01")
	rec.Type, rec.Value = names.AAAA, "fd00:20::11"
	r.publish(r.op, rec)
	r.owned(rec, r.op)
	back := names.Record{
		Zone: r.Reverse6, Name: "1.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0." + "0.0.0.0." + "0.0.0.0." + r.Reverse6, Type: names.PTR, Value: rec.Name, TTL: 300,
	}
	r.publish(r.op, back)
	r.owned(back, r.op)
}

func publishesPTR(r *rig) {
	rec := r.reverse("web-01")
	r.publish(r.op, rec)
	r.owned(rec, r.op)
}

func adopts(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.untouched(func() {
		r.publish(r.op, rec)
		made, err := r.Driver(r.T).EnsureRecord(r.ctx, r.op, rec, r.p)
		require.NoError(r, err)
		require.Equal(r, r.op.Key.String(), made.Key)
	})
}

func lostPublish(r *rig) {
	rec := r.name("web-01")
	r.Lose(1)
	_, err := r.driver.EnsureRecord(r.ctx, r.op, rec, r.p)
	r.refuses(err, fault.Ambiguous)
	r.answers(rec, rec.Value)
	r.untouched(func() { r.publish(r.op, rec) })
}

func completes(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.Set(r.T, rec.Name, "A")
	r.answers(rec)
	r.publish(r.op, rec)
	r.owned(rec, r.op)
}

func changesTTL(r *rig) {
	six, back := r.name("web-01"), r.reverse("web-01")
	six.Type, six.Value = names.AAAA, "fd00:20::11"
	for _, rec := range []names.Record{r.name("web-01"), six, back} {
		r.publish(r.op, rec)
		rec.TTL = 60
		made, err := r.driver.EnsureTTL(r.ctx, r.op, rec, r.p)
		require.NoError(r, err)
		require.Equal(r, names.Published{Record: rec, Key: r.op.Key.String(), Owner: r.op.Owner}, made)
		require.Equal(r, 60, r.ttl(rec), "as a resolver is told")
		r.answers(rec, rec.Value)
		r.owned(rec, r.op)
		r.untouched(func() {
			again, err := r.Driver(r.T).EnsureTTL(r.ctx, r.op, rec, r.p)
			require.NoError(r, err)
			require.Equal(r, made, again)
		})
		require.NoError(r, r.driver.RemoveRecord(r.ctx, r.op, rec, r.p))
	}
}

func lostTTL(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.Lose(1)
	rec.TTL = 60
	_, err := r.driver.EnsureTTL(r.ctx, r.op, rec, r.p)
	r.refuses(err, fault.Ambiguous)
	require.Equal(r, 60, r.ttl(rec))
	r.untouched(func() {
		_, err := r.driver.EnsureTTL(r.ctx, r.op, rec, r.p)
		require.NoError(r, err)
	})
}

func otherTypes(r *rig) {
	rec := r.name("web-01")
	r.Set(r.T, rec.Name, "TXT", `"somebody's"`)
	r.Set(r.T, rec.Name, "AAAA", "fd00:20::99")
	r.publish(r.op, rec)
	require.NoError(r, r.driver.RemoveRecord(r.ctx, r.op, rec, r.p))
	six := rec
	six.Type = names.AAAA
	r.answers(six, "fd00:20::99")
	require.Contains(r, r.Dump(r.T), "somebody's")
}

func removes(r *rig) {
	rec := r.name("web-01")
	before := r.Dump(r.T)
	r.publish(r.op, rec)
	require.NoError(r, r.driver.RemoveRecord(r.ctx, r.op, rec, r.p))
	r.answers(rec)
	require.Empty(r, r.Mark(r.T, rec.Name, rec.Type))
	require.Equal(r, before, r.Dump(r.T))
	require.NoError(r, r.driver.RemoveRecord(r.ctx, r.op, rec, r.p))
	r.publish(opOf("01JRUNB", "web-01"), rec)
}

func lostRemoval(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.Lose(1)
	r.refuses(r.driver.RemoveRecord(r.ctx, r.op, rec, r.p), fault.Ambiguous)
	r.answers(rec)
	require.NoError(r, r.driver.RemoveRecord(r.ctx, r.op, rec, r.p))
	require.Empty(r, r.Mark(r.T, rec.Name, rec.Type))
}

func othersValue(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.Set(r.T, rec.Name, "A", rec.Value, "10.20.0.99")
	require.NoError(r, r.driver.RemoveRecord(r.ctx, r.op, rec, r.p))
	r.answers(rec, "10.20.0.99")
	require.Empty(r, r.Mark(r.T, rec.Name, rec.Type))
}

func findsByName(r *rig) {
	rec := r.name("web-01")
	r.publish(r.op, rec)
	r.Set(r.T, rec.Name, "AAAA", "fd00:20::99")
	found, err := r.driver.Find(r.ctx, r.Zone, rec.Name, "")
	require.NoError(r, err)
	require.ElementsMatch(r, []names.Published{
		{Record: rec, Key: r.op.Key.String(), Owner: r.op.Owner},
		{Record: names.Record{Zone: r.Zone, Name: rec.Name, Type: names.AAAA, Value: "fd00:20::99", TTL: 300}},
	}, found)
	found, err = r.driver.Find(r.ctx, r.Zone, "web-09."+r.Zone, "")
	require.NoError(r, err)
	require.Empty(r, found)
}

func findsByOwner(r *rig) {
	mine, back := r.name("web-01"), r.reverse("web-01")
	r.publish(r.op, mine)
	r.publish(r.op, back)
	other := r.name("web-011")
	other.Value = "10.20.0.12"
	r.publish(opOf("01JRUNB", "web-011"), other)
	r.Set(r.T, "web-02."+r.Zone, "A", "10.20.0.12")
	found, err := r.driver.Find(r.ctx, r.Zone, "", r.op.Owner)
	require.NoError(r, err)
	require.Equal(r, []names.Published{{Record: mine, Key: r.op.Key.String(), Owner: r.op.Owner}}, found)
	found, err = r.driver.Find(r.ctx, r.Reverse, "", r.op.Owner)
	require.NoError(r, err)
	require.Equal(r, []names.Published{{Record: back, Key: r.op.Key.String(), Owner: r.op.Owner}}, found)
}

func removesOwned(r *rig) {
	mine, back := r.name("web-01"), r.reverse("web-01")
	before := r.Dump(r.T)
	r.publish(r.op, mine)
	r.publish(r.op, back)
	later := opOf("01JRUNC", "web-01")
	removed, err := r.driver.RemoveOwned(r.ctx, later, []string{r.Zone, r.Reverse}, r.p)
	require.NoError(r, err)
	require.Equal(r, []names.Published{
		{Record: mine, Key: r.op.Key.String(), Owner: r.op.Owner}, {Record: back, Key: r.op.Key.String(), Owner: r.op.Owner},
	}, removed)
	require.Equal(r, before, r.Dump(r.T))
	removed, err = r.driver.RemoveOwned(r.ctx, later, []string{r.Zone, r.Reverse}, r.p)
	require.NoError(r, err)
	require.Empty(r, removed)
	r.publish(r.op, mine)
	r.owned(mine, r.op)
}

func longest(r *rig) {
	rec := r.name(strings.Repeat("w", 63))
	r.publish(opOf("01JRUNA", strings.Repeat("w", 63)), rec)
}

func looksUp(r *rig) {
	rec := r.name("web-01")
	found, err := r.driver.Lookup(r.ctx, r.Zone, rec.Name, names.A)
	require.NoError(r, err)
	require.Empty(r, found, "no such name")
	r.publish(r.op, rec)
	found, err = r.driver.Lookup(r.ctx, r.Zone, rec.Name, names.A)
	require.NoError(r, err)
	require.Equal(r, []names.Record{rec}, found)
	found, err = r.driver.Lookup(r.ctx, r.Zone, rec.Name, names.AAAA)
	require.NoError(r, err)
	require.Empty(r, found, "no such type")
	r.Set(r.T, "www."+r.Zone, "CNAME", "elsewhere.example.")
	found, err = r.driver.Lookup(r.ctx, r.Zone, "www."+r.Zone, names.A)
	require.NoError(r, err)
	require.Equal(r, []names.Record{{Zone: r.Zone, Name: "www." + r.Zone, Type: names.CNAME, Value: "elsewhere.example", TTL: 300}}, found)
}

// race lets many runs ask for one name at once. Where the server keeps them apart exactly one gets it; elsewhere at least
// one does, and the name carries one mark that belongs to what is answered.
func race(r *rig) {
	const many = 8
	rec := r.name("web-01")
	errs := make([]error, many)
	var group sync.WaitGroup
	for i := range many {
		driver, mine := r.Driver(r.T), rec
		mine.Value = "10.20.0." + fmt.Sprint(1+i)
		group.Go(func() {
			for range 100 { // A server under load may ask to come again.
				_, errs[i] = driver.EnsureRecord(r.ctx, opOf(fmt.Sprintf("01JRUN%d", i), "web-01"), mine, r.p)
				if errs[i] == nil || !fault.KindOf(errs[i]).Retryable() {
					return
				}
			}
		})
	}
	group.Wait()
	won := 0
	for i, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.Equal(r, fault.Conflict, fault.KindOf(err), "run %d: %v", i, err)
	}
	require.NotZero(r, won)
	if r.Atomic {
		require.Equal(r, 1, won)
	}
	found, err := r.driver.Find(r.ctx, r.Zone, rec.Name, "")
	require.NoError(r, err)
	require.Len(r, found, 1)
	require.NotEmpty(r, found[0].Key)
	r.answers(rec, found[0].Value)
}

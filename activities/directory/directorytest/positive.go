package directorytest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

func positive() map[string]func(*rig) {
	return map[string]func(*rig){
		"the check is passed and changes nothing":           checked,
		"an account is made, marked, and in its group":      makes,
		"whoever it belongs to logs in":                     logsIn,
		"nobody logs in before a password is set":           noPassword,
		"no group means no group":                           noGroups,
		"the longest names are taken":                       longest,
		"keys are kept where they can be":                   keys,
		"a repeated attempt adopts what it made":            adopts,
		"an attempt whose answer was lost is found":         lostMake,
		"an attempt that broke off is completed":            completes,
		"what others changed is brought back":               corrects,
		"groups that others put it into are left":           exactGroups,
		"an account that has ended is not let in":           ends,
		"a disabled account is not let in until it may":     disables,
		"a disabling whose answer was lost is found":        lostDisable,
		"a repeated attempt does not enable":                staysDisabled,
		"removing takes it from its groups, once and again": removes,
		"a removal whose answer was lost is found":          lostRemoval,
		"found by name, whoever made it":                    findsByName,
		"found by owner, and nobody else's":                 findsByOwner,
		"all of an owner is removed, and returned":          removesOwned,
		"two runs at once: one gets the name":               race,
		"many accounts at once have numbers of their own":   numbers,
	}
}

func checked(r *rig) {
	r.untouched(func() {
		require.NoError(r, r.driver.Check(r.ctx, nil))
		require.NoError(r, r.driver.Check(r.ctx, []string{r.Group, r.Other}))
	})
}

func makes(r *rig) {
	held := r.make(r.op, r.account("ada"))
	require.Equal(r, []string{"ada@example.net"}, r.Judge.Attribute(r.T, held.DN, "mail"))
	require.Equal(r, []string{"Ada Lovelace"}, r.Judge.Attribute(r.T, held.DN, "displayName"))
	require.NotEmpty(r, r.p.Texts())
}

func logsIn(r *rig) {
	held := r.make(r.op, r.account("ada"))
	r.Judge.SetPassword(r.T, held.DN, password)
	require.True(r, r.Judge.LogsIn(r.T, held.DN, password))
	require.False(r, r.Judge.LogsIn(r.T, held.DN, password+"x"))
}

func noPassword(r *rig) {
	held := r.make(r.op, r.account("ada"))
	for _, guess := range []string{"ada", "password", password} {
		require.False(r, r.Judge.LogsIn(r.T, held.DN, guess))
	}
}

func noGroups(r *rig) {
	a := r.account("ada")
	a.Groups = nil
	r.make(r.op, a)
	a.Name, a.Display, a.Mail = "grace", "", ""
	r.make(opOf("01JRUNA", "web-02"), a)
}

func longest(r *rig) {
	a := r.account("a" + strings.Repeat("b", 19))
	a.Display = strings.Repeat("Ä", 64)
	a.Mail = strings.Repeat("m", 64) + "@" + strings.Repeat("example.", 20) + "net"
	r.make(r.op, a)
	a = r.account("a.b-c_d")
	r.make(opOf("01JRUNA", "web-02"), a)
}

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

func keys(r *rig) {
	a := r.account("ada")
	a.Keys = []string{key + " ada"}
	if !r.Keys {
		r.untouched(func() {
			_, err := r.driver.EnsureAccount(r.ctx, r.op, a, r.p)
			r.refuses(err, fault.Invalid, "ada", "keys")
		})
		return
	}
	r.make(r.op, a)
	a.Keys = nil
	r.make(r.op, a)
}

func adopts(r *rig) {
	a := r.account("ada")
	r.make(r.op, a)
	r.untouched(func() {
		r.make(r.op, a)
		held, err := r.Driver(r.T).EnsureAccount(r.ctx, r.op, a, r.p)
		require.NoError(r, err)
		require.Equal(r, r.op.Key.String(), held.Key)
	})
}

func lostMake(r *rig) {
	a := r.account("ada")
	r.Lose(1)
	_, err := r.driver.EnsureAccount(r.ctx, r.op, a, r.p)
	r.refuses(err, fault.Ambiguous)
	require.Equal(r, r.op.Key.String(), r.found("ada").Key, "it was made")
	r.make(r.op, a)
}

func completes(r *rig) {
	a := r.account("ada")
	held := r.make(r.op, a)
	r.Judge.Leave(r.T, r.Group, held.DN)
	r.make(r.op, a)
}

func corrects(r *rig) {
	a := r.account("ada")
	held := r.make(r.op, a)
	r.Judge.Set(r.T, held.DN, "mail", "eve@example.net")
	r.Judge.Set(r.T, held.DN, "displayName")
	r.make(r.op, a)
	a.Mail, a.Display = "", "Countess of Lovelace"
	r.make(r.op, a)
	require.Empty(r, r.Judge.Attribute(r.T, held.DN, "mail"))
}

func exactGroups(r *rig) {
	a := r.account("ada")
	held := r.make(r.op, a)
	r.Judge.Join(r.T, r.Other, held.DN)
	require.Equal(r, []string{r.Group, r.Other}, r.found("ada").Groups)
	r.make(r.op, a)
	a.Groups = []string{r.Other}
	r.make(r.op, a)
}

func ends(r *rig) {
	a := r.account("ada")
	end := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	a.Expires = &end
	held := r.make(r.op, a)
	r.Judge.SetPassword(r.T, held.DN, password)
	require.False(r, r.Judge.LogsIn(r.T, held.DN, password))
	later := time.Now().Add(2 * time.Hour).Truncate(time.Second).UTC()
	a.Expires = &later
	r.make(r.op, a)
	require.True(r, r.Judge.LogsIn(r.T, held.DN, password))
	soon := time.Now().Add(time.Second).Truncate(time.Second).UTC()
	a.Expires = &soon
	r.make(r.op, a)
	require.Eventually(r, func() bool { return !r.Judge.LogsIn(r.T, held.DN, password) }, 10*time.Second, 100*time.Millisecond)
	a.Expires = nil
	r.make(r.op, a)
	require.True(r, r.Judge.LogsIn(r.T, held.DN, password))
}

func findsByName(r *rig) {
	held := r.make(r.op, r.account("ada"))
	require.Equal(r, held, r.found("ada"))
	dn := r.Judge.Make(r.T, "grace", "an admiral")
	other := r.found("grace")
	require.Equal(r, dn, other.DN)
	require.Equal(r, "grace", other.Name)
	require.Empty(r, other.Key)
	require.Empty(r, other.Owner)
	found, err := r.driver.Find(r.ctx, "nobody-here", "")
	require.NoError(r, err)
	require.Empty(r, found)
}

func findsByOwner(r *rig) {
	ada := r.make(r.op, r.account("ada"))
	bob := r.make(operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "accounts/directory", Target: "bob"}, Owner: r.op.Owner}, r.account("bob"))
	r.make(opOf("01JRUNB", "web-011"), r.account("eve"))
	r.Judge.Make(r.T, "grace", "fermata owner=instance/web-01")
	found, err := r.driver.Find(r.ctx, "", r.op.Owner)
	require.NoError(r, err)
	require.Equal(r, []directory.Held{ada, bob}, found)
}

func removesOwned(r *rig) {
	before := r.Judge.Dump(r.T)
	ada := r.make(r.op, r.account("ada"))
	bob := r.make(operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "accounts/directory", Target: "bob"}, Owner: r.op.Owner}, r.account("bob"))
	later := opOf("01JRUNC", "web-01")
	removed, err := r.driver.RemoveOwned(r.ctx, later, r.p)
	require.NoError(r, err)
	require.Equal(r, []directory.Held{ada, bob}, removed)
	require.Equal(r, before, r.Judge.Dump(r.T))
	removed, err = r.driver.RemoveOwned(r.ctx, later, r.p)
	require.NoError(r, err)
	require.Empty(r, removed)
}

// race lets many runs ask for one name at once.
func race(r *rig) {
	const many = 6
	errs := make([]error, many)
	var group sync.WaitGroup
	for i := range many {
		driver, a := r.Driver(r.T), r.account("ada")
		group.Go(func() { errs[i] = r.persist(driver, opOf(fmt.Sprintf("01JRUN%d", i), "web-01"), a) })
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
	require.Equal(r, 1, won)
	require.Len(r, r.Judge.Members(r.T, r.Group), 1)
}

// persist tries again what a server under load asks to come again for.
func (r *rig) persist(driver directory.Directory, op operation.Op, a directory.Account) (err error) {
	for range 100 {
		if _, err = driver.EnsureAccount(r.ctx, op, a, r.p); err == nil || !fault.KindOf(err).Retryable() {
			return err
		}
	}
	return err
}

func numbers(r *rig) {
	const many = 6
	errs := make([]error, many)
	var group sync.WaitGroup
	for i := range many {
		driver, a := r.Driver(r.T), r.account(fmt.Sprintf("ada%d", i))
		group.Go(func() { errs[i] = r.persist(driver, opOf("01JRUNA", a.Name), a) })
	}
	group.Wait()
	seen := map[string]bool{}
	for i, err := range errs {
		require.NoError(r, err)
		numbers := r.Judge.Attribute(r.T, r.found(fmt.Sprintf("ada%d", i)).DN, "uidNumber")
		if !r.Numbers {
			require.Empty(r, numbers)
			continue
		}
		require.Len(r, numbers, 1)
		require.False(r, seen[numbers[0]], "two accounts have the number %s", numbers[0])
		seen[numbers[0]] = true
	}
	require.Len(r, r.Judge.Members(r.T, r.Group), many)
}

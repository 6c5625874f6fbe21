package directorytest

import (
	"context"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

func negative() map[string]func(*rig) {
	return map[string]func(*rig){
		"a foreign account is a Conflict and stays":          foreign,
		"an account under another key is a Conflict":         otherKey,
		"the same key of another owner is a Conflict":        otherOwner,
		"what is almost a mark is none":                      almost,
		"a group that is not there is NotFound and named":    unknownGroup,
		"bad input is Invalid and changes nothing":           badInput,
		"bad names are asked for nowhere":                    badNames,
		"a wrong credential is Unauthorized and never shown": denied,
		"a credential without the right changes nothing":     weak,
		"a directory that is down is Unavailable":            down,
		"a cancelled context changes nothing":                cancelled,
		"nobody's account is disabled: NotFound":             disablesNone,
		"another's account is not disabled nor enabled":      disablesOther,
		"a foreign account is not disabled nor enabled":      disablesForeign,
		"removing leaves an account of another key":          leavesOtherKey,
		"removing leaves what was not made by Fermata":       leavesForeign,
		"an owner whose name is the beginning of another's":  leavesOtherOwner,
		"an account whose mark was taken is nobody's":        leavesUnmarked,
	}
}

func foreign(r *rig) {
	dn := r.Judge.Make(r.T, "ada", "an analyst")
	r.untouched(func() {
		_, err := r.driver.EnsureAccount(r.ctx, r.op, r.account("ada"), r.p)
		r.refuses(err, fault.Conflict, "ada", "not made by Fermata")
	})
	require.True(r, r.Judge.LogsIn(r.T, dn, password))
}

func otherKey(r *rig) {
	r.make(r.op, r.account("ada"))
	r.untouched(func() {
		_, err := r.driver.EnsureAccount(r.ctx, opOf("01JRUNB", "web-01"), r.account("ada"), r.p)
		r.refuses(err, fault.Conflict, "ada", r.op.Key.String(), string(r.op.Owner))
	})
}

func otherOwner(r *rig) {
	r.make(r.op, r.account("ada"))
	r.untouched(func() {
		_, err := r.driver.EnsureAccount(r.ctx, operation.Op{Key: r.op.Key, Owner: "instance/web-02"}, r.account("ada"), r.p)
		r.refuses(err, fault.Conflict, "ada", string(r.op.Owner))
		require.NoError(r, r.driver.RemoveAccount(r.ctx, operation.Op{Key: r.op.Key, Owner: "instance/web-02"}, "ada", r.p))
	})
}

func almost(r *rig) {
	mark := directory.MarkOf(r.op).String()
	dn := r.Judge.Make(r.T, "ada", mark+" or so")
	for _, text := range []string{
		mark + " or so", "fermata  " + strings.TrimPrefix(mark, "fermata "), "x" + mark, strings.Replace(mark, "key=", "key:", 1),
		"fermata owner= key=" + r.op.Key.String(), "fermata owner=" + string(r.op.Owner) + " key=", mark + "*",
	} {
		r.Judge.Set(r.T, dn, "description", text)
		r.untouched(func() {
			_, err := r.driver.EnsureAccount(r.ctx, r.op, r.account("ada"), r.p)
			r.refuses(err, fault.Conflict, "not made by Fermata")
			_, err = r.driver.Disable(r.ctx, r.op, "ada", r.p)
			r.refuses(err, fault.Conflict)
			removed, err := r.driver.RemoveOwned(r.ctx, r.op, r.p)
			require.NoError(r, err)
			require.Empty(r, removed, text)
			require.NoError(r, r.driver.RemoveAccount(r.ctx, r.op, "ada", r.p))
		})
	}
}

func unknownGroup(r *rig) {
	a := r.account("ada")
	a.Groups = []string{r.Group, r.Missing}
	r.untouched(func() {
		_, err := r.driver.EnsureAccount(r.ctx, r.op, a, r.p)
		r.refuses(err, fault.NotFound, r.Missing)
		r.refuses(r.driver.Check(r.ctx, []string{r.Group, r.Missing}), fault.NotFound, r.Missing)
	})
	found, err := r.driver.Find(r.ctx, "ada", "")
	require.NoError(r, err)
	require.Empty(r, found)
}

func badInput(r *rig) {
	never, first := time.Time{}, time.Unix(0, 0)
	bad := []func(*directory.Account, *operation.Op){
		func(a *directory.Account, _ *operation.Op) { a.Name = "" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "Ada" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "ada*" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "ada)(uid=*" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "ada,ou=admins" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "ada lovelace" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "ada\n" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "ada\\2a" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "1ada" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "-ada" },
		func(a *directory.Account, _ *operation.Op) { a.Name = "ada." },
		func(a *directory.Account, _ *operation.Op) { a.Name = "ädä" },
		func(a *directory.Account, _ *operation.Op) { a.Name = strings.Repeat("a", 33) },
		func(a *directory.Account, _ *operation.Op) { a.Display = "Ada\nLovelace" },
		func(a *directory.Account, _ *operation.Op) { a.Display = " Ada" },
		func(a *directory.Account, _ *operation.Op) { a.Display = "Ada  Lovelace" },
		func(a *directory.Account, _ *operation.Op) { a.Display = "Ada\x00" },
		func(a *directory.Account, _ *operation.Op) { a.Display = "Ada\xff" },
		func(a *directory.Account, _ *operation.Op) { a.Display = strings.Repeat("a", 65) },
		func(a *directory.Account, _ *operation.Op) { a.Mail = "ada" },
		func(a *directory.Account, _ *operation.Op) { a.Mail = "ada@example.net\nbcc: eve" },
		func(a *directory.Account, _ *operation.Op) { a.Groups = []string{""} },
		func(a *directory.Account, _ *operation.Op) { a.Groups = []string{"*"} },
		func(a *directory.Account, _ *operation.Op) { a.Groups = []string{"a)(cn=*"} },
		func(a *directory.Account, _ *operation.Op) { a.Groups = []string{r.Group, strings.ToUpper(r.Group)} },
		func(a *directory.Account, _ *operation.Op) { a.Groups = make([]string, 65) },
		func(a *directory.Account, _ *operation.Op) { a.Keys = []string{"ssh-ed25519 AAAA"} },
		func(a *directory.Account, _ *operation.Op) { a.Keys = []string{`command="sh" ` + key} },
		func(a *directory.Account, _ *operation.Op) { a.Keys = []string{key + "\n" + key} },
		func(a *directory.Account, _ *operation.Op) { a.Keys = []string{key, key} },
		func(a *directory.Account, _ *operation.Op) { a.Expires = &never },
		func(a *directory.Account, _ *operation.Op) { a.Expires = &first },
		func(_ *directory.Account, op *operation.Op) { op.Owner = "" },
		func(_ *directory.Account, op *operation.Op) { op.Owner = "instance/a key=x" },
		func(_ *directory.Account, op *operation.Op) { op.Owner = "instance/*" },
		func(_ *directory.Account, op *operation.Op) { op.Key.Run = "" },
		func(_ *directory.Account, op *operation.Op) { op.Key.Target = "a owner=b" },
	}
	r.untouched(func() {
		for i, spoil := range bad {
			a, op := r.account("ada"), r.op
			spoil(&a, &op)
			_, err := r.driver.EnsureAccount(r.ctx, op, a, r.p)
			require.Error(r, err, "%d: %+v", i, a)
			r.refuses(err, fault.Invalid)
		}
	})
}

func badNames(r *rig) {
	for _, name := range []string{"*", "a b", "Ada", "ada)(uid=*"} {
		_, err := r.driver.Find(r.ctx, name, r.op.Owner)
		r.refuses(err, fault.Invalid)
		_, err = r.driver.Disable(r.ctx, r.op, name, r.p)
		r.refuses(err, fault.Invalid)
		_, err = r.driver.Enable(r.ctx, r.op, name, r.p)
		r.refuses(err, fault.Invalid)
		r.refuses(r.driver.RemoveAccount(r.ctx, r.op, name, r.p), fault.Invalid)
	}
	for _, owner := range []operation.Owner{"", "*", "instance/*", "a b"} {
		_, err := r.driver.Find(r.ctx, "", owner)
		r.refuses(err, fault.Invalid)
		_, err = r.driver.RemoveOwned(r.ctx, operation.Op{Key: r.op.Key, Owner: owner}, r.p)
		r.refuses(err, fault.Invalid)
	}
	r.refuses(r.driver.Check(r.ctx, []string{"*"}), fault.Invalid)
}

func denied(r *rig) {
	driver := r.Denied(r.T)
	held := r.make(r.op, r.account("ada"))
	r.untouched(func() {
		r.refuses(driver.Check(r.ctx, nil), fault.Unauthorized)
		_, err := driver.Find(r.ctx, "ada", "")
		r.refuses(err, fault.Unauthorized)
		_, err = driver.EnsureAccount(r.ctx, r.op, r.account("ada"), r.p)
		r.refuses(err, fault.Unauthorized)
		_, err = driver.Disable(r.ctx, r.op, "ada", r.p)
		r.refuses(err, fault.Unauthorized)
		r.refuses(driver.RemoveAccount(r.ctx, r.op, "ada", r.p), fault.Unauthorized)
		_, err = driver.RemoveOwned(r.ctx, r.op, r.p)
		r.refuses(err, fault.Unauthorized)
	})
	require.Equal(r, held, r.found("ada"))
}

func weak(r *rig) {
	driver := r.Weak(r.T)
	held := r.make(r.op, r.account("ada"))
	r.untouched(func() {
		_, err := driver.EnsureAccount(r.ctx, opOf("01JRUNB", "web-02"), r.account("bob"), r.p)
		r.refuses(err, fault.Unauthorized)
		_, err = driver.Disable(r.ctx, r.op, "ada", r.p)
		r.refuses(err, fault.Unauthorized)
		r.refuses(driver.RemoveAccount(r.ctx, r.op, "ada", r.p), fault.Unauthorized)
		_, err = driver.RemoveOwned(r.ctx, r.op, r.p)
		r.refuses(err, fault.Unauthorized)
	})
	found, err := driver.Find(r.ctx, "ada", "")
	require.NoError(r, err)
	require.Equal(r, []directory.Held{held}, found)
}

func down(r *rig) {
	held := r.make(r.op, r.account("ada"))
	r.Down(true)
	r.refuses(r.driver.Check(r.ctx, nil), fault.Unavailable)
	_, err := r.driver.Find(r.ctx, "ada", "")
	r.refuses(err, fault.Unavailable)
	_, err = r.driver.EnsureAccount(r.ctx, opOf("01JRUNB", "web-02"), r.account("bob"), r.p)
	r.refuses(err, fault.Unavailable)
	_, err = r.driver.Disable(r.ctx, r.op, "ada", r.p)
	r.refuses(err, fault.Unavailable)
	r.refuses(r.driver.RemoveAccount(r.ctx, r.op, "ada", r.p), fault.Unavailable)
	_, err = r.driver.RemoveOwned(r.ctx, r.op, r.p)
	r.refuses(err, fault.Unavailable)
	r.Down(false)
	require.Equal(r, held, r.found("ada"))
	r.make(opOf("01JRUNB", "web-02"), r.account("bob"))
}

func cancelled(r *rig) {
	r.make(r.op, r.account("ada"))
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	r.untouched(func() {
		_, err := r.driver.EnsureAccount(ctx, opOf("01JRUNB", "web-02"), r.account("bob"), r.p)
		r.refuses(err, fault.Unavailable)
		_, err = r.driver.Disable(ctx, r.op, "ada", r.p)
		r.refuses(err, fault.Unavailable)
		r.refuses(r.driver.RemoveAccount(ctx, r.op, "ada", r.p), fault.Unavailable)
		_, err = r.driver.RemoveOwned(ctx, r.op, r.p)
		r.refuses(err, fault.Unavailable)
	})
}

package guesttest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
)

func accountRefusals(t *testing.T, b Bench) {
	for name, test := range map[string]func(fixture){
		"an account that Fermata did not make":         foreignAccount,
		"another owner's account":                      otherOwnersAccount,
		"accounts of the system, root, and the worker": systemAccounts,
		"a group that is not there":                    unknownAccountGroup,
		"a rule that visudo refuses":                   refusedRule,
		"bad input":                                    badAccounts,
		"a home folder of somebody else":               foreignHome,
		"a home folder of another owner's account":     otherOwnersHome,
		"nobody's account is not disabled":             disablesNobody,
		"a link in place of the keys":                  linkedKeys,
		"rules that others made for the name stay":     foreignRules,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(b.setup(t, Setup{})) })
	}
	t.Run("an account without sudo", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{NoSudo: true})
		f.untouched(func() {
			_, err := f.account(guest.Account{Name: "ada"})
			refuses(t, fault.Unauthorized, err, "no sudo")
		})
	})
}

func foreignAccount(f fixture) {
	f.root("useradd --create-home --comment 'Ada, an analyst' ada")
	p := newPerson(f.t)
	f.untouched(func() {
		_, err := f.account(ada(p))
		refuses(f.t, fault.Conflict, err, "foreign")
		require.ErrorContains(f.t, err, "not made by Fermata")
		_, err = f.disable("ada")
		refuses(f.t, fault.Conflict, err, "foreign")
		_, err = f.remove("ada")
		refuses(f.t, fault.Conflict, err, "foreign")
	})
	f.root("usermod -c 'fermata owner=instance/web-01 key=a b' ada") // Almost a mark.
	f.untouched(func() {
		_, err := f.remove("ada")
		refuses(f.t, fault.Conflict, err, "almost ours")
	})
}

func otherOwnersAccount(f fixture) {
	p := newPerson(f.t)
	_, err := f.account(ada(p))
	require.NoError(f.t, err)
	other := operation.Op{Key: accountOp(otherRun).Key, Owner: "instance/web-011"}
	f.untouched(func() {
		_, err := f.access.EnsureAccount(f.t.Context(), other, f.Host(), ada(p), progress())
		refuses(f.t, fault.Conflict, err, "other owner")
		require.ErrorContains(f.t, err, "instance/web-01")
		_, err = f.access.DisableAccount(f.t.Context(), other, f.Host(), "ada", progress())
		refuses(f.t, fault.Conflict, err, "other owner")
		_, err = f.access.RemoveAccount(f.t.Context(), other, f.Host(), "ada", progress())
		refuses(f.t, fault.Conflict, err, "other owner")
	})
	_, err = f.as("ada", p, "true")
	require.NoError(f.t, err)
}

func systemAccounts(f fixture) {
	f.root("useradd --system --comment 'fermata owner=instance/web-01 key=a/b/c' marked")
	f.untouched(func() {
		for name, kind := range map[string]fault.Kind{
			"root": fault.Invalid, f.Host().User: fault.Invalid, "daemon": fault.Conflict, "nobody": fault.Conflict, "marked": fault.Conflict,
		} {
			_, err := f.account(guest.Account{Name: name})
			refuses(f.t, kind, err, name)
			_, err = f.disable(name)
			refuses(f.t, kind, err, name)
			_, err = f.remove(name)
			refuses(f.t, kind, err, name)
		}
	})
}

func unknownAccountGroup(f fixture) {
	f.untouched(func() {
		_, err := f.account(guest.Account{Name: "ada", Groups: []string{"users", "no-such-group"}})
		refuses(f.t, fault.NotFound, err, "group")
		require.ErrorContains(f.t, err, "no-such-group")
		_, err = f.account(guest.Account{Name: "ada", Shell: "/bin/no-such-shell"})
		refuses(f.t, fault.Invalid, err, "shell")
		_, err = f.account(guest.Account{Name: "adm"}) // A group's name.
		refuses(f.t, fault.Conflict, err, "a group has the name")
	})
}

// refusedRule asks for a rule that is well formed as far as anybody but sudo can tell.
func refusedRule(f fixture) {
	p := newPerson(f.t)
	a := ada(p)
	_, err := f.account(a)
	require.NoError(f.t, err)
	rules := f.root("cat /etc/sudoers.d/fermata-ada")
	a.Sudo = []string{"/usr/bin/whoami", "/usr/bin/sudoedit /etc/motd"}
	_, err = f.account(a)
	refuses(f.t, fault.Invalid, err, "visudo")
	require.ErrorContains(f.t, err, "sudoedit should not be specified with a path")
	require.Equal(f.t, rules, f.root("cat /etc/sudoers.d/fermata-ada"))
	require.Equal(f.t, "1", f.root("ls -A /etc/sudoers.d | grep -c ada"), "nothing is left beside it")
	out, err := f.as("ada", p, "sudo -n /usr/bin/id -u")
	require.NoError(f.t, err, "sudo still works")
	require.Equal(f.t, "0", out)
}

func badAccounts(f fixture) {
	never := time.Time{}
	bad := []guest.Account{
		{Name: ""},
		{Name: "Ada"},
		{Name: "-o"},
		{Name: "a b"},
		{Name: "a:b"},
		{Name: "../ada"},
		{Name: "ada.lovelace"},
		{Name: strings.Repeat("a", 33)},
		{Name: "ada", Shell: "bash"},
		{Name: "ada", Shell: "/bin/../bin/sh"},
		{Name: "ada", Shell: "/bin/bash:x"},
		{Name: "ada", Groups: []string{"users,root"}},
		{Name: "ada", Groups: []string{"users", "users"}},
		{Name: "ada", Groups: []string{""}},
		{Name: "ada", Keys: []string{"ssh-ed25519 AAAA"}},
		{Name: "ada", Keys: []string{`command="id" ` + newPerson(f.t).public}},
		{Name: "ada", Keys: []string{newPerson(f.t).public + "\n" + newPerson(f.t).public}},
		{Name: "ada", Expires: &never},
		{Name: "ada", Sudo: []string{""}},
		{Name: "ada", Sudo: []string{"ALL"}},
		{Name: "ada", Sudo: []string{"id"}},
		{Name: "ada", Sudo: []string{"/usr/bin/id, ALL"}},
		{Name: "ada", Sudo: []string{"/usr/bin/id -u,/bin/sh"}},
		{Name: "ada", Sudo: []string{"/usr/bin/"}},
		{Name: "ada", Sudo: []string{"/usr/bin/*"}},
		{Name: "ada", Sudo: []string{"/usr/bin/../bin/id"}},
		{Name: "ada", Sudo: []string{"!/usr/bin/id"}},
		{Name: "ada", Sudo: []string{"/usr/bin/id\neve ALL=(ALL) NOPASSWD: ALL"}},
		{Name: "ada", Sudo: []string{"/usr/bin/id \\"}},
		{Name: "ada", Sudo: []string{"/usr/bin/id # -u"}},
		{Name: "ada", Sudo: []string{"/usr/bin/id a=b"}},
		{Name: "ada", Sudo: []string{`/usr/bin/id "" -u`}},
		{Name: "ada", Sudo: []string{"NOEXEC: /usr/bin/id"}},
		{Name: "ada", Sudo: []string{"(ALL) /usr/bin/id"}},
	}
	f.untouched(func() {
		for _, a := range bad {
			_, err := f.account(a)
			refuses(f.t, fault.Invalid, err, a.Name+" "+strings.Join(a.Sudo, "; "))
		}
		for _, op := range []operation.Op{
			{Key: accountOp(run).Key},
			{Key: accountOp(run).Key, Owner: "instance/a b"},
			{Key: accountOp(run).Key, Owner: "instance/a:b"},
			{Key: accountOp(run).Key, Owner: "instance/a,b"},
			{Owner: "instance/web-01", Key: operation.Key{Run: "a\nb", Step: "c", Target: "d"}},
		} {
			_, err := f.access.EnsureAccount(f.t.Context(), op, f.Host(), guest.Account{Name: "ada"}, progress())
			refuses(f.t, fault.Invalid, err, string(op.Owner))
			_, err = f.access.RemoveAccount(f.t.Context(), op, f.Host(), "ada", progress())
			refuses(f.t, fault.Invalid, err, string(op.Owner))
		}
		for _, name := range []string{"-r", "ada; id", "*"} {
			_, err := f.disable(name)
			refuses(f.t, fault.Invalid, err, name)
			_, err = f.remove(name)
			refuses(f.t, fault.Invalid, err, name)
		}
	})
}

func foreignHome(f fixture) {
	f.root("mkdir /home/ada; echo theirs > /home/ada/notes")
	f.untouched(func() {
		_, err := f.account(guest.Account{Name: "ada"})
		refuses(f.t, fault.Conflict, err, "a folder of somebody else")
		require.ErrorContains(f.t, err, "/home/ada")
	})
}

func otherOwnersHome(f fixture) {
	_, err := f.account(guest.Account{Name: "ada"})
	require.NoError(f.t, err)
	_, err = f.remove("ada")
	require.NoError(f.t, err)
	f.untouched(func() {
		other := operation.Op{Key: accountOp(run).Key, Owner: "instance/web-02"}
		_, err := f.access.EnsureAccount(f.t.Context(), other, f.Host(), guest.Account{Name: "ada"}, progress())
		refuses(f.t, fault.Conflict, err, "a folder of another owner's account")
	})
}

func disablesNobody(f fixture) {
	f.untouched(func() {
		_, err := f.disable("ada")
		refuses(f.t, fault.NotFound, err, "none")
	})
}

// linkedKeys lets the account put a link to root's own folder where its keys are to be written.
func linkedKeys(f fixture) {
	p, next := newPerson(f.t), newPerson(f.t)
	_, err := f.account(guest.Account{Name: "ada", Keys: []string{p.public}})
	require.NoError(f.t, err)
	f.root("mkdir -p -m 700 /root/.ssh; echo '# root' > /root/.ssh/authorized_keys")
	_, err = f.as("ada", p, "rm -rf .ssh; ln -s /root/.ssh .ssh")
	require.NoError(f.t, err)
	_, err = f.account(guest.Account{Name: "ada", Keys: []string{next.public}})
	require.Error(f.t, err)
	require.Equal(f.t, "# root", f.root("cat /root/.ssh/authorized_keys"))
	require.Equal(f.t, "root", f.root("stat -c %%U /root/.ssh/authorized_keys"))
	_, err = f.disable("ada")
	require.NoError(f.t, err)
	require.Equal(f.t, "# root", f.root("cat /root/.ssh/authorized_keys"))
	f.refusesLogin("ada", p)
}

func foreignRules(f fixture) {
	f.root("echo '# by hand' > /etc/sudoers.d/fermata-ada; chmod 440 /etc/sudoers.d/fermata-ada")
	f.untouched(func() {
		_, err := f.remove("ada")
		require.NoError(f.t, err)
	})
	f.root("echo '# fermata owner=instance/web-01' > /etc/sudoers.d/fermata-ada")
	_, err := f.remove("ada") // Its account was removed by hand.
	require.NoError(f.t, err)
	require.Equal(f.t, "gone", f.root("if [ -e /etc/sudoers.d/fermata-ada ]; then echo there; else echo gone; fi"))
}

package linux

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
)

// Accounts are marked in the comment of their line in /etc/passwd: it is written by the call that makes the account, goes with
// it, is read by everybody, and cannot be changed by the account itself (chfn leaves a user the other fields at most).

// closedDir keeps whose a home folder was whose account is gone.
const closedDir = stateDir + "/accounts"

// EnsureAccount makes the account and gives it what is asked, the keys last: who can log in finds all else as it should be.
func (a *Access) EnsureAccount(ctx context.Context, op operation.Op, h guest.Host, w guest.Account, p operation.Progress) (guest.Changes, error) {
	if w.Shell == "" {
		w.Shell = "/bin/bash"
	}
	m := a.machine(h, p)
	if err := m.ensureAccount(ctx, op, w); err != nil {
		return m.did, fmt.Errorf("making account %s on %s: %w", w.Name, h.Name, err)
	}
	return m.did, nil
}

func (m *machine) ensureAccount(ctx context.Context, op operation.Op, w guest.Account) error {
	if err := m.checkAccount(op, w); err != nil {
		return err
	}
	now, err := m.lookAccount(ctx, w.Name)
	if err != nil {
		return err
	}
	if err := now.ownedBy(op.Owner); err != nil {
		return err
	}
	if err := m.prerequisites(ctx, w); err != nil {
		return err
	}
	m.said.Say("making account " + w.Name)
	if !now.exists {
		if err := m.makeAccount(ctx, op, w); err != nil {
			return err
		}
		if now, err = m.lookAccount(ctx, w.Name); err != nil {
			return err
		}
		if err := now.ownedBy(op.Owner); err != nil {
			return err
		}
	}
	for _, step := range []func() error{
		func() error { return m.reopenHome(ctx, now) },
		func() error { return m.setPasswd(ctx, now, w) },
		func() error { return m.setAccountGroups(ctx, now, w) },
		func() error { return m.setRules(ctx, op, w) },
		func() error { return m.setKeys(ctx, now, w.Keys) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// What prerequisites exits with, beside noInput.
const badShell = 65

const prerequisitesScript = `shell=$1
shift
if [ ! -x "$shell" ]; then echo "there is no shell $shell" >&2; exit 65; fi
for group; do
	if ! getent group "$group" >/dev/null; then echo "there is no group $group" >&2; exit 66; fi
done
`

// prerequisites looks for the shell and the groups, before anything is changed.
func (m *machine) prerequisites(ctx context.Context, w guest.Account) error {
	r, err := m.read(ctx, prerequisitesScript, append([]string{w.Shell}, w.Groups...)...)
	switch {
	case err != nil:
		return err
	case r.Exit == noInput:
		return fault.New(fault.NotFound, "%s", r.Text())
	case r.Exit == badShell:
		return fault.New(fault.Invalid, "%s", r.Text())
	case r.Exit != 0:
		return fault.New(refusal(r), "looking for its groups: %s", r.Text())
	}
	return nil
}

// What makeScript exits with: ours, and useradd(8)'s "username already in use", which is also a group's name.
const (
	foreignHome = 73
	nameTaken   = 9
)

// A password of "*" is one that nobody has. useradd's own "!" is a lock for an sshd that does without PAM.
const makeScript = `set -eu
home=/home/$1
if [ -e "$home" ] || [ -L "$home" ]; then
	was=$(cat "` + closedDir + `/$1" 2>/dev/null || true)
	if [ "$was" != "$4" ]; then echo "$home is there already" >&2; exit 73; fi
fi
exec useradd --user-group --create-home --home-dir "$home" --shell "$2" --comment "$3" --password '*' "$1"
`

func (m *machine) makeAccount(ctx context.Context, op operation.Op, w guest.Account) error {
	r, err := m.change(ctx, nil, makeScript, w.Name, w.Shell, accountMark(op), string(op.Owner))
	switch {
	case err != nil:
		return err
	case r.Exit == foreignHome, r.Exit == nameTaken:
		return fault.New(fault.Conflict, "%s", r.Text())
	case r.Exit != 0:
		return fault.New(refusal(r), "%s", r.Text())
	}
	m.note("account " + w.Name)
	return nil
}

const reopenScript = `set -eu
if [ "$(stat -c %U "$2")" = root ]; then chown -hR "$1:$1" "$2"; fi
rm -f "` + closedDir + `/$1"
`

// reopenHome gives a home folder back that was closed when an earlier account of the owner's was removed.
func (m *machine) reopenHome(ctx context.Context, now accountState) error {
	if !now.closed {
		return nil
	}
	if now.home != "/home/"+now.name {
		return fault.New(fault.Conflict, "its home folder is %s", now.home)
	}
	if err := m.must(ctx, "giving "+now.home+" back", reopenScript, now.name, now.home); err != nil {
		return err
	}
	m.note("home folder " + now.home + " given back")
	return nil
}

// setPasswd sets what /etc/passwd and /etc/shadow hold.
func (m *machine) setPasswd(ctx context.Context, now accountState, w guest.Account) error {
	if now.shell != w.Shell {
		if err := m.must(ctx, "setting the shell", `exec usermod --shell "$2" "$1"`, w.Name, w.Shell); err != nil {
			return err
		}
		m.note("shell " + w.Shell)
	}
	if now.password != noPassword {
		if err := m.must(ctx, "taking the password away", `exec usermod --password '*' "$1"`, w.Name); err != nil {
			return err
		}
		m.note("no password, no lock")
	}
	if days := expireDays(w.Expires); now.expires != days {
		if err := m.setExpiry(ctx, w.Name, days); err != nil {
			return err
		}
		m.note("expires: " + expiryText(w.Expires))
	}
	return nil
}

func (m *machine) setExpiry(ctx context.Context, name, days string) error {
	if days == never {
		days = "-1"
	}
	return m.must(ctx, "setting the expiry", `exec chage -E "$2" "$1"`, name, days)
}

// setAccountGroups puts the account into its groups and no others beside its own.
func (m *machine) setAccountGroups(ctx context.Context, now accountState, w guest.Account) error {
	wanted := slices.Sorted(slices.Values(w.Groups))
	if slices.Equal(now.groups, wanted) {
		return nil
	}
	list := strings.Join(wanted, ",")
	if err := m.must(ctx, "setting the groups", `exec usermod --groups "$2" "$1"`, w.Name, list); err != nil {
		return err
	}
	m.note("groups: " + list)
	return nil
}

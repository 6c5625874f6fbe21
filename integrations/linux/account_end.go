package linux

import (
	"context"
	"fmt"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
)

// DisableAccount locks the account first, so that nobody comes in while the rest is taken away.
func (a *Access) DisableAccount(ctx context.Context, op operation.Op, h guest.Host, name string, p operation.Progress) (guest.Changes, error) {
	m := a.machine(h, p)
	err := m.checkNamed(op, name)
	var now accountState
	if err == nil {
		now, err = m.lookAccount(ctx, name)
	}
	if err == nil && !now.exists {
		err = fault.New(fault.NotFound, "there is none")
	}
	if err == nil {
		err = now.ownedBy(op.Owner)
	}
	if err == nil {
		p.Say("disabling account " + name)
		err = m.shutOut(ctx, now)
	}
	if err == nil {
		err = m.dropKeys(ctx, now)
	}
	if err != nil {
		return m.did, fmt.Errorf("disabling account %s on %s: %w", name, h.Name, err)
	}
	return m.did, nil
}

// firstDay is an expiry that has been: 0 would be read as none by some (shadow(5)).
const firstDay = "1"

// killScript ends what runs until nothing does: what is killed may have started something else.
const killScript = `n=0
while pgrep -u "$1" >/dev/null; do
	n=$((n + 1))
	if [ "$n" -gt 50 ]; then echo "it still runs something" >&2; exit 75; fi
	pkill -KILL -u "$1" || true
	sleep 0.1
done
if [ "$n" -gt 0 ]; then echo ended; fi
`

// shutOut locks an account, takes its rules away and ends what it runs. sshd and others heed the expiry, an sshd without PAM
// the lock too.
func (m *machine) shutOut(ctx context.Context, now accountState) error {
	if now.password != locked {
		if err := m.must(ctx, "locking it", `exec usermod --lock "$1"`, now.name); err != nil {
			return err
		}
		m.note("locked")
	}
	if now.expires != firstDay {
		if err := m.setExpiry(ctx, now.name, firstDay); err != nil {
			return err
		}
		m.note("expired")
	}
	if err := m.dropRules(ctx, now.name); err != nil {
		return err
	}
	r, err := m.change(ctx, nil, killScript, now.name)
	switch {
	case err != nil:
		return err
	case r.Exit != 0:
		return fault.New(fault.Unavailable, "ending its sessions: %s", r.Text())
	case strings.Contains(string(r.Stdout), "ended"):
		m.note("sessions ended")
	}
	return nil
}

// What removeScript exits with where something of the account's runs (userdel(8)).
const accountBusy = 8

// removeScript closes the home folder: a later account may get the same number, and would own what is in it.
const removeScript = `set -eu
if [ "$2" = "/home/$1" ] && [ -d "$2" ] && [ ! -L "$2" ]; then
	mkdir -p -m 0700 "` + closedDir + `"
	printf '%s\n' "$3" > "` + closedDir + `/$1"
	chown root:root "$2"
	chmod 0700 "$2"
fi
rm -f -- "/var/spool/cron/crontabs/$1"
exec userdel "$1"
`

// RemoveAccount disables the account, then removes it.
func (a *Access) RemoveAccount(ctx context.Context, op operation.Op, h guest.Host, name string, p operation.Progress) (guest.Changes, error) {
	m := a.machine(h, p)
	if err := m.removeAccount(ctx, op, name); err != nil {
		return m.did, fmt.Errorf("removing account %s on %s: %w", name, h.Name, err)
	}
	return m.did, nil
}

func (m *machine) removeAccount(ctx context.Context, op operation.Op, name string) error {
	if err := m.checkNamed(op, name); err != nil {
		return err
	}
	now, err := m.lookAccount(ctx, name)
	switch {
	case err != nil:
		return err
	case !now.exists:
		return m.dropStray(ctx, op.Owner, name)
	}
	if err := now.ownedBy(op.Owner); err != nil {
		return err
	}
	m.said.Say("removing account " + name)
	if err := m.shutOut(ctx, now); err != nil {
		return err
	}
	r, err := m.change(ctx, nil, removeScript, name, now.home, string(op.Owner))
	switch {
	case err != nil:
		return err
	case r.Exit == accountBusy:
		return fault.New(fault.Unavailable, "%s", r.Text())
	case r.Exit != 0:
		return fault.New(refusal(r), "%s", r.Text())
	}
	m.note("account removed")
	return nil
}

package guest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// /etc/shadow has the fields of shadow(5); these two are looked at.
const (
	shadowPassword = 1
	shadowExpire   = 7
	shadowFields   = 9
)

const secondsADay = 24 * 60 * 60

// addShadow enters a new account. "!" is what useradd writes; sshd without PAM takes it for a lock.
func (m *Machine) addShadow(name, password string) error {
	today := strconv.FormatInt(time.Now().Unix()/secondsADay, 10)
	return errors.Join(
		m.appendLine("/etc/shadow", strings.Join([]string{name, password, today, "0", "99999", "7", "", "", ""}, ":")+"\n"),
		m.files.as(root).chmod("/etc/shadow", 0o640))
}

// editShadow changes an account's line. An account that a template brought along may have none.
func (m *Machine) editShadow(name string, change func([]string)) error {
	if !slices.ContainsFunc(m.records("/etc/shadow", shadowFields), func(f []string) bool { return f[0] == name }) {
		if err := m.addShadow(name, "*"); err != nil {
			return err
		}
	}
	err := m.editLines("/etc/shadow", func(f []string) []string {
		if len(f) == shadowFields && f[0] == name {
			change(f)
		}
		return f
	})
	return errors.Join(err, m.files.as(root).chmod("/etc/shadow", 0o640))
}

// lockedOut reports whether an account is locked or has expired: OpenSSH without PAM lets neither in.
func (m *Machine) lockedOut(name string) bool {
	for _, f := range m.records("/etc/shadow", shadowFields) {
		if f[0] != name {
			continue
		}
		days, err := strconv.ParseInt(f[shadowExpire], 10, 64)
		expired := err == nil && days >= 0 && time.Now().Unix()/secondsADay >= days
		return expired || strings.HasPrefix(f[shadowPassword], "!")
	}
	return false
}

// chage knows -E: days since 1970, a date, or -1 for never.
func chage(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "E: expiredate:")
	if err != nil || len(f.args) != 1 || !f.has("E", "expiredate") {
		return c.Fail(2, "Usage: chage [options] LOGIN")
	}
	name := f.args[0]
	days, ok := expiry(f.value("E", "expiredate"))
	_, known := c.Machine.lookupUser(name)
	switch {
	case !c.Root():
		return c.Fail(1, "Permission denied.")
	case !known:
		return c.Fail(1, "user '%s' does not exist in /etc/passwd", name)
	case !ok:
		return c.Fail(2, "invalid date '%s'", f.value("E", "expiredate"))
	}
	if err := c.Machine.editShadow(name, func(fields []string) { fields[shadowExpire] = days }); err != nil {
		return c.Fail(1, "%s", reason(err))
	}
	return 0
}

func expiry(text string) (days string, ok bool) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && n >= -1 {
		return strings.TrimPrefix(text, "-1"), true
	}
	at, err := time.Parse(time.DateOnly, text)
	return strconv.FormatInt(at.Unix()/secondsADay, 10), err == nil
}

// lockPassword is what usermod -L and -U do to a password.
func lockPassword(f flags, password string) string {
	switch {
	case f.has("p", "password"):
		return f.value("p", "password")
	case f.has("L", "lock") && !strings.HasPrefix(password, "!"):
		return "!" + password
	case f.has("U", "unlock") && len(password) > 1:
		return strings.TrimPrefix(password, "!")
	}
	return password
}

package linux

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// accountState is an account as the guest has it.
type accountState struct {
	name, home, shell string
	exists            bool
	uid               int
	comment           string
	password          string   // noPassword, locked or something else.
	expires           string   // Days since 1970, or never.
	groups            []string // Beside its own, sorted.
	closed            bool     // Its home folder is a closed one of an earlier account.
}

// What lookAccountScript says of a password, and of no expiry.
const (
	noPassword = "none"
	locked     = "locked"
	never      = "-"
)

// Nothing of a password's hash leaves the guest.
const lookAccountScript = `entry=$(getent passwd "$1")
status=$?
if [ "$status" -eq 2 ]; then exit 66; fi
if [ "$status" -ne 0 ]; then exit "$status"; fi
secret=$(getent shadow "$1" | cut -d : -f 2)
case $secret in
'*') secret=none ;;
'!'*) secret=locked ;;
*) secret=other ;;
esac
days=$(getent shadow "$1" | cut -d : -f 8)
closed=no
if [ -e "` + closedDir + `/$1" ]; then closed=yes; fi
printf '%s\n' "$entry" "$secret" "${days:--}" "$(id -gn "$1")" "$(id -Gn "$1")" "$closed"
`

// lookAccount tells how an account is; one that does not exist is no error.
func (m *machine) lookAccount(ctx context.Context, name string) (accountState, error) {
	s := accountState{name: name}
	r, err := m.read(ctx, lookAccountScript, name)
	switch {
	case err != nil:
		return s, err
	case r.Exit == noInput:
		return s, nil
	case r.Exit != 0:
		return s, fault.New(refusal(r), "looking for the account: %s", r.Text())
	}
	return parseAccount(name, string(r.Stdout))
}

// parseAccount reads what lookAccountScript prints.
func parseAccount(name, text string) (accountState, error) {
	s := accountState{name: name, exists: true}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != 6 {
		return s, fault.New(fault.Invalid, "the guest describes the account in %d lines", len(lines))
	}
	fields := strings.Split(lines[0], ":")
	uid, err := 0, error(nil)
	if len(fields) == 7 {
		uid, err = strconv.Atoi(fields[2])
	}
	if len(fields) != 7 || err != nil || fields[0] != name {
		return s, fault.New(fault.Invalid, "getent answers %q", lines[0])
	}
	s.uid, s.comment, s.home, s.shell = uid, fields[4], fields[5], fields[6]
	s.password, s.expires, s.closed = lines[1], lines[2], lines[5] == "yes"
	for _, group := range strings.Fields(lines[4]) {
		if group != lines[3] {
			s.groups = append(s.groups, group)
		}
	}
	slices.Sort(s.groups)
	return s, nil
}

// Numbers of the accounts of people; below are the system's, above is nobody's (Debian policy, section 9.2.2).
const (
	firstUID  = 1000
	nobodyUID = 65534
)

var accountMarkForm = regexp.MustCompile(`^fermata owner=(\S+) key=(\S+)$`)

// accountMark is the comment of an account that op makes.
func accountMark(op operation.Op) string {
	return "fermata owner=" + string(op.Owner) + " key=" + op.Key.String()
}

// ownedBy refuses what is not the owner's. An account that does not exist is nobody's yet.
func (s accountState) ownedBy(owner operation.Owner) error {
	mark := accountMarkForm.FindStringSubmatch(s.comment)
	switch {
	case !s.exists:
		return nil
	case s.uid < firstUID || s.uid == nobodyUID:
		return fault.New(fault.Conflict, "it is an account of the system (number %d)", s.uid)
	case mark == nil:
		return fault.New(fault.Conflict, "it exists already and was not made by Fermata")
	case mark[1] != string(owner):
		return fault.New(fault.Conflict, "it exists already: it belongs to %s (key %s)", mark[1], mark[2])
	}
	return nil
}

const secondsADay = 24 * 60 * 60

// expireDays is the first day on which the guest lets an account in no more, counted from 1970: never before its end, at most
// a day behind it.
func expireDays(end *time.Time) string {
	if end == nil {
		return never
	}
	return strconv.FormatInt((end.Unix()+secondsADay-1)/secondsADay, 10)
}

func expiryText(end *time.Time) string {
	if end == nil {
		return "never"
	}
	return end.UTC().Format(time.RFC3339)
}

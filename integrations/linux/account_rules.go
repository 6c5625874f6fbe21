package linux

import (
	"context"
	"strconv"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
)

// rulesFile is the file of an account's sudo rules. A name with a dot would be ignored by sudo.
func rulesFile(name string) string { return "/etc/sudoers.d/fermata-" + name }

// rulesText are the rules as sudoers(5) writes them. The first line says whose they are.
func rulesText(owner operation.Owner, w guest.Account) string {
	text := rulesMark(owner)
	for _, rule := range w.Sudo {
		text += w.Name + " ALL=(root) NOPASSWD: " + rule + "\n"
	}
	return text
}

func rulesMark(owner operation.Owner) string { return "# fermata owner=" + string(owner) + "\n" }

// What rulesScript exits with; EX_DATAERR and EX_IOERR of sysexits.h.
const (
	refusedRules = 65
	incomplete   = 74
)

// rulesScript lets visudo read the rules under a name that sudo ignores, and renames them into place when it has accepted them.
const rulesScript = `set -eu
new=/etc/sudoers.d/.fermata-$1.new
trap 'rm -f -- "$new"' EXIT
install -o root -g root -m 0440 /dev/null "$new"
cat > "$new"
size=$(wc -c < "$new")
if [ "$size" -ne "$3" ]; then echo "received $size of $3 bytes" >&2; exit 74; fi
if ! said=$(visudo -c -f "$new" 2>&1); then printf '%s\n' "$said" >&2; exit 65; fi
mv -fT "$new" "$2"
`

// setRules gives the account exactly its rules: a file of its own, none without rules.
func (m *machine) setRules(ctx context.Context, op operation.Op, w guest.Account) error {
	if len(w.Sudo) == 0 {
		return m.dropRules(ctx, w.Name)
	}
	text := []byte(rulesText(op.Owner, w))
	file := rulesFile(w.Name)
	same, err := m.isAsWanted(ctx, wanted{path: file, data: text, mode: 0o440, user: "root", group: "root"})
	if err != nil || same {
		return err
	}
	r, err := m.change(ctx, text, rulesScript, w.Name, file, strconv.Itoa(len(text)))
	switch {
	case err != nil:
		return err
	case r.Exit == refusedRules:
		return fault.New(fault.Invalid, "visudo refuses its sudo rules: %s", r.Text())
	case r.Exit == incomplete:
		return fault.New(fault.Unavailable, "writing %s: %s", file, r.Text())
	case r.Exit != 0:
		return fault.New(refusal(r), "writing %s: %s", file, r.Text())
	}
	m.note("sudo rules: " + strconv.Itoa(len(w.Sudo)))
	return nil
}

const dropScript = `if [ ! -e "$1" ] && [ ! -L "$1" ]; then exit 0; fi
rm -f -- "$1" && echo removed
`

func (m *machine) dropRules(ctx context.Context, name string) error {
	r, err := m.change(ctx, nil, dropScript, rulesFile(name))
	if err != nil {
		return err
	}
	if r.Exit != 0 {
		return fault.New(refusal(r), "removing %s: %s", rulesFile(name), r.Text())
	}
	if strings.Contains(string(r.Stdout), "removed") {
		m.note("sudo rules removed")
	}
	return nil
}

// dropStray removes the owner's rules for an account that somebody else has removed: whoever gets the name next would have them.
func (m *machine) dropStray(ctx context.Context, owner operation.Owner, name string) error {
	first, err := m.output(ctx, "looking for rules of "+name, `head -n 1 "$1" 2>/dev/null || true`, rulesFile(name))
	if err != nil || first+"\n" != rulesMark(owner) {
		return err
	}
	return m.dropRules(ctx, name)
}

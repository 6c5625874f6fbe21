package linux

import (
	"path"
	"regexp"
	"strings"

	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
)

var (
	shellForm = regexp.MustCompile(`^(/[A-Za-z0-9._+-]+)+$`)
	// What a comment in /etc/passwd and in sudoers holds: no space, colon, comma or hash.
	markForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/@+-]{0,199}$`)
	// The path of a program, as it is.
	programForm = regexp.MustCompile(`^(/[A-Za-z0-9._+@-]+)+$`)
	// An argument as sudoers(5) writes it: a comma, colon, equals sign or backslash has a backslash before it; unescaped, a
	// comma would begin another command.
	argumentForm = regexp.MustCompile(`^([A-Za-z0-9._/@%+~*?\[\]{}^$()|&;<>'-]|\\[,:=\\])+$`)
)

// mostOfAny limits lists.
const mostOfAny = 64

// checkAccount refuses what must not be asked of any guest. Fault: Invalid.
func (m *machine) checkAccount(op operation.Op, w guest.Account) error {
	if err := m.checkNamed(op, w.Name); err != nil {
		return err
	}
	if !shellForm.MatchString(w.Shell) || path.Clean(w.Shell) != w.Shell {
		return fault.New(fault.Invalid, "expected the path of a shell, found %q", w.Shell)
	}
	if len(w.Groups) > mostOfAny || len(w.Keys) > mostOfAny || len(w.Sudo) > mostOfAny {
		return fault.New(fault.Invalid, "expected up to %d groups, keys and rules each", mostOfAny)
	}
	seen := map[string]bool{}
	for _, group := range w.Groups {
		if !userForm.MatchString(group) || seen[group] || group == w.Name {
			return fault.New(fault.Invalid, "expected names of groups beside its own, each once, found %q", group)
		}
		seen[group] = true
	}
	for _, key := range w.Keys {
		if err := checkKey(key); err != nil {
			return err
		}
	}
	for _, rule := range w.Sudo {
		if err := checkRule(rule); err != nil {
			return err
		}
	}
	if w.Expires != nil && (w.Expires.UTC().Year() < 1971 || w.Expires.UTC().Year() > 9998) {
		return fault.New(fault.Invalid, "expected an end between the years 1971 and 9998, found %s", w.Expires)
	}
	return nil
}

// checkNamed refuses root, the account that the worker itself comes in by, and what is no name.
func (m *machine) checkNamed(op operation.Op, name string) error {
	switch {
	case !userForm.MatchString(name):
		return fault.New(fault.Invalid, "expected a user name of up to 32 lower-case letters, digits, dashes and underscores, found %q", name)
	case name == "root" || name == m.host.User:
		return fault.New(fault.Invalid, "%s is the guest's own or the worker's", name)
	case !markForm.MatchString(string(op.Owner)):
		return fault.New(fault.Invalid, "expected an owner such as instance/web-01, found %q", op.Owner)
	case !markForm.MatchString(op.Key.String()):
		return fault.New(fault.Invalid, "expected an operation key of run, step and target, found %q", op.Key.String())
	}
	return nil
}

// keyTypes are those that OpenSSH takes by default, but DSA's and certificates.
var keyTypes = map[string]bool{ //nolint:gochecknoglobals // A table.
	ssh.KeyAlgoED25519: true, ssh.KeyAlgoRSA: true, ssh.KeyAlgoECDSA256: true, ssh.KeyAlgoECDSA384: true, ssh.KeyAlgoECDSA521: true,
	ssh.KeyAlgoSKED25519: true, ssh.KeyAlgoSKECDSA256: true,
}

func checkKey(text string) error {
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(text))
	plain := !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
	if err != nil || len(options) > 0 || len(rest) > 0 || !plain || !keyTypes[key.Type()] {
		return fault.New(fault.Invalid, "expected public SSH keys such as \"ssh-ed25519 AAAA… ada\", one a line, without options")
	}
	return nil
}

// checkRule takes one program by its path, with arguments. What it refuses, visudo would take: ALL, a folder of programs, a
// second command behind a comma.
func checkRule(rule string) error {
	words := strings.Split(rule, " ")
	bad := !programForm.MatchString(words[0]) || path.Clean(words[0]) != words[0]
	for i, word := range words[1:] {
		nothing := word == `""` && i == 0 && len(words) == 2 // It stands for: no arguments.
		bad = bad || !nothing && !argumentForm.MatchString(word)
	}
	if bad {
		return fault.New(fault.Invalid, "expected rules such as \"/usr/bin/systemctl restart app\", a program's path and its arguments "+
			"as sudoers(5) writes them, found %q", rule)
	}
	return nil
}

package directory

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

var (
	// Login names that hosts and directories take alike: nothing that a DN, a filter or a shell would read otherwise.
	nameForm = regexp.MustCompile(`^[a-z]([a-z0-9._-]{0,30}[a-z0-9_-])?$`)
	// Names of groups; those of Active Directory hold spaces.
	groupForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9 ._-]{0,62}[A-Za-z0-9_-])?$`)
	mailForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}@[A-Za-z0-9]([A-Za-z0-9.-]{0,180}[A-Za-z0-9])?$`)
	// A public key without options: its type, its data in base64, a comment of one line.
	keyForm = regexp.MustCompile(`^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) AAAA[A-Za-z0-9+/]{20,}={0,3}( [!-~]([ -~]{0,200}[!-~])?)?$`)
	// What marks hold: no space, nothing that a filter reads.
	wordForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/@:+-]{0,199}$`)
)

const (
	maxDisplay = 64 // Characters, the most that every directory takes for a name.
	maxMany    = 64 // Groups, keys.
	maxKey     = 4096
	// Years that both kinds of directory can write as an end.
	firstYear, lastYear = 1971, 9998
)

// Check refuses an account that no directory should be asked for. Fault: Invalid.
func (a Account) Check() error {
	if err := CheckName(a.Name); err != nil {
		return err
	}
	if !printable(a.Display) {
		return fault.New(fault.Invalid, "account %s: expected a display name of one line of up to %d characters, found %q", a.Name, maxDisplay, a.Display)
	}
	if a.Mail != "" && !mailForm.MatchString(a.Mail) {
		return fault.New(fault.Invalid, "account %s: expected a mail address such as ada@example.net, found %q", a.Name, a.Mail)
	}
	if len(a.Groups) > maxMany || len(a.Keys) > maxMany {
		return fault.New(fault.Invalid, "account %s: expected up to %d groups and as many keys", a.Name, maxMany)
	}
	if err := CheckGroups(a.Groups); err != nil {
		return fault.Wrap(fault.Invalid, err, "account "+a.Name)
	}
	seen := map[string]bool{}
	for _, key := range a.Keys {
		if len(key) > maxKey || !keyForm.MatchString(key) || seen[key] {
			return fault.New(fault.Invalid, "account %s: expected public SSH keys such as \"ssh-ed25519 AAAA… ada\", without options, each once", a.Name)
		}
		seen[key] = true
	}
	if a.Expires != nil && (a.Expires.UTC().Year() < firstYear || a.Expires.UTC().Year() > lastYear) {
		return fault.New(fault.Invalid, "account %s: expected an end between the years %d and %d, found %s", a.Name, firstYear, lastYear, a.Expires)
	}
	return nil
}

// printable reports whether people can read text on one line, and a directory keeps it as it is: RFC 4518, section 2.6, makes
// spaces at the ends, and several in a row, insignificant.
func printable(text string) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxDisplay || strings.Join(strings.Fields(text), " ") != text {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// CheckName refuses what is no login name. Fault: Invalid.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fault.New(fault.Invalid, "expected a login name of up to 32 lower-case letters, digits, dots, dashes and underscores, found %q", name)
	}
	return nil
}

// CheckGroups refuses names that no group has, and a name that is there twice. Fault: Invalid.
func CheckGroups(groups []string) error {
	seen := map[string]bool{}
	for _, group := range groups {
		if !groupForm.MatchString(group) {
			return fault.New(fault.Invalid, "expected the name of a group of up to 64 letters, digits, spaces, dots, dashes and underscores, found %q", group)
		}
		folded := strings.ToLower(group) // Directories tell no upper case from lower.
		if seen[folded] {
			return fault.New(fault.Invalid, "group %s is named twice", group)
		}
		seen[folded] = true
	}
	return nil
}

// CheckOwner refuses an owner that cannot be written into a mark. Fault: Invalid.
func CheckOwner(owner operation.Owner) error {
	if !wordForm.MatchString(string(owner)) {
		return fault.New(fault.Invalid, "expected an owner such as instance/web-01, found %q", owner)
	}
	return nil
}

// CheckOp refuses an operation whose key and owner cannot be written into a mark. Fault: Invalid.
func CheckOp(op operation.Op) error {
	if err := CheckOwner(op.Owner); err != nil {
		return err
	}
	if _, err := operation.ParseKey(op.Key.String()); err != nil || !wordForm.MatchString(op.Key.String()) {
		return fault.New(fault.Invalid, "expected an operation key of run, step and target, found %q", op.Key.String())
	}
	return nil
}

// CheckNamed refuses an operation or a login name that no directory should be asked for. Fault: Invalid.
func CheckNamed(op operation.Op, name string) error {
	if err := CheckOp(op); err != nil {
		return err
	}
	return CheckName(name)
}

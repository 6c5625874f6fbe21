package dns

import (
	"net/netip"
	"regexp"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

var (
	// Labels in use for hosts and zones, also those with an underscore and the slash of RFC 2317; nothing that a master file
	// or a query would read otherwise.
	nameForm = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_/-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_/-]{0,61}[a-z0-9_])?)*$`)
	// What marks hold: no space, no quote, no backslash.
	wordForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/@:+-]{0,199}$`)
)

// maxTTL is RFC 2181's.
const maxTTL = 1<<31 - 1

// markRoom is how much of the longest name (RFC 1035, section 2.3.4) is kept for the label of a mark.
const markRoom = 15

// Check refuses a record that no server should be asked for. Fault: Invalid.
func (r Record) Check() error {
	if err := CheckName(r.Zone); err != nil {
		return err
	}
	if err := CheckName(r.Name); err != nil {
		return err
	}
	if r.Name != r.Zone && !strings.HasSuffix(r.Name, "."+r.Zone) {
		return fault.New(fault.Invalid, "name %s is not in zone %s", r.Name, r.Zone)
	}
	if r.TTL < 1 || r.TTL > maxTTL {
		return fault.New(fault.Invalid, "name %s: expected a TTL from 1 to %d seconds, found %d", r.Name, maxTTL, r.TTL)
	}
	switch addr, err := netip.ParseAddr(r.Value); r.Type {
	case A:
		if err != nil || !addr.Is4() || addr.String() != r.Value {
			return fault.New(fault.Invalid, "name %s: expected an IPv4 address, found %q", r.Name, r.Value)
		}
	case AAAA:
		if err != nil || !addr.Is6() || addr.Is4In6() || addr.Zone() != "" || addr.String() != r.Value {
			return fault.New(fault.Invalid, "name %s: expected an IPv6 address in its shortest form, found %q", r.Name, r.Value)
		}
	case PTR:
		return CheckName(r.Value)
	case CNAME:
		return fault.New(fault.Invalid, "name %s: no alias is ever made", r.Name)
	default:
		return fault.New(fault.Invalid, "name %s: expected type A, AAAA or PTR, found %q", r.Name, r.Type)
	}
	return nil
}

// CheckName refuses what is no full name in lower case without a dot at its end. Fault: Invalid.
func CheckName(name string) error {
	if len(name) > 253-markRoom || !nameForm.MatchString(name) {
		return fault.New(fault.Invalid, "expected a full name in lower case such as web-01.estate.test, found %q", name)
	}
	return nil
}

// CheckOp refuses an operation whose key and owner cannot be written beside a record. Fault: Invalid.
func CheckOp(op operation.Op) error {
	if err := CheckOwner(op.Owner); err != nil {
		return err
	}
	if _, err := operation.ParseKey(op.Key.String()); err != nil || !wordForm.MatchString(op.Key.String()) {
		return fault.New(fault.Invalid, "expected an operation key of run, step and target, found %q", op.Key.String())
	}
	return nil
}

// CheckChange refuses an operation or a record that no server should be asked for. Fault: Invalid.
func CheckChange(op operation.Op, r Record) error {
	if err := CheckOp(op); err != nil {
		return err
	}
	return r.Check()
}

// CheckOwner refuses an owner that cannot be written beside a record. Fault: Invalid.
func CheckOwner(owner operation.Owner) error {
	if !wordForm.MatchString(string(owner)) {
		return fault.New(fault.Invalid, "expected an owner such as server/web-01, found %q", owner)
	}
	return nil
}

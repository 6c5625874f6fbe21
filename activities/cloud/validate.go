package cloud

import (
	"net/netip"
	"regexp"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// What drivers refuse before they ask the cloud, all of them alike. Keys and owners become metadata, tags and descriptions,
// which clouds cut at 255 characters, and are looked for there again.
var (
	keyPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$`)
	ownerPattern = regexp.MustCompile(`^[a-z][a-z0-9-]*/[A-Za-z0-9][A-Za-z0-9._-]*$`)
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	refPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/ +()-]{0,254}$`)
	tagPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/ -]{0,126}$`)
)

const (
	mostMark     = 255
	gib          = int64(1) << 30
	mostBytes    = 64 << 40 // The largest volume that any of the clouds makes.
	mostUserData = 16 << 10 // Amazon's limit; the others take more.
)

// ValidOwner checks an owner. Fault: Invalid.
func ValidOwner(owner operation.Owner) error {
	if !ownerPattern.MatchString(string(owner)) || len(owner) > mostMark {
		return fault.New(fault.Invalid, "%.80q is no owner: expected kind/name of up to %d characters", owner, mostMark)
	}
	return nil
}

// ValidOp checks key and owner of an operation. Fault: Invalid.
func ValidOp(op operation.Op) error {
	if err := ValidOwner(op.Owner); err != nil {
		return err
	}
	if key := op.Key.String(); !keyPattern.MatchString(key) || len(key) > mostMark {
		return fault.New(fault.Invalid, "%.80q is no operation key: expected run/step/target of up to %d characters", key, mostMark)
	}
	return nil
}

// ValidName checks the name of an instance, a group or a volume. Fault: Invalid.
func ValidName(name string) error {
	if !namePattern.MatchString(name) {
		return fault.New(fault.Invalid, "%.80q is no name: expected up to 63 letters, digits, dots, dashes and underscores", name)
	}
	return nil
}

// Valid checks the form of a plan request. Fault: Invalid.
func (r PlanRequest) Valid() error {
	if err := ValidOwner(r.Owner); err != nil {
		return err
	}
	if err := ValidName(r.Name); err != nil {
		return err
	}
	for what, text := range map[string]string{"image": r.Image, "flavour": r.Flavor, "network": r.Network} {
		if !refPattern.MatchString(text) {
			return fault.New(fault.Invalid, "%.80q is no name or id of an %s", text, what)
		}
	}
	for what, text := range map[string]string{"availability zone": r.Zone, "key pair": r.KeyPair, "public network": r.Public} {
		if text != "" && !refPattern.MatchString(text) {
			return fault.New(fault.Invalid, "%.80q is no name or id of a %s", text, what)
		}
	}
	for _, v := range r.Volumes {
		if err := v.Valid(); err != nil {
			return err
		}
	}
	return validAddress(r.Address)
}

// Valid checks the form of a volume. Fault: Invalid.
func (v Volume) Valid() error {
	if err := ValidName(v.Name); err != nil {
		return err
	}
	if v.Bytes <= 0 || v.Bytes%gib != 0 || v.Bytes > mostBytes {
		return fault.New(fault.Invalid, "volume %q of %d bytes: expected a multiple of 1 GiB up to 64 TiB", v.Name, v.Bytes)
	}
	if v.Type != "" && !refPattern.MatchString(v.Type) {
		return fault.New(fault.Invalid, "%.80q is no type of a volume", v.Type)
	}
	return nil
}

// Valid checks the form of a request for an instance. Fault: Invalid.
func (r Request) Valid() error {
	if err := ValidName(r.Name); err != nil {
		return err
	}
	for what, id := range map[string]string{
		"image": r.Placement.Image.ID, "flavour": r.Placement.Flavor.ID, "network": r.Placement.Network.ID, "security group": r.GroupID,
	} {
		if !refPattern.MatchString(id) {
			return fault.New(fault.Invalid, "%.80q is no id of an object of kind %s", id, what)
		}
	}
	for name, value := range r.Tags {
		if !tagPattern.MatchString(name) || len(value) > mostMark {
			return fault.New(fault.Invalid, "tag %.80q cannot be set: expected up to 127 letters, digits, dots, dashes, colons and slashes, and a value of up to %d bytes", name, mostMark)
		}
	}
	if len(r.UserData) > mostUserData {
		return fault.New(fault.Invalid, "the user data of %s takes %d bytes: clouds take %d", r.Name, len(r.UserData), mostUserData)
	}
	return validAddress(r.Address)
}

func validAddress(text string) error {
	if text == "" {
		return nil
	}
	if a, err := netip.ParseAddr(text); err != nil || a.Zone() != "" {
		return fault.New(fault.Invalid, "%.80q is no IP address", text)
	}
	return nil
}

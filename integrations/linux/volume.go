package linux

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
)

// filesystemUUID is the UUID that this operation gives its file system. It follows from the key and the disk, so that a
// later attempt recognises its own work by it, and nobody else's.
func filesystemUUID(op operation.Op, r guest.VolumeRequest) string {
	return uuid.NewSHA1(op.Key.UUID(), []byte(strings.ToLower(r.DiskUUID))).String()
}

// EnsureVolume formats, mounts and records one disk.
func (a *Access) EnsureVolume(ctx context.Context, op operation.Op, h guest.Host, r guest.VolumeRequest, p operation.Progress) (guest.VolumeState, error) {
	m := a.machine(h, p)
	v := volume{machine: m, op: op, request: r, uuid: filesystemUUID(op, r)}
	state, err := v.ensure(ctx)
	if err != nil {
		return guest.VolumeState{}, fmt.Errorf("preparing volume %q of %s: %w", r.Volume.Name, h.Name, err)
	}
	return state, nil
}

type volume struct {
	*machine
	op      operation.Op
	request guest.VolumeRequest
	uuid    string
}

func (v *volume) ensure(ctx context.Context) (guest.VolumeState, error) {
	if err := v.valid(); err != nil {
		return guest.VolumeState{}, err
	}
	want := v.request.Volume
	if err := v.ownerExists(ctx, want.Owner); err != nil {
		return guest.VolumeState{}, err
	}
	v.said.Say("looking at the disk")
	d, err := v.disk(ctx, v.request.DiskUUID)
	if err != nil {
		return guest.VolumeState{}, err
	}
	state := guest.VolumeState{Device: d.link, FilesystemUUID: v.uuid, Mount: want.Mount}
	if err := v.free(ctx, d); err != nil {
		return guest.VolumeState{}, err
	}
	if state.Formatted, err = v.format(ctx, d); err != nil {
		return guest.VolumeState{}, err
	}
	v.said.Say("mounting " + want.Mount)
	if err := v.record(ctx); err != nil {
		return guest.VolumeState{}, err
	}
	return state, v.mount(ctx, d)
}

var (
	modeForm  = regexp.MustCompile(`^[0-7]{3,4}$`)
	ownerForm = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}(:[a-z_][a-z0-9_-]{0,31})?$`)
	mountForm = regexp.MustCompile(`^/[A-Za-z0-9._/-]+$`)
)

func (v *volume) valid() error {
	want := v.request.Volume
	switch {
	case want.Filesystem != "ext4" && want.Filesystem != "xfs":
		return fault.New(fault.Invalid, "expected the file system ext4 or xfs, found %q", want.Filesystem)
	case !mountForm.MatchString(want.Mount) || path.Clean(want.Mount) != want.Mount:
		return fault.New(fault.Invalid, "%q is no mount point: expected an absolute path of letters, digits, '.', '_' and '-'", want.Mount)
	case want.Owner != "" && !ownerForm.MatchString(want.Owner):
		return fault.New(fault.Invalid, "%q is no owner: expected user or user:group", want.Owner)
	case want.Mode != "" && !modeForm.MatchString(want.Mode):
		return fault.New(fault.Invalid, "%q is no mode: expected octal digits such as 0755", want.Mode)
	case v.request.Bytes <= 0:
		return fault.New(fault.Invalid, "the size of the disk is missing")
	}
	return nil
}

const ownerScript = `getent passwd "$1" >/dev/null || { echo "user $1 does not exist"; exit 67; }
if [ -n "$2" ]; then getent group "$2" >/dev/null || { echo "group $2 does not exist"; exit 67; }; fi
`

// ownerExists asks before anything is written.
func (m *machine) ownerExists(ctx context.Context, owner string) error {
	user, group, _ := strings.Cut(owner, ":")
	if user == "" || (user == spec.DefaultOwner && (group == "" || group == spec.DefaultOwner)) {
		return nil
	}
	_, err := m.output(ctx, "looking for "+owner, ownerScript, user, group)
	return err
}

// free checks what no state of this operation excuses: another size, another kind, mounted elsewhere.
func (v *volume) free(ctx context.Context, d *disk) error {
	want := v.request
	if d.kind != "disk" && d.kind != "loop" { // Guests that are containers have loop devices.
		return v.refuse(d, "it is a %s, no disk", d.kind)
	}
	if d.size != want.Bytes {
		return v.refuse(d, "it has %d bytes, expected %d", d.size, want.Bytes)
	}
	for _, mount := range d.mounts {
		if mount != want.Volume.Mount || !d.holds(want.Volume.Filesystem, v.uuid) {
			return v.refuse(d, "it is mounted at %s", mount)
		}
	}
	source, err := v.mounted(ctx)
	if err != nil {
		return err
	}
	if source != "" && len(d.mounts) == 0 && source != d.device {
		return fault.New(fault.Conflict, "%s on %s is in use by %s", want.Volume.Mount, v.host.Name, source)
	}
	table, err := v.output(ctx, "reading fstab", `if [ -e /etc/fstab ]; then exec cat /etc/fstab; fi`)
	if err != nil {
		return err
	}
	_, err = withMount(table, v.uuid, want.Volume.Mount, "")
	return err
}

// mounted returns what is mounted at the mount point, or "".
func (v *volume) mounted(ctx context.Context) (string, error) {
	r, err := v.read(ctx, `findmnt -n -o SOURCE --mountpoint "$1" || true`, v.request.Volume.Mount)
	if err != nil {
		return "", fault.Wrap(fault.KindOf(err), err, "looking at "+v.request.Volume.Mount)
	}
	lines := strings.Fields(string(r.Stdout))
	if len(lines) == 0 {
		return "", nil
	}
	return lines[len(lines)-1], nil // The topmost of several.
}

func (v *volume) refuse(d *disk, format string, args ...any) error {
	return fault.New(fault.Conflict, "%s on %s: %s: nothing is written to it", d.link, v.host.Name, fmt.Sprintf(format, args...))
}

func (v *volume) marker() string { return path.Join(stateDir, v.uuid+".mkfs") }

// formatScript makes the file system. What was seen before it got the lock may be old, so it looks again: an earlier
// attempt may have formatted the disk meanwhile, and its file system may hold data by now.
//
// $1 device, $2 UUID, $3 type, $4 marker, $5 "redo" for one of ours that was left half made.
const formatScript = `set -eu
if [ "$5" = redo ]; then
  if [ ! -e "$4" ]; then echo "another attempt has finished it" >&2; exit 76; fi
elif [ -n "$(wipefs -n "$1")" ]; then
  echo "something is on it by now" >&2; exit 76
fi
mkdir -p /var/lib/fermata
printf '%s\n' "$1" > "$4"
sync
case "$3$5" in
  ext4*) mkfs.ext4 -q -U "$2" "$1" ;;
  xfs) mkfs.xfs -q -m "uuid=$2" "$1" ;;
  xfsredo) mkfs.xfs -q -m "uuid=$2" -f "$1" ;;
esac
sync
rm -f "$4"
`

// format makes the file system if it is not there, and reports whether it did.
func (v *volume) format(ctx context.Context, d *disk) (bool, error) {
	fstype := v.request.Volume.Filesystem
	begun, err := v.output(ctx, "looking for an interrupted mkfs", `if [ -e "$1" ]; then echo yes; fi`, v.marker())
	if err != nil {
		return false, err
	}
	redo := ""
	switch {
	case begun == "" && d.holds(fstype, v.uuid):
		return false, nil
	case !v.op.Key.SameRun(v.request.DiskKey):
		return false, v.refuse(d, "the disk was made under %q, not by this run", v.request.DiskKey)
	case len(d.mounts) > 0:
		return false, v.refuse(d, "it is mounted at %s", strings.Join(d.mounts, ", "))
	case begun != "" && d.onlyOurs(v.uuid):
		redo = "redo"
	case !d.blank():
		return false, v.refuse(d, "it holds %s", d.contents())
	}
	v.said.Say("making " + fstype)
	if err := v.make(ctx, d, redo); err != nil {
		return false, err
	}
	return true, v.verify(ctx)
}

func (v *volume) make(ctx context.Context, d *disk, redo string) error {
	r, err := v.change(ctx, nil, formatScript, d.device, v.uuid, v.request.Volume.Filesystem, v.marker(), redo)
	switch {
	case err != nil:
		return fault.Wrap(fault.KindOf(err), err, "making a file system on "+d.link)
	case r.Exit == 0:
		return nil
	case r.Exit == 76: // The next attempt sees what is there now.
		return fault.New(fault.Unavailable, "making a file system on %s on %s: %s", d.link, v.host.Name, r.Text())
	case r.Exit == 127:
		return fault.New(fault.Invalid, "%s has no mkfs.%s: install it in the template", v.host.Name, v.request.Volume.Filesystem)
	}
	return fault.New(fault.Conflict, "making a file system on %s on %s: %s", d.link, v.host.Name, r.Text())
}

// verify reads back what mkfs left.
func (v *volume) verify(ctx context.Context) error {
	d, err := v.disk(ctx, v.request.DiskUUID)
	if err != nil {
		return err
	}
	if !d.holds(v.request.Volume.Filesystem, v.uuid) {
		return v.refuse(d, "after formatting it holds %s, expected %s %q", d.contents(), v.request.Volume.Filesystem, v.uuid)
	}
	return nil
}

package linux

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"fermata/activities/fault"
)

// disk is what a guest tells about one of its disks.
type disk struct {
	link   string // Path under /dev/disk/by-id.
	device string // Where the link leads at this moment; never remembered.

	size   int64
	kind   string   // lsblk's TYPE.
	parts  []string // Partitions and what else is on top of it.
	mounts []string

	signatures []signature
	probed     map[string]string // blkid -p -o export.
}

// signature is one that wipefs sees.
type signature struct {
	Offset string `json:"offset"`
	Type   string `json:"type"`
	UUID   string `json:"uuid"`
}

var (
	diskUUID   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	diskSerial = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{7,39}$`)
)

// findScript prints the first of the links that is there, and the device that it leads to.
const findScript = `for link; do
  if [ -e "$link" ]; then echo "$link"; readlink -f "$link"; exit 0; fi
done
exit 66
`

const noInput = 66 // EX_NOINPUT of sysexits.h.

// linksOf are udev's names (60-persistent-storage.rules) of the disk that a platform calls id: a UUID is the page 0x83 identifier of
// a SCSI disk, which vSphere shows with disk.EnableUUID; any other id is the serial number that a cloud gives a virtio, a
// virtio-scsi or an NVMe disk.
func linksOf(id string) ([]string, error) {
	if uuid := strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(id, "-", ""), " ", "")); diskUUID.MatchString(uuid) {
		return byID("wwn-0x"+uuid, "scsi-3"+uuid), nil
	}
	if diskSerial.MatchString(id) {
		return byID("virtio-"+id, "scsi-0QEMU_QEMU_HARDDISK_"+id, "nvme-Amazon_Elastic_Block_Store_"+id), nil
	}
	return nil, fault.New(fault.Invalid, "finding a disk: %q is neither the UUID nor the serial number of a disk", id)
}

func byID(names ...string) []string {
	for i, name := range names {
		names[i] = "/dev/disk/by-id/" + name
	}
	return names
}

func (m *machine) disk(ctx context.Context, uuid string) (*disk, error) {
	links, err := linksOf(uuid)
	if err != nil {
		return nil, err
	}
	r, err := m.read(ctx, findScript, links...)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "finding disk "+uuid)
	}
	lines := strings.Fields(string(r.Stdout))
	if r.Exit == noInput || len(lines) != 2 {
		return nil, fault.New(fault.NotFound, "%s has no disk %s under /dev/disk/by-id (in vSphere: is disk.EnableUUID set?)", m.host.Name, uuid)
	}
	d := &disk{link: lines[0], device: lines[1]}
	if err := m.listBlocks(ctx, d); err != nil {
		return nil, err
	}
	if err := m.listSignatures(ctx, d); err != nil {
		return nil, err
	}
	return d, m.probe(ctx, d)
}

// block is a row of lsblk --json. Older ones write numbers as text.
type block struct {
	Path       string      `json:"path"`
	Size       json.Number `json:"size"`
	Type       string      `json:"type"`
	FSType     string      `json:"fstype"`
	Mountpoint string      `json:"mountpoint"`
	Children   []block     `json:"children"`
}

func (m *machine) listBlocks(ctx context.Context, d *disk) error {
	doing := "looking at " + d.link
	out, err := m.output(ctx, doing, `exec lsblk --json -b -o NAME,PATH,SIZE,TYPE,FSTYPE,UUID,MOUNTPOINT "$1"`, d.device)
	if err != nil {
		return err
	}
	root, err := parseBlocks(out)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, doing)
	}
	if d.size, err = root.Size.Int64(); err != nil {
		return fault.Wrap(fault.Invalid, err, doing+": reading its size")
	}
	d.kind = root.Type
	d.collect(root)
	return nil
}

func parseBlocks(out string) (block, error) {
	var list struct {
		Devices []block `json:"blockdevices"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return block{}, fmt.Errorf("reading the answer of lsblk: %w", err)
	}
	if len(list.Devices) != 1 {
		return block{}, fmt.Errorf("lsblk tells of %d devices, expected 1", len(list.Devices))
	}
	return list.Devices[0], nil
}

func (d *disk) collect(b block) {
	if b.Mountpoint != "" {
		d.mounts = append(d.mounts, b.Mountpoint)
	}
	for _, child := range b.Children {
		d.parts = append(d.parts, child.Path)
		d.collect(child)
	}
}

func (m *machine) listSignatures(ctx context.Context, d *disk) error {
	out, err := m.output(ctx, "looking for signatures on "+d.link, `exec wipefs -n --json "$1"`, d.device)
	if err != nil {
		return err
	}
	d.signatures, err = parseSignatures(out)
	return fault.Wrap(fault.Invalid, err, "looking for signatures on "+d.link)
}

// parseSignatures reads wipefs --json, which says nothing at all about a blank disk.
func parseSignatures(out string) ([]signature, error) {
	if out == "" {
		return nil, nil
	}
	var list struct {
		Signatures []signature `json:"signatures"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("reading the answer of wipefs: %w", err)
	}
	return list.Signatures, nil
}

// nothingFound is blkid's status for a device on which it sees nothing.
const nothingFound = 2

func (m *machine) probe(ctx context.Context, d *disk) error {
	r, err := m.read(ctx, `exec blkid -p -o export "$1"`, d.device)
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "probing "+d.link)
	}
	if r.Exit != 0 && r.Exit != nothingFound {
		// 8: several things that contradict each other. Somebody's data, in any case.
		return fault.New(fault.Conflict, "%s on %s: blkid cannot tell what is on it (status %d): nothing is written to it",
			d.link, m.host.Name, r.Exit)
	}
	d.probed = parseExport(string(r.Stdout))
	return nil
}

func parseExport(out string) map[string]string {
	values := map[string]string{}
	for _, line := range strings.Split(out, "\n") {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && name != "DEVNAME" {
			values[name] = value
		}
	}
	return values
}

// blank reports whether neither wipefs nor blkid nor lsblk sees anything.
func (d *disk) blank() bool {
	return len(d.signatures) == 0 && len(d.parts) == 0 &&
		d.probed["TYPE"] == "" && d.probed["PTTYPE"] == "" && d.probed["USAGE"] == ""
}

// holds reports whether the file system of ours is on it, and nothing else.
func (d *disk) holds(fstype, uuid string) bool {
	return len(d.parts) == 0 && d.probed["TYPE"] == fstype && strings.EqualFold(d.probed["UUID"], uuid)
}

// onlyOurs reports whether what is seen was begun under our UUID: what mkfs leaves when it is killed.
func (d *disk) onlyOurs(uuid string) bool {
	if len(d.parts) > 0 || d.probed["PTTYPE"] != "" {
		return false
	}
	if d.probed["TYPE"] != "" && !strings.EqualFold(d.probed["UUID"], uuid) {
		return false
	}
	for _, s := range d.signatures {
		if !strings.EqualFold(s.UUID, uuid) {
			return false
		}
	}
	return true
}

// contents says what is on a disk, for people.
func (d *disk) contents() string {
	switch {
	case len(d.parts) > 0:
		return "partitions (" + strings.Join(d.parts, ", ") + ")"
	case d.probed["TYPE"] != "":
		return d.probed["TYPE"] + " " + strconv.Quote(d.probed["UUID"])
	case d.probed["PTTYPE"] != "":
		return "a partition table (" + d.probed["PTTYPE"] + ")"
	}
	var types []string
	for _, s := range d.signatures {
		types = append(types, s.Type)
	}
	return "signatures of " + strings.Join(types, ", ")
}

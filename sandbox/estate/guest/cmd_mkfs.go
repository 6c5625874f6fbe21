package guest

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
)

// mkfs makes mkfs.ext4 and mkfs.xfs.
func mkfs(kind string) Command {
	spec := map[string]string{"ext4": "q F U: L: m: E: t: b: i: v", "xfs": "q f L: m: K b: d: i: l: n: s:"}[kind]
	return func(_ context.Context, c Call) int {
		f, err := getopt(c.Args[1:], spec)
		if err != nil || len(f.args) != 1 {
			return c.Fail(1, "Usage: mkfs.%s [options] device", kind)
		}
		id := f.value("U")
		if kind == "xfs" {
			id = strings.TrimPrefix(f.value("m"), "uuid=")
		}
		if id == "" || id == "random" {
			id = uuid.NewString()
		}
		parsed, err := uuid.Parse(id)
		if err != nil || len(id) != 36 {
			return c.Fail(1, "bad UUID %q", id)
		}
		d, ok := c.Machine.device(c.files(), c.Path(f.args[0]))
		what := content{}
		if ok {
			what = c.Machine.contentOf(d)
		}
		switch {
		case !ok:
			return c.Fail(1, "The file %s does not exist and no size was specified.", f.args[0])
		case !c.Root():
			return c.Fail(1, "Permission denied while trying to determine filesystem size")
		case c.Machine.inUse(d):
			return c.Fail(1, "%s is mounted; will not make a filesystem here!", f.args[0])
		case kind == "xfs" && what.Type != "" && !f.has("f"):
			return c.Fail(1, "%s appears to contain an existing filesystem (%s).\nmkfs.xfs: Use the -f option to force overwrite.", f.args[0], what.Type)
		case d.bytes < 16*mebibyte:
			return c.Fail(1, "Not enough space to build proposed filesystem while setting up superblock")
		}
		// mkfs.ext4 asks before it overwrites only on a terminal: in a script it just does, so here too.
		made := &content{Type: kind, UUID: parsed.String(), Label: f.value("L"), Bytes: d.bytes}
		if err := c.Machine.wipe(d, made); err != nil {
			return c.Fail(1, "%v", err)
		}
		if !f.has("q") {
			c.Print("Filesystem UUID: %s\n", made.UUID)
		}
		return 0
	}
}

func (m *Machine) inUse(d device) bool { return d.disk.System || m.mountpoint(d) != "" }

// wipe removes what is on a disk, and writes something else if next is given.
func (m *Machine) wipe(d device, next *content) error {
	old := m.contentOf(d)
	m.change(func(s *state) {
		delete(s.Contents, d.disk.UUID)
		if next != nil {
			s.Contents[d.disk.UUID] = next
		}
	})
	gone := []string{old.UUID}
	if next != nil {
		gone = append(gone, next.UUID)
	}
	for _, id := range gone {
		if uuid.Validate(id) != nil { // The names of folders are UUIDs and nothing else.
			continue
		}
		if err := os.RemoveAll(m.folder("disks", id)); err != nil {
			return fmt.Errorf("emptying the disk: %w", err)
		}
	}
	return m.makeDevices()
}

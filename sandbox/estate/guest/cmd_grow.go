package guest

import (
	"context"
	"strings"
)

// growCommands tell how large file systems are, and make them larger.
func growCommands() map[string]Command {
	return map[string]Command{"dumpe2fs": dumpe2fs, "resize2fs": resize2fs, "xfs_info": xfsInfo, "xfs_growfs": xfsGrowfs}
}

// block is the size of a block of the file systems that mkfs makes here.
const block = 4096

// dumpe2fs prints the head of what the real one prints of a superblock.
func dumpe2fs(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "h")
	if err != nil || len(f.args) != 1 {
		return c.Fail(1, "Usage: dumpe2fs [-h] device")
	}
	d, what, code := c.filesystem(f.args[0], "ext4")
	if code != 0 {
		return code
	}
	c.Print("Filesystem volume name:   %s\nFilesystem UUID:          %s\nFilesystem magic number:  0xEF53\nBlock count:              %d\nBlock size:               %d\n",
		cmpOr(what.Label, "<none>"), what.UUID, what.covers(d)/block, block)
	return 0
}

// resize2fs makes an ext4 as large as its device, or says that it is so already.
func resize2fs(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "f F p")
	if err != nil || len(f.args) != 1 {
		return c.Fail(1, "Usage: resize2fs [-f] [-F] [-p] device")
	}
	d, what, code := c.filesystem(f.args[0], "ext4")
	if code != 0 {
		return code
	}
	if what.covers(d) == d.bytes {
		c.Print("The filesystem is already %d (4k) blocks long.  Nothing to do!\n\n", d.bytes/block)
		return 0
	}
	c.Machine.cover(d)
	c.Print("The filesystem on %s is now %d (4k) blocks long.\n\n", f.args[0], d.bytes/block)
	return 0
}

// xfsInfo prints the line of xfs_info that holds the size of the data section. It takes a mount point.
func xfsInfo(_ context.Context, c Call) int {
	d, what, code := c.mountedXFS()
	if code == 0 {
		c.Print("meta-data=%s isize=512 agcount=4, agsize=%d blks\ndata     =                       bsize=%d   blocks=%d, imaxpct=25\n",
			d.path(), what.covers(d)/block/4, block, what.covers(d)/block)
	}
	return code
}

// xfsGrowfs makes an xfs as large as its device. It takes a mount point.
func xfsGrowfs(_ context.Context, c Call) int {
	d, what, code := c.mountedXFS()
	if code != 0 {
		return code
	}
	if old := what.covers(d); old != d.bytes {
		c.Machine.cover(d)
		c.Print("data blocks changed from %d to %d\n", old/block, d.bytes/block)
	}
	return 0
}

// filesystem finds the file system of that kind on a device, or refuses as the programs of e2fsprogs do.
func (c Call) filesystem(name, kind string) (device, content, int) {
	d, ok := c.Machine.device(c.files(), c.Path(name))
	switch {
	case !ok:
		return d, content{}, c.Fail(1, "No such file or directory while trying to open %s", name)
	case !c.Root():
		return d, content{}, c.Fail(1, "Permission denied while trying to open %s", name)
	}
	what := c.Machine.filesystemOf(d)
	if what.Type != kind {
		return d, what, c.Fail(1, "Bad magic number in super-block while trying to open %s", name)
	}
	return d, what, 0
}

func (c Call) mountedXFS() (device, content, int) {
	if len(c.Args) != 2 || strings.HasPrefix(c.Args[1], "-") {
		return device{}, content{}, c.Fail(1, "Usage: %s mountpoint", c.Args[0])
	}
	for _, d := range c.Machine.devices() {
		what := c.Machine.filesystemOf(d)
		if what.Type != "xfs" || c.Machine.mountpoint(d) != c.Path(c.Args[1]) {
			continue
		}
		if !c.Root() {
			return d, what, c.Fail(1, "cannot open %s: Permission denied", d.path())
		}
		return d, what, 0
	}
	return device{}, content{}, c.Fail(1, "%s is not a mounted XFS filesystem", c.Args[1])
}

// covers is how many bytes of its device a file system covers.
func (c content) covers(d device) int64 {
	if c.Bytes == 0 {
		return d.bytes // Written before sizes were kept.
	}
	return c.Bytes
}

// cover makes the file system as large as its device.
func (m *Machine) cover(d device) {
	m.change(func(s *state) {
		if what := s.Contents[d.disk.UUID]; what != nil {
			what.Bytes = d.bytes
		}
	})
}

package guest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// mountCommands mount and tell what is mounted.
func mountCommands() map[string]Command {
	return map[string]Command{"mount": mountCommand, "umount": umount, "findmnt": findmnt, "mountpoint": mountpoint, "df": df}
}

func mountCommand(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "t: types: o: options: a all v")
	if err != nil {
		return c.usage(1, err)
	}
	m := c.Machine
	if len(c.Args) == 1 {
		for _, row := range m.mountRows() {
			c.Print("%s on %s type %s (%s)\n", row["source"], row["target"], row["fstype"], row["options"])
		}
		return 0
	}
	if !c.Root() {
		return c.Fail(1, "%s: must be superuser to use mount.", strings.Join(f.args, " "))
	}
	switch {
	case f.has("a", "all"):
		err = m.mountAll(false)
	case len(f.args) == 1:
		err = m.mountNamed(c, f.args[0])
	case len(f.args) == 2:
		d, ok := m.findSpec(f.args[0])
		if !ok {
			err = &mountError{32, fmt.Sprintf("mount: %s: special device %s does not exist.", f.args[1], f.args[0])}
			break
		}
		err = m.attach(d, c.Path(f.args[1]), f.value("t", "types"), cmpOr(f.value("o", "options"), "defaults"))
	default:
		return c.Fail(1, "bad usage")
	}
	return mountFailure(c, err)
}

func mountFailure(c Call, err error) int {
	var refused *mountError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &refused):
		fmt.Fprintln(c.Stderr, err)
		return refused.code
	}
	return c.Fail(32, "%s", reason(err))
}

// mountNamed mounts what fstab says of a mount point or a device.
func (m *Machine) mountNamed(c Call, name string) error {
	for _, line := range m.fstab() {
		if line.spec == name || line.target == path.Clean(c.Path(name)) {
			return m.mountLine(line)
		}
	}
	return &mountError{1, fmt.Sprintf("mount: %s: can't find in /etc/fstab.", name)}
}

func umount(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "l lazy f force R")
	if err != nil {
		return c.usage(1, err)
	}
	if !c.Root() {
		return c.Fail(32, "%s: must be superuser to unmount.", strings.Join(f.args, " "))
	}
	code := 0
	for _, name := range f.args {
		target := path.Clean(c.Path(name))
		if p, err := c.files().find("umount", target, true); err == nil {
			target = p.path
		}
		if d, ok := c.Machine.device(c.files(), target); ok {
			target = cmpOr(c.Machine.mountpoint(d), target)
		}
		if got := mountFailure(c, c.Machine.detach(target)); got != 0 {
			code = got
		}
	}
	return code
}

// mountRows is the table of mounts, the root first.
func (m *Machine) mountRows() []map[string]string {
	var rows []map[string]string
	names := map[string]string{}
	for _, d := range m.devices() {
		names[d.disk.UUID] = d.path()
		if d.partition {
			rows = append(rows, map[string]string{"target": "/", "source": d.path(), "fstype": "ext4", "options": "rw,relatime,errors=remount-ro", "uuid": systemUUID})
		}
	}
	for _, mounted := range m.files.mounted() {
		rows = append(rows, map[string]string{
			"target": mounted.Target, "source": names[mounted.Disk], "fstype": mounted.Type, "options": "rw,relatime", "uuid": mounted.UUID,
		})
	}
	return rows
}

func findmnt(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "J json n noheadings o: output: M: mountpoint: T: target: S: source: l list r raw b")
	if err != nil {
		return c.usage(1, err)
	}
	columns := strings.Split(strings.ToLower(cmpOr(f.value("o", "output"), "target,source,fstype,options")), ",")
	rows := slices.DeleteFunc(c.Machine.mountRows(), func(row map[string]string) bool { return !c.mountWanted(f, row) })
	if f.has("T", "target") && len(rows) > 1 { // The mount that holds a path is the deepest one.
		slices.SortStableFunc(rows, func(a, b map[string]string) int { return len(b["target"]) - len(a["target"]) })
		rows = rows[:1]
	}
	if len(rows) == 0 {
		return 1
	}
	if f.has("J", "json") {
		var list []any
		for _, row := range rows {
			var object pairs
			for _, column := range columns {
				object = append(object, [2]any{column, row[column]})
			}
			list = append(list, object)
		}
		return c.printJSON(pairs{{"filesystems", list}})
	}
	if !f.has("n", "noheadings") {
		c.Print("%s\n", strings.ToUpper(strings.Join(columns, " ")))
	}
	for _, row := range rows {
		var words []string
		for _, column := range columns {
			words = append(words, row[column])
		}
		c.Print("%s\n", strings.Join(words, " "))
	}
	return 0
}

func (c Call) mountWanted(f flags, row map[string]string) bool {
	if name := f.value("M", "mountpoint"); name != "" && path.Clean(c.Path(name)) != row["target"] {
		return false
	}
	if name := f.value("T", "target"); name != "" {
		p, err := c.files().find("findmnt", c.Path(name), true)
		return err == nil && within(p.path, row["target"])
	}
	source := f.value("S", "source")
	for _, operand := range f.args {
		if path.Clean(c.Path(operand)) == row["target"] {
			continue
		}
		source = operand
	}
	if source == "" {
		return true
	}
	d, ok := c.Machine.findSpec(source)
	return ok && d.path() == row["source"]
}

func mountpoint(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "q quiet d")
	if err != nil || len(f.args) != 1 {
		return c.Fail(1, "bad usage")
	}
	target := path.Clean(c.Path(f.args[0]))
	is := target == "/" || c.Machine.mountedAt(target)
	if !f.has("q", "quiet") {
		c.Print("%s is %sa mountpoint\n", f.args[0], map[bool]string{false: "not "}[is])
	}
	return map[bool]int{true: 0, false: 32}[is]
}

func df(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "h k P T B: output?")
	if err != nil {
		return c.usage(1, err)
	}
	c.Print("Filesystem 1K-blocks Used Available Use%% Mounted on\n")
	for _, d := range c.Machine.devices() {
		at := c.Machine.mountpoint(d)
		if at == "" || len(f.args) > 0 && !slices.ContainsFunc(f.args, func(name string) bool { return path.Clean(c.Path(name)) == at }) {
			continue
		}
		c.Print("%s %d 0 %d 0%% %s\n", d.path(), d.bytes>>10, d.bytes>>10, at)
	}
	return 0
}

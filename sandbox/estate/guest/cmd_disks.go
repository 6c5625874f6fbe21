package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// diskCommands look at disks and make file systems.
func diskCommands() map[string]Command {
	return map[string]Command{
		"lsblk": lsblk, "blkid": blkid, "wipefs": wipefs, "sfdisk": sfdisk, "mkfs.ext4": mkfs("ext4"), "mkfs.xfs": mkfs("xfs"), "blockdev": blockdev,
		"partprobe": func(context.Context, Call) int { return 0 },
		"udevadm":   func(context.Context, Call) int { return 0 },
	}
}

// pairs is a JSON object that keeps its order.
type pairs [][2]any

// MarshalJSON writes the members in their order.
func (p pairs) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, pair := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(pair[0])
		if err != nil {
			return nil, fmt.Errorf("encoding a name: %w", err)
		}
		value, err := json.Marshal(pair[1])
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", key, err)
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func (c Call) printJSON(value any) int {
	data, err := json.MarshalIndent(value, "", "   ")
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	c.Print("%s\n", data)
	return 0
}

func lsblk(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "J json b bytes o: output: n noheadings p paths d nodeps r raw l list a all f fs")
	if err != nil {
		return c.usage(1, err)
	}
	columns := strings.Split(strings.ToLower(cmpOr(f.value("o", "output"), "name,maj:min,rm,size,ro,type,mountpoint")), ",")
	for _, column := range columns {
		if _, ok := c.Machine.column(device{}, column, f); !ok {
			return c.Fail(1, "unknown column: %s", strings.ToUpper(column))
		}
	}
	all := c.Machine.devices()
	var roots []device
	for _, name := range f.args {
		d, ok := c.Machine.device(c.files(), c.Path(name))
		if !ok {
			return c.Fail(32, "%s: not a block device", name)
		}
		roots = append(roots, d)
	}
	if len(f.args) == 0 {
		roots = slices.DeleteFunc(slices.Clone(all), func(d device) bool { return d.partition })
	}
	var list []any
	for _, d := range roots {
		list = append(list, c.block(f, d, all, columns))
	}
	if f.has("J", "json") {
		return c.printJSON(pairs{{"blockdevices", list}})
	}
	if !f.has("n", "noheadings") {
		c.Print("%s\n", strings.ToUpper(strings.Join(columns, " ")))
	}
	for _, d := range all {
		if shown := slices.ContainsFunc(roots, func(r device) bool { return r.disk.UUID == d.disk.UUID && (d.partition || r.name == d.name) }); !shown || d.partition && f.has("d", "nodeps") {
			continue
		}
		var words []string
		for _, column := range columns {
			value, _ := c.Machine.column(d, column, f)
			if value == nil {
				value = ""
			}
			words = append(words, fmt.Sprint(value))
		}
		c.Print("%s\n", strings.TrimRight(strings.Join(words, " "), " "))
	}
	return 0
}

// block is a device with its partition below it.
func (c Call) block(f flags, d device, all []device, columns []string) pairs {
	var object pairs
	for _, column := range columns {
		value, _ := c.Machine.column(d, column, f)
		object = append(object, [2]any{column, value})
	}
	if d.partition || f.has("d", "nodeps") {
		return object
	}
	var children []any
	for _, child := range all {
		if child.partition && child.disk.UUID == d.disk.UUID {
			children = append(children, c.block(f, child, all, columns))
		}
	}
	if len(children) > 0 {
		object = append(object, [2]any{"children", children})
	}
	return object
}

// column is one of lsblk's columns; nil: empty.
func (m *Machine) column(d device, name string, f flags) (any, bool) {
	text := func(value string) any {
		if value == "" {
			return nil
		}
		return value
	}
	c := content{}
	if d.name != "" {
		c = m.contentOf(d)
	}
	fs := c
	if c.table() {
		fs = content{}
	}
	switch name {
	case "name", "kname":
		if f.has("p", "paths") {
			return d.path(), true
		}
		return d.name, true
	case "path":
		return d.path(), true
	case "size":
		if f.has("b", "bytes") {
			return d.bytes, true
		}
		return human(d.bytes), true
	case "type":
		return map[bool]string{true: "part", false: "disk"}[d.partition], true
	case "fstype":
		return text(fs.Type), true
	case "uuid":
		return text(fs.UUID), true
	case "label":
		return text(fs.Label), true
	case "pttype":
		return text(map[bool]string{true: c.Type}[c.table()]), true
	case "ptuuid":
		return text(map[bool]string{true: c.UUID}[c.table()]), true
	case "mountpoint":
		return text(m.mountpoint(d)), true
	case "mountpoints":
		return []any{text(m.mountpoint(d))}, true
	case "serial":
		return text(d.serial()), true
	case "wwn":
		return text("0x" + d.serial()), true
	case "model":
		return "Virtual disk", true
	case "vendor":
		return "VMware", true
	case "ro", "rm":
		return false, true
	case "rota":
		return true, true
	case "maj:min":
		return "8:0", true
	}
	return nil, false
}

func human(bytes int64) string {
	units := "BKMGT"
	n := float64(bytes)
	for len(units) > 1 && n >= 1024 {
		n, units = n/1024, units[1:]
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") + units[:1]
}

func (m *Machine) mountpoint(d device) string {
	if d.partition {
		return "/"
	}
	for _, mounted := range m.files.mounted() {
		if mounted.Disk == d.disk.UUID && !d.disk.System {
			return mounted.Target
		}
	}
	return ""
}

func blkid(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "p probe o: output: s: match-tag: c: cache-file: g U: uuid: L: label:")
	if err != nil {
		return c.usage(4, err)
	}
	if f.has("U", "uuid", "L", "label") {
		spec := "UUID=" + f.value("U", "uuid")
		if f.has("L", "label") {
			spec = "LABEL=" + f.value("L", "label")
		}
		d, ok := c.Machine.findSpec(spec)
		if !ok {
			return 2
		}
		c.Print("%s\n", d.path())
		return 0
	}
	wanted := c.Machine.devices()
	if len(f.args) > 0 {
		wanted = nil
	}
	for _, name := range f.args {
		d, ok := c.Machine.device(c.files(), c.Path(name))
		if !ok {
			return c.Fail(2, "error: %s: No such file or directory", name)
		}
		if !c.Root() {
			return c.Fail(2, "error: %s: Permission denied", name)
		}
		wanted = append(wanted, d)
	}
	found := 2
	for _, d := range wanted {
		tags := c.Machine.tags(d, f.has("p", "probe"))
		if only := append(f.values["s"], f.values["match-tag"]...); len(only) > 0 {
			tags = slices.DeleteFunc(tags, func(t [2]string) bool { return !slices.Contains(only, t[0]) })
		}
		if len(tags) == 0 {
			continue
		}
		found = 0
		c.printTags(d, f.value("o", "output"), tags)
	}
	return found
}

func (m *Machine) tags(d device, probe bool) [][2]string {
	c := m.contentOf(d)
	if c.Type == "" {
		return nil
	}
	if c.table() {
		return [][2]string{{"PTUUID", c.UUID}, {"PTTYPE", c.Type}}
	}
	var tags [][2]string
	if c.Label != "" {
		tags = append(tags, [2]string{"LABEL", c.Label})
	}
	tags = append(tags, [2]string{"UUID", c.UUID}, [2]string{"BLOCK_SIZE", "4096"}, [2]string{"TYPE", c.Type})
	if probe {
		usage := map[string]string{"swap": "other", "LVM2_member": "raid"}[c.Type]
		tags = append(tags, [2]string{"USAGE", cmpOr(usage, "filesystem")})
	}
	return tags
}

func (c Call) printTags(d device, form string, tags [][2]string) {
	switch form {
	case "export":
		c.Print("DEVNAME=%s\n", d.path())
		for _, tag := range tags {
			c.Print("%s=%s\n", tag[0], tag[1])
		}
	case "value":
		for _, tag := range tags {
			c.Print("%s\n", tag[1])
		}
	default:
		c.Print("%s:", d.path())
		for _, tag := range tags {
			c.Print(" %s=%q", tag[0], tag[1])
		}
		c.Print("\n")
	}
}

func wipefs(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "n no-act J json a all f force q quiet i noheadings")
	if err != nil {
		return c.usage(1, err)
	}
	var list []any
	for _, name := range f.args {
		d, ok := c.Machine.device(c.files(), c.Path(name))
		switch {
		case !ok:
			return c.Fail(1, "error: %s: probing initialization failed: No such file or directory", name)
		case !c.Root():
			return c.Fail(1, "error: %s: probing initialization failed: Permission denied", name)
		case f.has("a", "all") && !f.has("n", "no-act"):
			if c.Machine.inUse(d) {
				return c.Fail(1, "error: %s: probing initialization failed: Device or resource busy", name)
			}
			if err := c.Machine.wipe(d, nil); err != nil {
				return c.Fail(1, "%v", err)
			}
			continue
		}
		if what := c.Machine.contentOf(d); what.Type != "" {
			offset := map[string]string{"ext4": "0x438", "xfs": "0x0", "swap": "0xff6", "LVM2_member": "0x218", "gpt": "0x200", "dos": "0x1fe"}[what.Type]
			list = append(list, pairs{{"device", d.name}, {"offset", offset}, {"type", what.Type}, {"uuid", what.UUID}, {"label", nil}})
			if !f.has("J", "json") {
				if len(list) == 1 && !f.has("i", "noheadings") {
					c.Print("DEVICE OFFSET TYPE UUID LABEL\n")
				}
				c.Print("%-6s %-6s %s %s %s\n", d.name, offset, what.Type, what.UUID, what.Label)
			}
		}
	}
	if f.has("J", "json") && len(list) > 0 {
		return c.printJSON(pairs{{"signatures", list}})
	}
	return 0
}

func sfdisk(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "d dump J json l list")
	if err != nil || len(f.args) != 1 {
		return c.Fail(1, "bad usage")
	}
	d, ok := c.Machine.device(c.files(), c.Path(f.args[0]))
	if !ok {
		return c.Fail(1, "cannot open %s: No such file or directory", f.args[0])
	}
	if !c.Root() {
		return c.Fail(1, "cannot open %s: Permission denied", f.args[0])
	}
	what := c.Machine.contentOf(d)
	if !what.table() {
		return c.Fail(1, "%s: does not contain a recognized partition table", f.args[0])
	}
	if f.has("J", "json") {
		return c.printJSON(pairs{{"partitiontable", pairs{{"label", what.Type}, {"id", what.UUID}, {"device", d.path()}, {"unit", "sectors"}}}})
	}
	c.Print("label: %s\nlabel-id: %s\ndevice: %s\nunit: sectors\n\n", what.Type, what.UUID, d.path())
	return 0
}

func blockdev(_ context.Context, c Call) int {
	if len(c.Args) != 3 || c.Args[1] != "--getsize64" {
		return c.Fail(1, "Unknown command: %s", strings.Join(c.Args[1:], " "))
	}
	d, ok := c.Machine.device(c.files(), c.Path(c.Args[2]))
	if !ok {
		return c.Fail(1, "cannot open %s: No such file or directory", c.Args[2])
	}
	c.Print("%d\n", d.bytes)
	return 0
}

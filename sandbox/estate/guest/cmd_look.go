package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// lookCommands read and set what is known about files.
func lookCommands() map[string]Command {
	return map[string]Command{
		"ls": ls, "stat": stat, "chmod": chmod, "chown": chown, "chgrp": chown, "readlink": readlink, "realpath": realpath,
		"basename": basename, "dirname": dirname,
	}
}

func ls(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "1 a A l d n all almost-all")
	if err != nil {
		return c.usage(2, err)
	}
	if len(f.args) == 0 {
		f.args = []string{"."}
	}
	code := 0
	for n, name := range f.args {
		i, err := c.files().lstat(c.Path(name))
		if err == nil && i.Mode()&fs.ModeSymlink != 0 && !f.has("l", "d") {
			i, err = c.files().stat(c.Path(name))
		}
		if err != nil {
			code = c.Fail(2, "cannot access '%s': %s", name, reason(err))
			continue
		}
		if !i.IsDir() || f.has("d") {
			c.listOne(f, name, c.Path(name), i)
			continue
		}
		entries, err := c.files().readDir(c.Path(name))
		if err != nil {
			code = c.Fail(2, "cannot open directory '%s': %s", name, reason(err))
			continue
		}
		if len(f.args) > 1 {
			c.Print("%s%s:\n", strings.Repeat("\n", min(n, 1)), name)
		}
		for _, entry := range entries {
			if i, err := entry.Info(); err == nil && (entry.Name()[0] != '.' || f.has("a", "A", "all", "almost-all")) {
				c.listOne(f, entry.Name(), path.Join(c.Path(name), entry.Name()), i.(*info)) //nolint:forcetypeassert // readDir gives ours.
			}
		}
	}
	return code
}

func (c Call) listOne(f flags, name, at string, i *info) {
	if !f.has("l", "n") {
		c.Print("%s\n", name)
		return
	}
	user, group := c.Machine.userName(i.uid), c.Machine.groupName(i.gid)
	if f.has("n") {
		user, group = strconv.Itoa(i.uid), strconv.Itoa(i.gid)
	}
	if target, err := c.files().readlink(at); err == nil {
		name += " -> " + target
	}
	c.Print("%s 1 %s %s %d %s %s\n", modeText(i.mode), user, group, i.Size(), i.ModTime().UTC().Format("Jan _2 15:04"), name)
}

// modeText is the mode as ls -l prints it.
func modeText(mode fs.FileMode) string {
	kind := "-"
	switch {
	case mode.IsDir():
		kind = "d"
	case mode&fs.ModeSymlink != 0:
		kind = "l"
	case mode&fs.ModeCharDevice != 0:
		kind = "c"
	case mode&fs.ModeDevice != 0:
		kind = "b"
	}
	text := []byte(kind + mode.Perm().String()[1:])
	for at, flag := range map[int]fs.FileMode{3: fs.ModeSetuid, 6: fs.ModeSetgid, 9: fs.ModeSticky} {
		if mode&flag == 0 {
			continue
		}
		letter := map[int]byte{3: 's', 6: 's', 9: 't'}[at]
		if text[at] == '-' {
			letter -= 'a' - 'A'
		}
		text[at] = letter
	}
	return string(text)
}

func stat(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "c: format: printf: L dereference t")
	if err != nil {
		return c.usage(1, err)
	}
	format := f.value("c", "format", "printf")
	if len(f.args) == 0 {
		return c.missing(1)
	}
	if format == "" {
		format = "  File: %n\n  Size: %s\t%F\nAccess: (%04a/%A)  Uid: (%u/%U)   Gid: (%g/%G)\nModify: %y"
	}
	code := 0
	for _, name := range f.args {
		get := c.files().lstat
		if f.has("L", "dereference") {
			get = c.files().stat
		}
		i, err := get(c.Path(name))
		if err != nil {
			code = c.Fail(1, "cannot statx '%s': %s", name, reason(err))
			continue
		}
		c.Print("%s", c.statText(format, name, i))
		if !f.has("printf") {
			c.Print("\n")
		}
	}
	return code
}

func (c Call) statText(format, name string, i *info) string {
	mode := strconv.FormatUint(uint64(bitsOf(i.mode)), 8)
	return strings.NewReplacer(
		"%%", "%", "%n", name, "%s", strconv.FormatInt(i.Size(), 10), "%a", mode, "%04a", fmt.Sprintf("%04s", mode), "%A", modeText(i.mode),
		"%u", strconv.Itoa(i.uid), "%g", strconv.Itoa(i.gid), "%U", c.Machine.userName(i.uid), "%G", c.Machine.groupName(i.gid),
		"%F", kindText(i), "%Y", strconv.FormatInt(i.ModTime().Unix(), 10),
		"%y", i.ModTime().UTC().Format("2006-01-02 15:04:05.000000000 -0700"), "%h", "1", `\n`, "\n", `\t`, "\t",
	).Replace(format)
}

func kindText(i *info) string {
	switch {
	case i.IsDir():
		return "directory"
	case i.mode&fs.ModeSymlink != 0:
		return "symbolic link"
	case i.mode&fs.ModeCharDevice != 0:
		return "character special file"
	case i.mode&fs.ModeDevice != 0:
		return "block special file"
	case i.Size() == 0:
		return "regular empty file"
	}
	return "regular file"
}

func chmod(_ context.Context, c Call) int {
	args := c.Args[1:]
	recursive := len(args) > 0 && (args[0] == "-R" || args[0] == "--recursive")
	if recursive {
		args = args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) < 2 {
		return c.missing(1)
	}
	return c.walk(args[1:], recursive, func(at string, i *info) error {
		mode, err := parseMode(args[0], bitsOf(i.mode), i.IsDir())
		if err != nil {
			return err
		}
		return c.files().chmod(at, mode)
	})
}

func chown(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "R recursive h no-dereference v")
	if err != nil {
		return c.usage(1, err)
	}
	if len(f.args) < 2 {
		return c.missing(1)
	}
	user, group, _ := strings.Cut(f.args[0], ":")
	if path.Base(c.Args[0]) == "chgrp" {
		user, group = "", f.args[0]
	}
	uid, gid, err := c.Machine.owners(user, group)
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	return c.walk(f.args[1:], f.has("R", "recursive"), func(at string, _ *info) error { return c.files().chown(at, uid, gid) })
}

// owners turns names or numbers into numbers; -1 for an empty one.
func (m *Machine) owners(user, group string) (uid, gid int, err error) {
	uid, gid = -1, -1
	if user != "" {
		a, ok := m.lookupUser(user)
		number, notNumber := strconv.Atoi(user)
		switch {
		case ok:
			uid = a.uid
		case notNumber == nil && number >= 0:
			uid = number
		default:
			return 0, 0, fmt.Errorf("invalid user: ‘%s’", user)
		}
	}
	if group != "" {
		_, known, ok := m.lookupGroup(group)
		number, notNumber := strconv.Atoi(group)
		switch {
		case ok:
			gid = known
		case notNumber == nil && number >= 0:
			gid = number
		default:
			return 0, 0, fmt.Errorf("invalid group: ‘%s’", group)
		}
	}
	return uid, gid, nil
}

// walk runs do for paths, and for all below them if recursive.
func (c Call) walk(names []string, recursive bool, do func(at string, i *info) error) int {
	code := 0
	for _, name := range names {
		i, err := c.files().stat(c.Path(name))
		if err != nil {
			code = c.Fail(1, "cannot access '%s': %s", name, reason(err))
			continue
		}
		if err := do(c.Path(name), i); err != nil {
			code = c.Fail(1, "changing '%s': %s", name, reason(err))
		}
		if !recursive || !i.IsDir() {
			continue
		}
		entries, err := c.files().readDir(c.Path(name))
		if err != nil {
			code = c.Fail(1, "cannot read directory '%s': %s", name, reason(err))
		}
		for _, entry := range entries {
			if entry.Type()&fs.ModeSymlink == 0 {
				code = max(code, c.walk([]string{path.Join(c.Path(name), entry.Name())}, true, do))
			}
		}
	}
	return code
}

func readlink(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "f canonicalize e canonicalize-existing m n no-newline")
	if err != nil {
		return c.usage(1, err)
	}
	if len(f.args) == 0 {
		return c.missing(1)
	}
	code := 0
	for _, name := range f.args {
		text, err := c.files().readlink(c.Path(name))
		if f.has("f", "canonicalize", "e", "canonicalize-existing", "m") {
			text, err = c.canonical(name, f.has("e", "canonicalize-existing"))
		}
		if err != nil { // readlink(1) is silent.
			code = 1
			continue
		}
		c.Print("%s", text)
		if !f.has("n", "no-newline") {
			c.Print("\n")
		}
	}
	return code
}

func (c Call) canonical(name string, mustExist bool) (string, error) {
	if name == "" {
		return "", errors.New("empty path")
	}
	p, err := c.files().tree.resolve(c.Path(name), true, c.files().who)
	if err == nil && mustExist && p.info == nil {
		err = fs.ErrNotExist
	}
	return p.path, err
}

func realpath(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "e m q")
	if err != nil {
		return c.usage(1, err)
	}
	code := 0
	for _, name := range f.args {
		text, err := c.canonical(name, f.has("e"))
		if err != nil {
			code = c.Fail(1, "%s: %s", name, reason(err))
			continue
		}
		c.Print("%s\n", text)
	}
	return code
}

func basename(_ context.Context, c Call) int {
	if len(c.Args) < 2 || len(c.Args) > 3 {
		return c.missing(1)
	}
	name := path.Base(c.Args[1])
	if len(c.Args) == 3 && name != c.Args[2] {
		name = strings.TrimSuffix(name, c.Args[2])
	}
	c.Print("%s\n", name)
	return 0
}

func dirname(_ context.Context, c Call) int {
	if len(c.Args) < 2 {
		return c.missing(1)
	}
	for _, name := range c.Args[1:] {
		c.Print("%s\n", path.Dir(strings.TrimRight(name, "/")+map[bool]string{true: "/"}[strings.Trim(name, "/") == ""]))
	}
	return 0
}

package guest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"syscall"
	"time"
)

// fileCommands make, move and remove files.
func fileCommands() map[string]Command {
	return map[string]Command{
		"mkdir": mkdir, "rmdir": rmdir, "rm": rm, "mv": mv, "cp": cp, "ln": ln, "touch": touch, "install": install,
		"mktemp": mktemp, "truncate": truncateCommand, "sync": func(context.Context, Call) int { return 0 },
	}
}

func mkdir(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "p parents m: mode: v")
	if err != nil {
		return c.usage(1, err)
	}
	if len(f.args) == 0 {
		return c.missing(1)
	}
	mode := 0o777 &^ c.umask
	if text := f.value("m", "mode"); text != "" {
		if mode, err = parseMode(text, 0o777, true); err != nil {
			return c.Fail(1, "%v", err)
		}
	}
	code := 0
	for _, name := range f.args {
		v, at := c.files(), c.Path(name)
		if i, err := v.stat(at); err == nil && i.IsDir() && f.has("p", "parents") {
			continue
		}
		err := error(nil)
		if f.has("p", "parents") {
			err = v.mkdirAll(path.Dir(path.Clean(at)), 0o777&^c.umask)
		}
		if err == nil {
			err = v.mkdir(at, mode)
		}
		if err != nil {
			code = c.Fail(1, "cannot create directory ‘%s’: %s", name, reason(err))
		}
	}
	return code
}

func rmdir(_ context.Context, c Call) int {
	code := 0
	for _, name := range c.Args[1:] {
		i, err := c.files().lstat(c.Path(name))
		if err == nil && !i.IsDir() {
			err = syscall.ENOTDIR
		}
		if err == nil {
			err = c.files().remove(c.Path(name))
		}
		if err != nil {
			code = c.Fail(1, "failed to remove '%s': %s", name, reason(err))
		}
	}
	return code
}

func rm(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "f force r R recursive v d one-file-system preserve-root no-preserve-root")
	if err != nil {
		return c.usage(1, err)
	}
	force, recursive := f.has("f", "force"), f.has("r", "R", "recursive")
	if len(f.args) == 0 && !force {
		return c.missing(1)
	}
	code := 0
	for _, name := range f.args {
		i, err := c.files().lstat(c.Path(name))
		switch {
		case err != nil && force && errors.Is(err, fs.ErrNotExist):
			continue
		case err == nil && i.IsDir() && !recursive:
			err = syscall.EISDIR
		case err == nil && path.Clean(c.Path(name)) == "/":
			code = c.Fail(1, "it is dangerous to operate recursively on '/'")
			continue
		case err == nil:
			err = c.files().removeAll(c.Path(name))
		}
		if err != nil {
			code = c.Fail(1, "cannot remove '%s': %s", name, reason(err))
		}
	}
	return code
}

// into is where a file goes: below a folder under its own name, or exactly there.
func (c Call) into(from, to string, exact bool) string {
	if i, err := c.files().stat(c.Path(to)); err == nil && i.IsDir() && !exact {
		return path.Join(c.Path(to), path.Base(from))
	}
	return c.Path(to)
}

// each runs do for every source and the place it goes to.
func (c Call) each(f flags, exact bool, do func(from, to string) error) int {
	if folder := f.value("t", "target-directory"); folder != "" {
		f.args = append(f.args, folder)
	}
	if len(f.args) < 2 {
		return c.missing(1)
	}
	target := f.args[len(f.args)-1]
	if i, err := c.files().stat(c.Path(target)); len(f.args) > 2 && (err != nil || !i.IsDir()) {
		return c.Fail(1, "target '%s' is not a directory", target)
	}
	code := 0
	for _, from := range f.args[:len(f.args)-1] {
		if err := do(from, c.into(from, target, exact)); err != nil {
			code = c.Fail(1, "cannot %s '%s' to '%s': %s", verb(c.Args[0]), from, target, reason(err))
		}
	}
	return code
}

func verb(command string) string {
	return map[string]string{"mv": "move", "cp": "copy", "ln": "link", "install": "install"}[path.Base(command)]
}

func mv(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "f force n no-clobber T no-target-directory t: target-directory: v")
	if err != nil {
		return c.usage(1, err)
	}
	return c.each(f, f.has("T", "no-target-directory"), func(from, to string) error {
		v := c.files()
		if f.has("n", "no-clobber") && v.exists(to) {
			return nil
		}
		err := v.rename(c.Path(from), to)
		if !errors.Is(err, syscall.EXDEV) {
			return err
		}
		if err := c.copyTree(c.Path(from), to, true); err != nil {
			return err
		}
		return v.removeAll(c.Path(from))
	})
}

func cp(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "a archive r R recursive p preserve? f force n no-clobber T no-target-directory t: target-directory: v")
	if err != nil {
		return c.usage(1, err)
	}
	return c.each(f, f.has("T", "no-target-directory"), func(from, to string) error {
		i, err := c.files().stat(c.Path(from))
		if err != nil {
			return err
		}
		if f.has("n", "no-clobber") && c.files().exists(to) {
			return nil
		}
		if i.IsDir() && !f.has("a", "archive", "r", "R", "recursive") {
			return fmt.Errorf("-r not specified; omitting directory '%s'", from)
		}
		return c.copyTree(c.Path(from), to, f.has("a", "archive", "p", "preserve"))
	})
}

// copyTree copies a file or a folder; keep: with owner and links, as cp -a.
func (c Call) copyTree(from, to string, keep bool) error {
	v := c.files()
	i, err := v.lstat(from)
	if err != nil {
		return err
	}
	switch {
	case i.Mode()&fs.ModeSymlink != 0 && keep:
		target, err := v.readlink(from)
		if err != nil {
			return err
		}
		return v.symlink(target, to)
	case i.IsDir():
		if err := v.mkdirAll(to, bitsOf(i.mode)); err != nil {
			return err
		}
		entries, err := v.readDir(from)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := c.copyTree(path.Join(from, entry.Name()), path.Join(to, entry.Name()), keep); err != nil {
				return err
			}
		}
	default:
		if err := v.copyFile(from, to); err != nil {
			return err
		}
	}
	if !keep {
		return nil
	}
	if err := v.chmod(to, bitsOf(i.mode)); err != nil {
		return err
	}
	if c.Root() {
		return v.chown(to, i.uid, i.gid)
	}
	return nil
}

func ln(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "s symbolic f force n no-dereference T no-target-directory r v")
	if err != nil {
		return c.usage(1, err)
	}
	if !f.has("s", "symbolic") || f.has("r") {
		return c.Fail(1, "hard and relative links are not supported by this file system")
	}
	if len(f.args) == 1 {
		f.args = append(f.args, ".")
	}
	exact := f.has("T", "no-target-directory")
	if len(f.args) == 2 && f.has("n", "no-dereference") {
		if i, err := c.files().lstat(c.Path(f.args[1])); err == nil && i.Mode()&fs.ModeSymlink != 0 {
			exact = true
		}
	}
	return c.each(f, exact, func(from, to string) error {
		if i, err := c.files().lstat(to); err == nil && f.has("f", "force") && !i.IsDir() {
			if err := c.files().remove(to); err != nil {
				return err
			}
		}
		return c.files().symlink(from, to)
	})
}

func touch(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "c no-create a m")
	if err != nil {
		return c.usage(1, err)
	}
	if len(f.args) == 0 {
		return c.missing(1)
	}
	code := 0
	for _, name := range f.args {
		v, at := c.files(), c.Path(name)
		err := v.chtimes(at, time.Now())
		if errors.Is(err, fs.ErrNotExist) {
			if f.has("c", "no-create") {
				continue
			}
			err = v.writeFile(at, nil, 0o666&^c.umask)
		}
		if err != nil {
			code = c.Fail(1, "cannot touch '%s': %s", name, reason(err))
		}
	}
	return code
}

func install(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "m: mode: o: owner: g: group: d directory D T no-target-directory t: target-directory: C p v b")
	if err != nil {
		return c.usage(1, err)
	}
	mode := uint32(0o755)
	if text := f.value("m", "mode"); text != "" {
		if mode, err = parseMode(text, 0, false); err != nil {
			return c.Fail(1, "%v", err)
		}
	}
	uid, gid, err := c.Machine.owners(f.value("o", "owner"), f.value("g", "group"))
	if err != nil {
		return c.Fail(1, "%v", err)
	}
	finish := func(at string) error {
		if err := c.files().chmod(at, mode); err != nil {
			return err
		}
		return c.files().chown(at, uid, gid)
	}
	if f.has("d", "directory") {
		return c.installFolders(f.args, finish)
	}
	return c.each(f, f.has("T", "no-target-directory"), func(from, to string) error {
		data, err := c.ReadFile(from)
		if err != nil {
			return err
		}
		if f.has("D") {
			if err := c.files().mkdirAll(path.Dir(to), 0o755); err != nil {
				return err
			}
		}
		if err := missingIsFine(c.files().remove(to)); err != nil { // install(1) unlinks the old file: no reader sees half.
			return err
		}
		if err := c.files().writeFile(to, data, 0o600); err != nil {
			return err
		}
		return finish(to)
	})
}

func (c Call) installFolders(names []string, finish func(string) error) int {
	code := 0
	for _, name := range names {
		err := c.files().mkdirAll(c.Path(name), 0o755)
		if err == nil {
			err = finish(c.Path(name))
		}
		if err != nil {
			code = c.Fail(1, "cannot create directory '%s': %s", name, reason(err))
		}
	}
	return code
}

func mktemp(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "d directory p: tmpdir? t suffix: q")
	if err == nil && len(f.args) > 1 {
		err = errors.New("too many templates")
	}
	if err != nil {
		return c.usage(1, err)
	}
	template, folder := "tmp.XXXXXXXXXX", ""
	if len(f.args) == 1 {
		template = f.args[0]
	}
	if len(f.args) == 0 || f.has("p", "tmpdir", "t") {
		if folder = f.value("p", "tmpdir"); folder == "" {
			if folder = c.Env["TMPDIR"]; folder == "" {
				folder = "/tmp"
			}
		}
	}
	stem := strings.TrimRight(template, "X")
	if len(template)-len(stem) < 3 {
		return c.Fail(1, "too few X's in template ‘%s’", template)
	}
	name := stem + rand.Text()[:min(len(template)-len(stem), 26)] + f.value("suffix")
	if folder != "" {
		name = path.Join(folder, name)
	}
	if f.has("d", "directory") {
		err = c.files().mkdir(c.Path(name), 0o700)
	} else {
		err = c.files().writeFile(c.Path(name), nil, 0o600)
	}
	if err != nil {
		return c.Fail(1, "failed to create file via template ‘%s’: %s", template, reason(err))
	}
	c.Print("%s\n", name)
	return 0
}

func truncateCommand(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "s: size: c")
	if err != nil {
		return c.usage(1, err)
	}
	size, err := parseSize(f.value("s", "size"))
	if err != nil {
		return c.Fail(1, "Invalid number: ‘%s’", f.value("s", "size"))
	}
	code := 0
	for _, name := range f.args {
		if !c.files().exists(c.Path(name)) {
			err = c.files().writeFile(c.Path(name), nil, 0o666&^c.umask)
		}
		if err == nil {
			err = c.files().truncate(c.Path(name), size)
		}
		if err != nil {
			code = c.Fail(1, "cannot open '%s' for writing: %s", name, reason(err))
		}
	}
	return code
}

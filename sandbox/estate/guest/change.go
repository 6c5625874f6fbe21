package guest

import (
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"
)

// remove removes a file, a link or an empty folder.
func (v view) remove(name string) error {
	p, err := v.find("remove", name, false)
	if err != nil {
		return err
	}
	if err := v.mayRemove(p); err != nil {
		return failed("remove", name, err)
	}
	if err := p.fs.root.Remove(p.rel); err != nil {
		return failed("remove", name, err)
	}
	p.fs.forget(p.rel)
	v.tree.touched()
	return nil
}

func (v view) mayRemove(p place) error {
	if p.rel == "." || v.tree.busy(p.path) {
		return syscall.EBUSY
	}
	return v.mayChange(p.path, p.info)
}

// removeAll removes a path and all below it; nothing there is no error.
func (v view) removeAll(name string) error {
	i, err := v.lstat(name)
	if err != nil {
		return missingIsFine(err)
	}
	if i.IsDir() {
		entries, err := v.readDir(name)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := v.removeAll(path.Join(name, entry.Name())); err != nil {
				return err
			}
		}
	}
	return v.remove(name)
}

func missingIsFine(err error) error {
	if cause(err) == syscall.ENOENT { //nolint:errorlint // cause answers the bare number.
		return nil
	}
	return err
}

func (v view) rename(from, to string) error {
	source, err := v.find("rename", from, false)
	if err != nil {
		return err
	}
	target, err := v.vacant("rename", to, false)
	if err != nil {
		return err
	}
	if err := v.mayRename(source, target); err != nil {
		return failed("rename", to, err)
	}
	if source.path == target.path {
		return nil
	}
	if err := source.fs.root.Rename(source.rel, target.rel); err != nil {
		return failed("rename", to, err)
	}
	source.fs.move(source.rel, target.rel)
	v.tree.touched()
	return nil
}

func (v view) mayRename(source, target place) error {
	if source.fs != target.fs {
		return syscall.EXDEV
	}
	if source.path != target.path && within(target.path, source.path) {
		return syscall.EINVAL
	}
	if err := v.mayRemove(source); err != nil {
		return err
	}
	if target.info == nil {
		return nil
	}
	return v.mayRemove(target)
}

func (v view) symlink(target, name string) error {
	p, err := v.vacant("symlink", name, false)
	if err != nil {
		return err
	}
	if p.info != nil {
		return failed("symlink", name, syscall.EEXIST)
	}
	if err := p.fs.root.Symlink(target, p.rel); err != nil {
		return failed("symlink", name, err)
	}
	v.own(p, 0o777)
	return nil
}

func (v view) readlink(name string) (string, error) {
	p, err := v.find("readlink", name, false)
	if err != nil {
		return "", err
	}
	if p.info.Mode()&fs.ModeSymlink == 0 {
		return "", failed("readlink", name, syscall.EINVAL)
	}
	target, err := p.fs.root.Readlink(p.rel)
	if err != nil {
		return "", failed("readlink", name, err)
	}
	return target, nil
}

// chmod sets the bits of chmod(2).
func (v view) chmod(name string, bits uint32) error {
	return v.attributes("chmod", name, func(i *info, a *attributes) error {
		if v.who.uid != 0 && v.who.uid != i.uid {
			return syscall.EPERM
		}
		a.Mode = bits & 0o7777
		return nil
	})
}

// chown gives a file away; -1 leaves a number as it is.
func (v view) chown(name string, uid, gid int) error {
	return v.attributes("chown", name, func(_ *info, a *attributes) error {
		if v.who.uid != 0 && (uid >= 0 && uid != a.UID || gid >= 0 && gid != a.GID) {
			return syscall.EPERM
		}
		if uid >= 0 {
			a.UID = uid
		}
		if gid >= 0 {
			a.GID = gid
		}
		return nil
	})
}

func (v view) attributes(op, name string, change func(*info, *attributes) error) error {
	p, err := v.find(op, name, true)
	if err != nil {
		return err
	}
	a := attributes{Mode: bitsOf(p.info.mode), UID: p.info.uid, GID: p.info.gid}
	if err := change(p.info, &a); err != nil {
		return failed(op, name, err)
	}
	p.fs.mark(p.rel, a)
	v.tree.touched()
	return nil
}

// copyFile copies a regular file with its mode.
func (v view) copyFile(from, to string) error {
	data, err := v.readFile(from)
	if err != nil {
		return err
	}
	i, err := v.stat(from)
	if err != nil {
		return err
	}
	return v.writeFile(to, data, bitsOf(i.mode)&0o777)
}

// openDevice opens a node below /dev. Disks are not read or written raw here.
func openDevice(canonical, name string) (file, error) {
	if canonical == "/dev/null" {
		return nothing{}, nil
	}
	return nil, failed("open", name, syscall.EIO)
}

// nothing is /dev/null.
type nothing struct{}

func (nothing) Read([]byte) (int, error)               { return 0, io.EOF }
func (nothing) ReadAt([]byte, int64) (int, error)      { return 0, io.EOF }
func (nothing) Write(b []byte) (int, error)            { return len(b), nil }
func (nothing) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (nothing) Close() error                           { return nil }

// truncate cuts or lengthens a file.
func (v view) truncate(name string, size int64) error {
	f, err := v.open(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	cut, ok := f.(interface{ Truncate(size int64) error })
	if !ok || size < 0 {
		return failed("truncate", name, syscall.EINVAL)
	}
	if err := cut.Truncate(size); err != nil {
		return failed("truncate", name, err)
	}
	return nil
}

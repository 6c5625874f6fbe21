package guest

import (
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"
)

// view is the tree with the rights of an account. Its errors are *fs.PathError with the guest's path.
type view struct {
	tree *tree
	who  account
}

// file is an open file of the guest.
type file interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
}

func failed(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: cause(err)}
}

// may says whether an account has the rights in want (4 read, 2 write, 1 execute).
func (a account) may(i *info, want fs.FileMode) bool {
	if a.uid == 0 {
		return want != 1 || i.IsDir() || i.mode.Perm()&0o111 != 0
	}
	bits := i.mode.Perm()
	switch {
	case i.uid == a.uid:
		bits >>= 6
	case i.gid == a.gid || slices.Contains(a.groups, i.gid):
		bits >>= 3
	}
	return bits&want == want
}

func (v view) find(op, name string, follow bool) (place, error) {
	p, err := v.tree.resolve(name, follow, v.who)
	if err == nil && p.info == nil {
		err = syscall.ENOENT
	}
	if err != nil {
		return place{}, failed(op, name, err)
	}
	return p, nil
}

// vacant finds a place where something may be made, or what is there already.
func (v view) vacant(op, name string, follow bool) (place, error) {
	p, err := v.tree.resolve(name, follow, v.who)
	if err == nil && p.info == nil {
		err = v.mayChange(p.path, nil)
	}
	if err != nil {
		return place{}, failed(op, name, err)
	}
	return p, nil
}

// mayChange says whether names in the folder of a path may be made, removed or renamed.
func (v view) mayChange(name string, existing *info) error {
	parent, err := v.tree.look(path.Dir(name))
	if err != nil {
		return err
	}
	if parent.info == nil {
		return syscall.ENOENT
	}
	if !v.who.may(parent.info, 3) {
		return syscall.EACCES
	}
	sticky := parent.info.mode&fs.ModeSticky != 0
	if sticky && existing != nil && v.who.uid != 0 && v.who.uid != existing.uid && v.who.uid != parent.info.uid {
		return syscall.EPERM
	}
	return nil
}

func (v view) stat(name string) (*info, error) {
	p, err := v.find("stat", name, true)
	return p.info, err
}

func (v view) lstat(name string) (*info, error) {
	p, err := v.find("lstat", name, false)
	return p.info, err
}

func (v view) exists(name string) bool { _, err := v.lstat(name); return err == nil }

// open opens a file; perm counts for a new one.
func (v view) open(name string, flag int, perm uint32) (file, error) {
	reach := v.find // Without O_CREATE the file must be there.
	if flag&os.O_CREATE != 0 {
		reach = v.vacant
	}
	p, err := reach("open", name, flag&os.O_EXCL == 0)
	if err != nil {
		return nil, err
	}
	if p.info != nil {
		if err := v.mayOpen(p, flag); err != nil {
			return nil, failed("open", name, err)
		}
		if p.info.Mode()&fs.ModeDevice != 0 {
			return openDevice(p.path, name)
		}
	}
	f, err := p.fs.root.OpenFile(p.rel, flag, 0o600)
	if err != nil {
		return nil, failed("open", name, err)
	}
	if p.info == nil {
		v.own(p, perm)
	}
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		v.tree.touched()
	}
	return f, nil
}

func (v view) mayOpen(p place, flag int) error {
	writes := flag&(os.O_WRONLY|os.O_RDWR) != 0
	switch {
	case flag&os.O_EXCL != 0 && flag&os.O_CREATE != 0:
		return syscall.EEXIST
	case writes && p.info.IsDir():
		return syscall.EISDIR
	case writes && !v.who.may(p.info, 2), flag&os.O_WRONLY == 0 && !v.who.may(p.info, 4):
		return syscall.EACCES
	}
	return nil
}

// own gives a new file to the account.
func (v view) own(p place, perm uint32) {
	p.fs.mark(p.rel, attributes{Mode: perm & 0o7777, UID: v.who.uid, GID: v.who.gid})
	v.tree.touched()
}

func (v view) readFile(name string) ([]byte, error) {
	f, err := v.open(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, failed("read", name, err)
	}
	return data, nil
}

func (v view) writeFile(name string, data []byte, perm uint32) error {
	return v.write(name, data, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
}

func (v view) write(name string, data []byte, flag int, perm uint32) error {
	f, err := v.open(name, flag, perm)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return failed("write", name, err)
	}
	return nil
}

// replace writes a file beside its place and renames it, making folders on the way.
func (v view) replace(name string, data []byte, perm uint32) error {
	if err := v.mkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	temporary := name + ".new"
	if err := v.writeFile(temporary, data, perm); err != nil {
		return err
	}
	if err := v.chmod(temporary, perm); err != nil {
		return err
	}
	return v.rename(temporary, name)
}

func (v view) mkdir(name string, perm uint32) error {
	p, err := v.vacant("mkdir", name, false)
	if err != nil {
		return err
	}
	if p.info != nil {
		return failed("mkdir", name, syscall.EEXIST)
	}
	if err := p.fs.root.Mkdir(p.rel, 0o700); err != nil {
		return failed("mkdir", name, err)
	}
	v.own(p, perm)
	return nil
}

func (v view) mkdirAll(name string, perm uint32) error {
	at := ""
	for _, part := range names(name) {
		at += "/" + part
		if i, err := v.stat(at); err == nil {
			if !i.IsDir() {
				return failed("mkdir", at, syscall.ENOTDIR)
			}
			continue
		}
		if err := v.mkdir(at, perm); err != nil {
			return err
		}
	}
	return nil
}

func (v view) readDir(name string) ([]fs.DirEntry, error) {
	p, err := v.find("open", name, true)
	if err != nil {
		return nil, err
	}
	if !p.info.IsDir() {
		return nil, failed("open", name, syscall.ENOTDIR)
	}
	if !v.who.may(p.info, 4) {
		return nil, failed("open", name, syscall.EACCES)
	}
	d, err := p.fs.root.Open(p.rel)
	if err != nil {
		return nil, failed("open", name, err)
	}
	defer d.Close()
	real, err := d.ReadDir(-1)
	if err != nil {
		return nil, failed("readdir", name, err)
	}
	var entries []fs.DirEntry
	for _, entry := range real {
		if found, err := v.tree.look(path.Join(p.path, entry.Name())); err == nil && found.info != nil {
			entries = append(entries, fs.FileInfoToDirEntry(found.info))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func (v view) chtimes(name string, at time.Time) error {
	p, err := v.find("touch", name, true)
	if err == nil && v.who.uid != 0 && v.who.uid != p.info.uid {
		err = failed("touch", name, syscall.EPERM)
	}
	if err != nil {
		return err
	}
	if err := p.fs.root.Chtimes(p.rel, at, at); err != nil {
		return failed("touch", name, err)
	}
	return nil
}

package guest

import (
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/pkg/sftp"
)

// transfers serves sftp over the guest's own tree, with the rights of the account that logged in.
type transfers struct {
	machine *Machine
	view    view
}

func (t *transfers) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	return t.view.open(r.Filepath, os.O_RDONLY, 0)
}

func (t *transfers) Filewrite(r *sftp.Request) (io.WriterAt, error) { return t.OpenFile(r) }

// OpenFile serves reading and writing through one handle.
func (t *transfers) OpenFile(r *sftp.Request) (sftp.WriterAtReaderAt, error) {
	asked := r.Pflags()
	flag := os.O_WRONLY
	if asked.Read {
		flag = os.O_RDWR
	}
	if asked.Creat {
		flag |= os.O_CREATE
	}
	if asked.Trunc {
		flag |= os.O_TRUNC
	}
	if asked.Excl {
		flag |= os.O_EXCL
	}
	perm := uint32(0o644)
	if attributes := r.Attributes(); r.AttrFlags().Permissions && attributes != nil {
		perm = attributes.Mode & 0o777
	}
	// Not O_APPEND: os.File refuses WriteAt then, and the client names every offset itself.
	f, err := t.view.open(r.Filepath, flag, perm)
	if err != nil {
		return nil, err
	}
	return &upload{file: f, done: t.machine.save}, nil
}

// upload saves the machine's state when the file is closed.
type upload struct {
	file
	done func()
}

func (u *upload) Close() error {
	err := u.file.Close()
	u.done()
	return err
}

func (t *transfers) Filecmd(r *sftp.Request) error {
	defer t.machine.save()
	switch r.Method {
	case "Setstat":
		return t.setstat(r)
	case "Rename":
		if t.view.exists(r.Target) { // Version 3 of the protocol: never over an existing name.
			return &fs.PathError{Op: "rename", Path: r.Target, Err: fs.ErrExist}
		}
		return t.view.rename(r.Filepath, r.Target)
	case "Mkdir":
		return t.view.mkdir(r.Filepath, 0o755)
	case "Rmdir", "Remove":
		return t.removeKind(r.Filepath, r.Method == "Rmdir")
	case "Symlink":
		return t.view.symlink(r.Filepath, r.Target)
	}
	return sftp.ErrSSHFxOpUnsupported
}

func (t *transfers) removeKind(name string, folder bool) error {
	i, err := t.view.lstat(name)
	if err != nil {
		return err
	}
	if i.IsDir() != folder {
		return sftp.ErrSSHFxFailure
	}
	return t.view.remove(name)
}

// PosixRename replaces an existing target, as rename(2).
func (t *transfers) PosixRename(r *sftp.Request) error {
	defer t.machine.save()
	return t.view.rename(r.Filepath, r.Target)
}

func (t *transfers) setstat(r *sftp.Request) error {
	asked, a := r.AttrFlags(), r.Attributes()
	if asked.Permissions {
		if err := t.view.chmod(r.Filepath, a.Mode&0o7777); err != nil {
			return err
		}
	}
	if asked.UidGid {
		if err := t.view.chown(r.Filepath, int(a.UID), int(a.GID)); err != nil {
			return err
		}
	}
	if asked.Size {
		return t.view.truncate(r.Filepath, int64(a.Size)) //nolint:gosec // Larger sizes fail in truncate.
	}
	if asked.Acmodtime {
		return t.view.chtimes(r.Filepath, time.Unix(int64(a.Mtime), 0))
	}
	return nil
}

func (t *transfers) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	switch r.Method {
	case "List":
		entries, err := t.view.readDir(r.Filepath)
		if err != nil {
			return nil, err
		}
		var infos listing
		for _, entry := range entries {
			if i, err := entry.Info(); err == nil {
				infos = append(infos, i)
			}
		}
		return infos, nil
	case "Stat":
		return one(t.view.stat(r.Filepath))
	}
	return nil, sftp.ErrSSHFxOpUnsupported
}

// Lstat does not follow a link.
func (t *transfers) Lstat(r *sftp.Request) (sftp.ListerAt, error) {
	return one(t.view.lstat(r.Filepath))
}

// Readlink answers a link's text.
func (t *transfers) Readlink(name string) (string, error) { return t.view.readlink(name) }

// RealPath makes a path absolute, seen from the account's home.
func (t *transfers) RealPath(name string) (string, error) {
	return path.Clean(absolute(t.view.who.home, name)), nil
}

func one(i *info, err error) (sftp.ListerAt, error) {
	if err != nil {
		return nil, err
	}
	return listing{i}, nil
}

// listing is a folder's contents.
type listing []fs.FileInfo

func (l listing) ListAt(to []fs.FileInfo, from int64) (int, error) {
	if from >= int64(len(l)) {
		return 0, io.EOF
	}
	n := copy(to, l[from:])
	if n < len(to) {
		return n, io.EOF
	}
	return n, nil
}

package guest

import (
	"errors"
	"io/fs"
	"syscall"
)

// info is what the guest sees of a file: its own mode and owner, not those of the real file.
type info struct {
	fs.FileInfo
	name     string
	mode     fs.FileMode
	uid, gid int
}

func (i *info) Name() string      { return i.name }
func (i *info) Mode() fs.FileMode { return i.mode }

// Bits of chmod(2) above the permissions.
const (
	bitSetuid = 0o4000
	bitSetgid = 0o2000
	bitSticky = 0o1000
)

// modeOf turns the bits of chmod(2) into Go's.
func modeOf(bits uint32) fs.FileMode {
	mode := fs.FileMode(bits & 0o777)
	for bit, flag := range map[uint32]fs.FileMode{bitSetuid: fs.ModeSetuid, bitSetgid: fs.ModeSetgid, bitSticky: fs.ModeSticky} {
		if bits&bit != 0 {
			mode |= flag
		}
	}
	return mode
}

// bitsOf turns Go's mode into the bits of chmod(2).
func bitsOf(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	for bit, flag := range map[uint32]fs.FileMode{bitSetuid: fs.ModeSetuid, bitSetgid: fs.ModeSetgid, bitSticky: fs.ModeSticky} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

// cause is the error number inside an error of the os package, which names paths of the real machine.
func cause(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, fs.ErrNotExist):
		return syscall.ENOENT
	case errors.Is(err, fs.ErrExist):
		return syscall.EEXIST
	case errors.Is(err, fs.ErrInvalid):
		return syscall.EINVAL
	}
	return syscall.EACCES // os.Root refused: the path would leave the folder.
}

// reason is an error in the words of the C library, which every tool prints.
func reason(err error) string {
	words := map[syscall.Errno]string{
		syscall.ENOENT: "No such file or directory", syscall.EACCES: "Permission denied", syscall.EEXIST: "File exists",
		syscall.ENOTDIR: "Not a directory", syscall.EISDIR: "Is a directory", syscall.ENOTEMPTY: "Directory not empty",
		syscall.ELOOP: "Too many levels of symbolic links", syscall.EPERM: "Operation not permitted",
		syscall.EBUSY: "Device or resource busy", syscall.EINVAL: "Invalid argument", syscall.EIO: "Input/output error",
		syscall.EROFS: "Read-only file system", syscall.EXDEV: "Invalid cross-device link",
		syscall.ENAMETOOLONG: "File name too long", syscall.ENOSPC: "No space left on device",
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return err.Error()
	}
	if text, ok := words[errno]; ok {
		return text
	}
	return errno.Error()
}

package execsecret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"fermata/activities/fault"
)

// trusted returns the helper's file, behind all links, or why it is not run: whoever can change it gets every secret. Its
// folder is looked at too, because who may write there can put another file in its place.
func trusted(command string) (string, error) {
	path, err := filepath.EvalSymlinks(command)
	if err != nil {
		return "", missing(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", missing(err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", fault.New(fault.Invalid, "the helper %s is no program", command)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return "", missing(err)
	}
	for _, f := range []struct {
		path string
		info fs.FileInfo
	}{{path, info}, {filepath.Dir(path), folder}} {
		if f.info.Mode()&0o022 != 0 {
			return "", fault.New(fault.Unauthorized, "%s can be changed by others (mode %04o): run chmod go-w %q", f.path, f.info.Mode().Perm(), f.path)
		}
		if owner, ok := f.info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
			return "", fault.New(fault.Unauthorized, "%s belongs to another user: expected root or the user that the worker runs as", f.path)
		}
	}
	return path, nil
}

func missing(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.New(fault.Unauthorized, "looking for the helper: %w", err)
	}
	return fault.New(fault.Unavailable, "looking for the helper: %w", err)
}

package ansible

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"fermata/activities/fault"
)

// Bounds of a project: it is copied for each play.
const (
	maxFiles = 10_000
	maxBytes = 64 << 20
)

// snapshot reads all files of a project in the order of their paths and returns the digest over their paths, whether they
// are programs, and their contents. Where a folder is named, it is made a copy of just what was read. Version control's
// own folders are left out.
func snapshot(project, into string) (digest string, err error) {
	sum, files, bytes := sha256.New(), 0, 0
	err = filepath.WalkDir(project, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(project, path)
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "__pycache__") {
			return filepath.SkipDir
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		if err := trusted(path, info); err != nil {
			return err
		}
		if info.IsDir() {
			return copyFolder(into, name)
		}
		data, err := os.ReadFile(path) //nolint:gosec // A file of the project.
		if err != nil {
			return err
		}
		if files, bytes = files+1, bytes+len(data); files > maxFiles || bytes > maxBytes {
			return fault.New(fault.Invalid, "it has more than %d files or %d MiB: keep playbooks apart from what they install", maxFiles, maxBytes>>20)
		}
		program := info.Mode()&0o111 != 0
		content := sha256.Sum256(data)
		fmt.Fprintf(sum, "%q %t %x\n", filepath.ToSlash(name), program, content)
		return copyFile(into, name, data, program)
	})
	if err != nil {
		return "", fault.Wrap(kindOf(err), err, "reading the project "+project)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func kindOf(err error) fault.Kind {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f.Kind
	case errors.Is(err, fs.ErrPermission):
		return fault.Unauthorized
	}
	return fault.Invalid
}

// trusted refuses what anybody but root and the worker's account can change: whoever can runs commands on every guest.
func trusted(path string, info fs.FileInfo) error {
	switch {
	case !info.IsDir() && !info.Mode().IsRegular():
		return fault.New(fault.Invalid, "%s is neither a file nor a folder: a link could lead anywhere", path)
	case info.Mode()&0o022 != 0:
		return fault.New(fault.Unauthorized, "%s can be changed by others (mode %04o): run chmod go-w %q", path, info.Mode().Perm(), path)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return fault.New(fault.Unauthorized, "%s belongs to another user: expected root or the user that the worker runs as", path)
	}
	return nil
}

func copyFolder(into, name string) error {
	if into == "" {
		return nil
	}
	return os.MkdirAll(filepath.Join(into, name), 0o700)
}

func copyFile(into, name string, data []byte, program bool) error {
	if into == "" {
		return nil
	}
	mode := fs.FileMode(0o600)
	if program {
		mode = 0o700
	}
	return os.WriteFile(filepath.Join(into, name), data, mode) //nolint:gosec // The name is what walking the project gave.
}

// playbook is the path of a playbook in the copy of a project.
func playbook(project, name string) (string, error) {
	if !filepath.IsLocal(name) || filepath.Clean(name) != name || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }) {
		return "", fault.New(fault.Invalid, "playbook %q: expected a path inside the project", name)
	}
	path := filepath.Join(project, name)
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fault.New(fault.Invalid, "playbook %q is not in the project", name)
	case err != nil:
		return "", fault.New(fault.Invalid, "playbook %q: %w", name, err)
	case !info.Mode().IsRegular():
		return "", fault.New(fault.Invalid, "playbook %q is a folder", name)
	}
	return path, nil
}

// Package filesecret reads secrets from files below one folder.
//
// secret://file/rt/token is the file rt/token of that folder. No name leads out of the folder, not by "..", not by a
// symbolic link; a file that its group or others can read is refused rather than used.
package filesecret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// Limit is the size of the largest secret, in bytes.
const Limit = 64 << 10

// Config says where the files are.
type Config struct {
	// Folder that holds the files. Required.
	Folder string `yaml:"folder"`
}

type provider struct{ folder string }

// New returns the provider. The folder need not exist yet. Faults: Invalid for a missing folder setting.
func New(cfg Config) (secret.Provider, error) {
	if cfg.Folder == "" {
		return nil, fault.New(fault.Invalid, "reading secrets from files: no folder is set: set folder to the one that holds them")
	}
	return provider{folder: filepath.Clean(cfg.Folder)}, nil
}

// Read returns the file's content as it is. The file is read at each call, so a rotated secret is seen at once.
func (p provider) Read(ctx context.Context, name string) (secret.Value, error) {
	if err := ctx.Err(); err != nil {
		return secret.Value{}, fmt.Errorf("reading secret %q: %w", name, err)
	}
	content, err := p.read(name)
	if err != nil {
		return secret.Value{}, fault.Wrap(kind(err), err, fmt.Sprintf("reading secret %q", name))
	}
	return secret.NewValue(content), nil
}

func (p provider) read(name string) ([]byte, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, fault.New(fault.Invalid, "expected the path of a file below %s, without . or ..", p.folder)
	}
	root, err := os.OpenRoot(p.folder)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "opening the folder of secrets: %w", err)
	}
	defer root.Close()
	// O_NONBLOCK: opening a named pipe must not wait for a writer; the check of the type follows.
	file, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) { // It names the file below the folder only; a person wants the whole path.
			err = at.Err
		}
		return nil, fmt.Errorf("opening %s: %w", p.path(name), err)
	}
	defer file.Close()
	if err := p.trusted(file, name); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, Limit+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) > Limit:
		return nil, fault.New(fault.Invalid, "%s is larger than %d bytes", p.path(name), Limit)
	case len(content) == 0:
		return nil, fault.New(fault.NotFound, "%s is empty", p.path(name))
	}
	return content, nil
}

// trusted looks at the opened file, not at its name, so that nothing can be put in its place between look and read.
func (p provider) trusted(file *os.File, name string) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fault.New(fault.Invalid, "%s is no regular file", p.path(name))
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fault.New(fault.Unauthorized, "%s can be read or changed by others (mode %04o): run chmod 600 %q", p.path(name), mode, p.path(name))
	}
	return nil
}

func (p provider) path(name string) string { return filepath.Join(p.folder, name) }

// kind of an error: what has one already keeps it. What os.Root refuses to follow out of the folder has no error of
// its own to ask for, and is as good as not there.
func kind(err error) fault.Kind {
	var f *fault.Error
	switch {
	case errors.As(err, &f):
		return f.Kind
	case errors.Is(err, fs.ErrPermission):
		return fault.Unauthorized
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ESTALE):
		return fault.Unavailable
	}
	return fault.NotFound
}

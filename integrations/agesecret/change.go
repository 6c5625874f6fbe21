package agesecret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"fermata/activities/fault"
)

// tick is how often a locked file is tried again.
const tick = 20 * time.Millisecond

// change reads the secret's entry and writes the file anew if it is to be another, while nobody else does the same.
func (k keeper) change(ctx context.Context, name string, how func(entry) (entry, bool, error)) (err error) {
	path, err := filepath.EvalSymlinks(k.cfg.File) // A link stays one: what it leads to is replaced.
	if err != nil {
		return openFault(err)
	}
	// The file itself cannot be locked: it is another one afterwards.
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	if locked, err := lock.TryLockContext(ctx, tick); !locked {
		if ended := ctx.Err(); ended != nil {
			return fault.New(fault.Unavailable, "waiting for the lock %s.lock, which another holds: %w", path, ended)
		}
		return openFault(err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()

	identities, err := k.identities()
	if err != nil {
		return err
	}
	sealed, err := k.encrypted()
	if err != nil {
		return err
	}
	plain, err := k.open(sealed, identities)
	if err != nil {
		return err
	}
	changed, err := k.rewrite(plain, name, how)
	if changed == nil || err != nil {
		return err
	}
	if err := k.safe(sealed, identities); err != nil {
		return err
	}
	content, err := k.seal(changed, sealed.armoured)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return replace(path, content)
}

// rewrite returns the map with another entry under the name; nil: it stays as it is.
func (k keeper) rewrite(plain []byte, name string, how func(entry) (entry, bool, error)) ([]byte, error) {
	d, err := parse(plain, k.cfg.File)
	if err != nil {
		return nil, err
	}
	e, err := d.entry(name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	e, changed, err := how(e)
	if err != nil || !changed {
		return nil, err
	}
	if err := d.set(name, e); err != nil {
		return nil, err
	}
	return d.encode(name, e)
}

// replace puts a file in the place of another, whole or not at all. Faults: Unavailable where nothing was changed; Ambiguous where
// it was, and a loss of power could undo it.
func replace(path string, content []byte) error {
	folder := filepath.Dir(path)
	file, err := os.CreateTemp(folder, "."+filepath.Base(path)+".*") // Mode 0600.
	if err != nil {
		return openFault(err)
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Chmod(0o600), file.Sync(), file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fault.New(fault.Unavailable, "writing %s: %w", path, errors.Join(err, os.Remove(file.Name())))
	}
	if err := syncFolder(folder); err != nil {
		return fault.New(fault.Ambiguous, "writing %s: %w", path, err)
	}
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// seal encrypts the map to the recipients.
func (k keeper) seal(plain []byte, armoured bool) ([]byte, error) {
	var out bytes.Buffer
	if err := encrypt(&out, plain, armoured, k.recipients); err != nil {
		return nil, fault.New(fault.Invalid, "encrypting %s: %w", k.cfg.File, err)
	}
	if len(plain) > limit || out.Len() > limit {
		return nil, fault.New(fault.Invalid, "%s would hold more than %d bytes: take out what is not needed", k.cfg.File, limit)
	}
	return out.Bytes(), nil
}

package providers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/encryption"
)

// Store writes a new key where the installation's file provider reads it, and returns the reference. Faults: Invalid if
// there is no such provider, Conflict if the secret is there already.
func Store(cfg *config.Installation, key encryption.Key) (secret.Ref, error) {
	if cfg.Secrets.File == nil {
		return "", fault.New(fault.Invalid, "writing a new key: the installation keeps no secrets in files (spec.secrets.file)")
	}
	name := "payload-key-" + key.ID
	if err := WriteKey(filepath.Join(cfg.Secrets.File.Folder, name), key); err != nil {
		return "", err
	}
	return secret.Ref("secret://file/" + name), nil
}

// WriteKey writes a key to a file of mode 0600, whole or not at all. What is there is never overwritten: it may be the only
// copy of a key. Faults: Conflict if the file is there.
func WriteKey(path string, key encryption.Key) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // Mode 0600.
	if err != nil {
		return fmt.Errorf("writing a new key: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.WriteString(key.Encode() + "\n")
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing a new key: %w", err)
	}
	err = os.Link(f.Name(), path) // Unlike a rename, it fails where something is.
	if errors.Is(err, os.ErrExist) {
		return fault.New(fault.Conflict, "writing a new key: %s is there already: name another", path)
	}
	if err != nil {
		return fmt.Errorf("writing a new key: %w", err)
	}
	return nil
}

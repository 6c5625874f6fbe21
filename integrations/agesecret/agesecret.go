// Package agesecret reads secrets from one file that is encrypted with age, and keeps new versions there.
//
// The file holds a YAML or JSON map of names to texts. It can lie in a repository beside the configuration; only the
// identity file has to reach the worker by another way. secret://age/rt-token is the key "rt-token" of the map.
package agesecret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// limit is the size of the largest map, in bytes, encrypted or not.
const limit = 1 << 20

// Config names the two files.
type Config struct {
	// File is the encrypted map. Required.
	File string `yaml:"file"`
	// Identity is the file with the private key, as age-keygen writes it, mode 0600. Required.
	Identity string `yaml:"identity"`
	// Writable lets new versions be kept in the file. One worker's machine holds it then: the lock does not reach further.
	Writable bool `yaml:"writable,omitempty"`
	// Recipients are the public keys that the file is encrypted to when it is written, that of the identity among them. Required
	// where it is writable.
	Recipients []string `yaml:"recipients,omitempty"`
}

type provider struct{ cfg Config }

// New returns the provider; it is a secret.Keeper where the file is writable. Neither file needs to exist yet. Faults: Invalid
// for a missing setting.
func New(cfg Config) (secret.Provider, error) {
	if cfg.File == "" || cfg.Identity == "" {
		return nil, fault.New(fault.Invalid, "reading secrets from an age file: set both file (the encrypted map) and identity (the key that opens it)")
	}
	p := provider{cfg: cfg}
	if !cfg.Writable {
		return p, nil
	}
	recipients, err := parseRecipients(cfg.Recipients)
	if err != nil {
		return nil, fault.New(fault.Invalid, "keeping secrets in an age file: %w", err)
	}
	return keeper{p, recipients}, nil
}

// Read decrypts the file and returns one of its values. It decrypts at each call: a map that was replaced is seen at
// once, and no other value stays in memory.
func (p provider) Read(ctx context.Context, name string) (secret.Value, error) {
	if err := ctx.Err(); err != nil {
		return secret.Value{}, fmt.Errorf("reading secret %q: %w", name, err)
	}
	value, _, err := p.read(name, "")
	if err != nil {
		return secret.Value{}, fault.Wrap(fault.KindOf(err), err, fmt.Sprintf("reading secret %q", name))
	}
	return secret.NewValue([]byte(value)), nil
}

func (p provider) read(name, version string) (value, read string, err error) {
	if name == "" {
		return "", "", fault.New(fault.Invalid, "a name is needed")
	}
	identities, err := p.identities()
	if err != nil {
		return "", "", err
	}
	encrypted, err := p.encrypted()
	if err != nil {
		return "", "", err
	}
	plain, err := p.open(encrypted, identities)
	if err != nil {
		return "", "", err
	}
	return lookUp(plain, name, version, p.cfg.File)
}

// lookUp finds one version of a secret in the decrypted map; the empty one is the newest.
func lookUp(plain []byte, name, version, path string) (value, read string, err error) {
	d, err := parse(plain, path)
	if err != nil {
		return "", "", err
	}
	e, err := d.entry(name)
	if err != nil {
		return "", "", err
	}
	v, err := e.at(version)
	if err != nil {
		return "", "", fault.Wrap(fault.KindOf(err), err, fmt.Sprintf("the value of %q in %s", name, path))
	}
	return v.Value, strconv.Itoa(v.Number), nil
}

func (p provider) identities() ([]age.Identity, error) {
	path := p.cfg.Identity
	content, mode, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if mode.Perm()&0o077 != 0 {
		return nil, fault.New(fault.Unauthorized, "identity %s can be read or changed by others (mode %04o): run chmod 600 %q", path, mode.Perm(), path)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(content))
	if err != nil {
		// The cause is left out: it may quote the key.
		return nil, fault.New(fault.Unauthorized, "identity %s holds no age key: expected a line AGE-SECRET-KEY-1..., as age-keygen writes it (no passphrase, no SSH key)", path)
	}
	return identities, nil
}

// sealed is the file as it is.
type sealed struct {
	content  []byte
	armoured bool
}

func (p provider) encrypted() (sealed, error) {
	content, _, err := readFile(p.cfg.File)
	return sealed{content, bytes.HasPrefix(content, []byte(armor.Header))}, err
}

func (s sealed) reader() io.Reader {
	if s.armoured {
		return armor.NewReader(bytes.NewReader(s.content))
	}
	return bytes.NewReader(s.content)
}

// open decrypts the file.
func (p provider) open(file sealed, identities []age.Identity) ([]byte, error) {
	opened, err := age.Decrypt(file.reader(), identities...)
	var mismatch *age.NoIdentityMatchError
	switch {
	case errors.As(err, &mismatch):
		return nil, fault.New(fault.Unauthorized, "%s is not encrypted to the key in %s: encrypt it again with that key's public part as a recipient (age-keygen -y)", p.cfg.File, p.cfg.Identity)
	case err != nil:
		return nil, fault.New(fault.Invalid, "%s is no age file: make it with age -e -r RECIPIENT -o %s", p.cfg.File, p.cfg.File)
	}
	plain, err := io.ReadAll(io.LimitReader(opened, limit+1))
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "%s is damaged or was changed: its content does not match its authentication", p.cfg.File)
	case len(plain) > limit:
		return nil, fault.New(fault.Invalid, "%s holds more than %d bytes", p.cfg.File, limit)
	}
	return plain, nil
}

func readFile(path string) ([]byte, fs.FileMode, error) {
	info, err := os.Stat(path) // Before opening: a named pipe would make the opening wait.
	if err == nil && !info.Mode().IsRegular() {
		return nil, 0, fault.New(fault.Invalid, "%s is no regular file", path)
	}
	if err != nil {
		return nil, 0, openFault(err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, openFault(err)
	}
	defer file.Close()
	info, err = file.Stat()
	if err != nil {
		return nil, 0, openFault(err)
	}
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err != nil {
		return nil, 0, openFault(err)
	}
	if len(content) > limit {
		return nil, 0, fault.New(fault.Invalid, "%s is larger than %d bytes", path, limit)
	}
	return content, info.Mode(), nil
}

func openFault(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fault.New(fault.Unauthorized, "opening a file of secrets: %w", err)
	}
	return fault.New(fault.Unavailable, "opening a file of secrets: %w", err)
}

// known lists the names in the map for an error; names are no secrets.
func known(names []string) string {
	if len(names) == 0 {
		return "it is empty"
	}
	return "it has: " + strings.Join(names, ", ")
}

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"fermata/sandbox/keep"
)

// Where passwords are kept that runs generate, in the sandbox's folder: a file that is encrypted with age, and its identity.
const (
	ageName     = "passwords.age"
	ageIdentity = "secrets/age-identity"
)

// ageFile makes the file, empty, and its identity, or finds them again. It returns who the file is encrypted to.
func ageFile(folder string) (recipient string, err error) {
	text, err := generated(filepath.Join(folder, ageIdentity), func() (string, error) {
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			return "", err
		}
		return identity.String(), nil
	})
	if err != nil {
		return "", err
	}
	identity, err := age.ParseX25519Identity(strings.TrimSpace(text))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", ageIdentity, err)
	}
	path := filepath.Join(folder, ageName)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return identity.Recipient().String(), err
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, identity.Recipient())
	if err != nil {
		return "", fmt.Errorf("making %s: %w", ageName, err)
	}
	if _, err := io.WriteString(w, "{}\n"); err != nil {
		return "", fmt.Errorf("making %s: %w", ageName, err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("making %s: %w", ageName, err)
	}
	return identity.Recipient().String(), keep.Replace(path, sealed.Bytes())
}

// Package keep writes the files in which a sandbox and its systems keep their state, so that a process that is killed leaves
// either the old one or the new.
package keep

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Replace writes a file whole or not at all.
func Replace(path string, data []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Save writes v as JSON.
func Save(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return Replace(path, text)
}

// Load reads what Save wrote. A file that is not there leaves v as it is.
func Load(path string, v any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("reading %s: %w: remove it to begin anew", path, err)
	}
	return nil
}

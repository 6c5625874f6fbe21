package sandbox

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// DefaultPolicy is the policy file of a sandbox that a person starts.
//
//go:embed policy.yaml
var DefaultPolicy string

// policyFile is where the policy is, below the sandbox's folder.
const policyFile = "people/policy.yaml"

// govern writes the policy file, unless a person has one there.
func (s *Sandbox) govern(context.Context, *secretFiles) error {
	if s.o.Policy == "" {
		return nil
	}
	f, err := os.OpenFile(s.folder(policyFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing the policy: %w", err)
	}
	_, err = f.WriteString(s.o.Policy)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the policy: %w", err)
	}
	return nil
}

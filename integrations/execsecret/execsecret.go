// Package execsecret reads secrets by running a helper: a program of the user's that knows where they are.
//
// The helper is given a question on standard input, {"name": "web-01/db", "field": "password", "version": "3"} (field and
// version only where the reference has them), and answers on standard output: {"value": "...", "version": "3"}, or
// {"error": "NotFound", "message": "..."}. It is run anew for each reading, without a shell, with a time limit and with
// no variables of the environment but those that are listed.
package execsecret

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// The bounds of a helper.
const (
	// DefaultTimeout is how long a helper may take.
	DefaultTimeout = 10 * time.Second
	// Limit is the size of the longest answer, in bytes.
	Limit = 1 << 20
)

// Config says which helper is run.
type Config struct {
	// Command is the helper's absolute path and its arguments. Required.
	Command []string `yaml:"command"`
	// Timeout is when the helper and all that it started are killed; 0: DefaultTimeout.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Env names the variables of the worker's environment that the helper is given. It gets no others.
	Env []string `yaml:"env,omitempty"`
}

var (
	variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	nameForm     = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*(#[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	versionForm  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// Provider reads secrets through a helper.
type Provider struct{ cfg Config }

var _ secret.Versioned = Provider{}

// New returns the provider. The helper need not be there yet. Faults: Invalid for a bad configuration.
func New(cfg Config) (Provider, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	switch {
	case len(cfg.Command) == 0 || !filepath.IsAbs(cfg.Command[0]):
		return Provider{}, fault.New(fault.Invalid, "reading secrets through a helper: command: expected its absolute path, then its arguments")
	case strings.Contains(strings.Join(cfg.Command, ""), "\x00"):
		return Provider{}, fault.New(fault.Invalid, "reading secrets through a helper: command: no argument can hold a zero byte")
	case cfg.Timeout < 0:
		return Provider{}, fault.New(fault.Invalid, "reading secrets through a helper: timeout must be positive")
	}
	for _, name := range cfg.Env {
		if !variableForm.MatchString(name) {
			return Provider{}, fault.New(fault.Invalid, "reading secrets through a helper: env: expected the name of a variable, found %q", name)
		}
	}
	return Provider{cfg: cfg}, nil
}

// Read returns the current value.
func (p Provider) Read(ctx context.Context, name string) (secret.Value, error) {
	value, _, err := p.ReadVersion(ctx, name, "")
	return value, err
}

// ReadVersion runs the helper. The version is what the helper calls it; empty: it says none.
func (p Provider) ReadVersion(ctx context.Context, name, version string) (secret.Value, string, error) {
	if err := ctx.Err(); err != nil {
		return secret.Value{}, "", fmt.Errorf("reading secret %q: %w", name, err)
	}
	if !nameForm.MatchString(name) || strings.Contains(name, "..") {
		return secret.Value{}, "", fault.New(fault.Invalid, "reading secret %q: expected a name of letters, digits and . _ - /, with #field if the helper knows any", name)
	}
	if version != "" && (!versionForm.MatchString(version) || strings.Contains(version, "..")) {
		return secret.Value{}, "", fault.New(fault.Invalid, "reading secret %q: %q is no version", name, version)
	}
	doing := fmt.Sprintf("reading secret %q", name)
	if version != "" {
		doing += " in version " + version
	}
	got, err := p.ask(ctx, newQuestion(name, version))
	if err != nil {
		return secret.Value{}, "", fault.Wrap(fault.KindOf(err), err, doing)
	}
	return secret.NewValue([]byte(got.Value)), got.Version, nil
}

// Package ansible configures guests with playbooks, by the real ansible-playbook of the worker.
//
// It implements the port of activities/configuration. It promises that only the project that was pinned is run, from a
// copy that nobody else can change; that a play runs over one SSH connection which holds the guest's lock, so that a play
// without the lock reaches nothing; that secrets go to the program sealed, with a key that goes through a pipe, and what comes back has them hidden;
// and that nothing of the worker account's own settings of Ansible or SSH is picked up.
package ansible

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/sshx"
)

// Type is the word in the configuration.
const Type = "ansible"

// Integration returns the integration.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{configuration.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	var cfg Config
	if err := sys.Decode(&cfg); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of "+sys.Name)
	}
	cfg.Project = sys.Resolve(cfg.Project)
	if cfg.Jump != nil {
		jump := cfg.Jump.Resolved(sys.Resolve)
		cfg.Jump = &jump
	}
	return New(cfg, env)
}

// Runner runs the playbooks of one project. It is safe for concurrent use.
type Runner struct {
	cfg     Config
	secrets secret.Resolver
	pool    *sshx.Pool // For Check: plays have a connection of their own.
}

var _ configuration.Runner = (*Runner)(nil)

// New prepares the runner; it starts and connects to nothing. Faults: Invalid for a bad configuration.
func New(cfg Config, env integrations.Environment) (*Runner, error) {
	if err := cfg.complete(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of playbooks")
	}
	pool, err := sshx.NewPool(cfg.ssh(), env.Secrets)
	if err != nil {
		return nil, err
	}
	if env.Log != nil {
		if program, err := cfg.program(); err != nil {
			env.Log.Warn("playbooks cannot be run", "project", cfg.Project, "error", err)
		} else {
			env.Log.Info("playbooks are run", "project", cfg.Project, "program", program)
		}
	}
	sweep()
	return &Runner{cfg: cfg, secrets: env.Secrets, pool: pool}, nil
}

// Endpoint says where the playbooks are.
func (r *Runner) Endpoint() string { return r.cfg.Project }

// Close ends what Check has opened. Plays end with their contexts.
func (r *Runner) Close(context.Context) error { return r.pool.Close() }

// Check proves that the programs are there, the project can be read, the key too, and the jump host lets it in.
func (r *Runner) Check(ctx context.Context) error {
	if _, err := r.cfg.program(); err != nil {
		return err
	}
	if _, err := sshProgram(); err != nil {
		return err
	}
	if _, err := snapshot(r.cfg.Project, ""); err != nil {
		return err
	}
	if _, err := r.pool.PublicKey(ctx); err != nil {
		return err
	}
	return r.pool.Ping(ctx)
}

// program finds ansible-playbook.
func (c *Config) program() (string, error) {
	const advice = "install it on the worker (Debian, Ubuntu: apt-get install ansible-core; else: pip install ansible-core), or name its path with program"
	places := []string{"/usr/local/bin/ansible-playbook", "/usr/bin/ansible-playbook"}
	if c.Program != "" {
		places = []string{c.Program}
	}
	path, err := find(places)
	if err != nil {
		return "", fault.New(fault.Invalid, "looking for ansible-playbook: %w: %s", err, advice)
	}
	return path, nil
}

func sshProgram() (string, error) {
	path, err := find([]string{"/usr/bin/ssh", "/usr/local/bin/ssh", "/opt/homebrew/bin/ssh"})
	if err != nil {
		return "", fault.New(fault.Invalid, "looking for ssh: %w: install OpenSSH's client on the worker (Debian, Ubuntu: apt-get install openssh-client)", err)
	}
	return path, nil
}

func find(places []string) (string, error) {
	err := error(fs.ErrNotExist)
	for _, place := range places {
		info, problem := os.Stat(filepath.Clean(place))
		switch {
		case problem == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0:
			return place, nil
		case problem == nil:
			err = errors.New(place + " is no program")
		case len(places) == 1 || !errors.Is(problem, fs.ErrNotExist):
			err = problem
		}
	}
	return "", err
}

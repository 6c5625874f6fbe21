package ansible

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"time"

	"fermata/activities/secret"
	"fermata/integrations/sshx"
)

// Config is one project of playbooks and how its hosts are reached, as an installation describes it.
type Config struct {
	// Project is the folder of playbooks, roles and files on the worker. Required.
	Project string `yaml:"project"`
	// Key is the reference to the private key that guests accept. Required.
	Key secret.Ref `yaml:"key"`
	// HostCA are keys that sign the guests' host certificates; for guests whose keys no platform tells.
	HostCA []string `yaml:"hostCA,omitempty"`
	// Jump is the host to go through.
	Jump *sshx.Config `yaml:"jump,omitempty"`
	// Program is the path of ansible-playbook: the one in /usr/local/bin or /usr/bin if absent.
	Program string `yaml:"program,omitempty"`
	// Python is the interpreter on the guests: /usr/bin/python3 if absent.
	Python string `yaml:"python,omitempty"`
	// Become makes every task run as root unless the playbook says otherwise.
	Become bool `yaml:"become,omitempty"`
	// Collections are folders of collections beside the project's own "collections".
	Collections []string `yaml:"collections,omitempty"`
	// Timeout bounds one run of ansible-playbook: 1h if absent. A play has three.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// ConnectTimeout bounds connecting to a host: 15s if absent.
	ConnectTimeout time.Duration `yaml:"connectTimeout,omitempty"`
	// LockWait is how long a play waits for what else changes the guest: 1m if absent.
	LockWait time.Duration `yaml:"lockWait,omitempty"`
}

// The defaults of a Config.
const (
	DefaultPython         = "/usr/bin/python3"
	DefaultTimeout        = time.Hour
	DefaultConnectTimeout = 15 * time.Second
	DefaultLockWait       = time.Minute
)

// plainPath is a path that no program reads as more than a path.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._/+-]+$`)

func (c *Config) complete() error {
	if c.Python == "" {
		c.Python = DefaultPython
	}
	for _, d := range []struct {
		length *time.Duration
		value  time.Duration
	}{{&c.Timeout, DefaultTimeout}, {&c.ConnectTimeout, DefaultConnectTimeout}, {&c.LockWait, DefaultLockWait}} {
		if *d.length == 0 {
			*d.length = d.value
		}
	}
	switch {
	case c.Project == "":
		return fmt.Errorf("project is missing: expected the folder of playbooks on the worker")
	case !filepath.IsAbs(c.Project):
		return fmt.Errorf("project: expected an absolute path, found %q", c.Project)
	case c.Key == "":
		return fmt.Errorf("key is missing: expected secret://provider/name of the private key that guests accept")
	case c.Program != "" && !plainPath.MatchString(c.Program):
		return fmt.Errorf("program: expected the absolute path of ansible-playbook, found %q", c.Program)
	case !plainPath.MatchString(c.Python) || path.Clean(c.Python) != c.Python:
		return fmt.Errorf("python: expected the absolute path of an interpreter on the guests, found %q", c.Python)
	case c.Timeout < time.Second || c.ConnectTimeout < time.Second || c.LockWait < time.Second:
		return fmt.Errorf("timeout, connectTimeout and lockWait must be 1s or more")
	}
	for _, folder := range c.Collections {
		if !plainPath.MatchString(folder) {
			return fmt.Errorf("collections: expected absolute paths, found %q", folder)
		}
	}
	return nil
}

func (c *Config) ssh() sshx.Config {
	return sshx.Config{Key: c.Key, HostCA: c.HostCA, Jump: c.Jump, Timeout: c.ConnectTimeout}
}

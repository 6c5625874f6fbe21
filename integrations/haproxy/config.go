package haproxy

import (
	"fmt"
	"path"
	"strings"
	"time"

	"fermata/integrations/sshx"
)

// Config describes one balancer.
type Config struct {
	// SSH is how the balancer's host is logged in to. The file is edited there.
	SSH sshx.Config `yaml:"ssh"`
	// Socket is the stats socket of level admin: host:port, reached through the jump host if there is one, or the path of
	// a unix socket on the host, reached through its sshd (AllowStreamLocalForwarding).
	Socket string `yaml:"socket"`
	// File is the configuration file that holds the marked blocks. /etc/haproxy/haproxy.cfg if absent.
	File string `yaml:"file,omitempty"`
	// Files are all files that HAProxy is started with, in order, if there is more than File.
	Files []string `yaml:"files,omitempty"`
	// Lock is the file on the host that writers take turns on. /run/lock/fermata-haproxy.lock if absent.
	Lock string `yaml:"lock,omitempty"`
	// Sudo edits the file as root through sudo -n.
	Sudo bool `yaml:"sudo,omitempty"`
	// CheckInterval is the time between two health checks of a member; HAProxy's own default (2s) if absent.
	CheckInterval time.Duration `yaml:"checkInterval,omitempty"`
	// Poll is how often the runtime is looked at while waiting; 500ms if absent.
	Poll time.Duration `yaml:"poll,omitempty"`
}

// The defaults of a Config.
const (
	DefaultFile = "/etc/haproxy/haproxy.cfg"
	DefaultLock = "/run/lock/fermata-haproxy.lock"
	DefaultPoll = 500 * time.Millisecond
)

func (c Config) withDefaults() Config {
	if c.File == "" {
		c.File = DefaultFile
	}
	if len(c.Files) == 0 {
		c.Files = []string{c.File}
	}
	if c.Lock == "" {
		c.Lock = DefaultLock
	}
	if c.Poll == 0 {
		c.Poll = DefaultPoll
	}
	return c
}

// Validate says what a person must correct.
func (c Config) Validate() error {
	c = c.withDefaults()
	if c.SSH.Address == "" {
		return fmt.Errorf("ssh.address is missing: expected host:port of the balancer's host")
	}
	if err := c.SSH.Validate(); err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	if c.Socket == "" {
		return fmt.Errorf("socket is missing: expected host:port or the path of HAProxy's stats socket")
	}
	if !strings.HasPrefix(c.Socket, "/") && !strings.Contains(c.Socket, ":") {
		return fmt.Errorf("socket %q: expected host:port or an absolute path", c.Socket)
	}
	found := false
	for _, file := range append([]string{c.Lock}, c.Files...) {
		if !path.IsAbs(file) || path.Clean(file) != file {
			return fmt.Errorf("%q: expected an absolute path without \".\" or \"..\"", file)
		}
		found = found || file == c.File
	}
	if !found {
		return fmt.Errorf("files does not list %s: expected all files that HAProxy is started with", c.File)
	}
	if c.CheckInterval < 0 || c.CheckInterval > 0 && c.CheckInterval < time.Millisecond || c.Poll < 0 {
		return fmt.Errorf("checkInterval and poll must be positive")
	}
	return nil
}

package linux

import (
	"fmt"
	"time"

	"fermata/activities/secret"
	"fermata/integrations/sshx"
)

// Config is how guests are reached, as an installation describes it. A guest's address, account and host keys come with
// each request.
type Config struct {
	// Key is the reference to the private key that guests accept.
	Key secret.Ref `yaml:"key"`
	// HostCA are keys that sign the guests' host certificates; for guests whose keys no platform tells.
	HostCA []string `yaml:"hostCA,omitempty"`
	// Jump is the host to go through.
	Jump *sshx.Config `yaml:"jump,omitempty"`
	// Timeout bounds connecting and logging in: 15s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// FirstBoot is how long a new guest may take until it lets the worker in and cloud-init is done: 15m if absent.
	FirstBoot time.Duration `yaml:"firstBoot,omitempty"`
	// LockWait is how long a command waits for one that an earlier attempt left running: 1m if absent.
	LockWait time.Duration `yaml:"lockWait,omitempty"`
}

// The defaults of a Config.
const (
	DefaultFirstBoot = 15 * time.Minute
	DefaultLockWait  = time.Minute
)

func (c *Config) complete() error {
	if c.FirstBoot == 0 {
		c.FirstBoot = DefaultFirstBoot
	}
	if c.LockWait == 0 {
		c.LockWait = DefaultLockWait
	}
	switch {
	case c.Key == "":
		return fmt.Errorf("key is missing: expected secret://provider/name of the private key that guests accept")
	case c.FirstBoot < 0 || c.LockWait < time.Second:
		return fmt.Errorf("firstBoot must be positive, lockWait 1s or more")
	}
	return nil
}

func (c *Config) ssh() sshx.Config {
	return sshx.Config{Key: c.Key, HostCA: c.HostCA, Jump: c.Jump, Timeout: c.Timeout}
}

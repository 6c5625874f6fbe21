package openstack

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"fermata/activities/secret"
	"fermata/integrations/cloudx"
	"fermata/integrations/httpx"
	"fermata/spec"
)

// Config is the vendor's part of the configuration of an OpenStack.
type Config struct {
	// URL of Keystone, with or without /v3: https://keystone.example:5000. Plain http on loopback only.
	URL string `yaml:"url"`
	// Region of the catalogue's services; empty: the first one that a service has.
	Region string `yaml:"region,omitempty"`
	// Interface is which addresses of the catalogue are used: public (default), internal or admin.
	Interface string `yaml:"interface,omitempty"`
	// ApplicationCredential logs in to its own project; instead of username, password and project.
	ApplicationCredential *ApplicationCredential `yaml:"applicationCredential,omitempty"`
	Username              string                 `yaml:"username,omitempty"`
	Password              secret.Ref             `yaml:"password,omitempty"`
	UserDomain            string                 `yaml:"userDomain,omitempty"` // Name; Default if absent.
	Project               string                 `yaml:"project,omitempty"`    // Name.
	ProjectDomain         string                 `yaml:"projectDomain,omitempty"`
	// Access opens the worker's own path to every instance: a rule in each security group that is made.
	Access cloudx.Access `yaml:"access,omitempty"`
	// HostKeys says where SSH host keys come from: console (default), as cloud-init's cc_keys_to_console writes them there, or
	// none: the console is not read, and a host CA vouches for instances.
	HostKeys string `yaml:"hostKeys,omitempty"`
	// ConfigDrive gives instances their user data on a disk, for networks without a metadata service.
	ConfigDrive bool `yaml:"configDrive,omitempty"`
	// VolumeZone is the availability zone of volumes, where Cinder's have other names than Nova's.
	VolumeZone string `yaml:"volumeZone,omitempty"`
	// Boot limits how long one attempt waits for the host keys of a server that is ACTIVE: 10m if absent.
	Boot spec.Duration `yaml:"boot,omitempty"`
	// Poll is how long to wait between two looks at something that takes time: 2s if absent.
	Poll spec.Duration `yaml:"poll,omitempty"`
	// HTTP says how the services are reached: ca, pin, proxy, timeout.
	HTTP httpx.Config `yaml:"http,omitempty"`
}

// ApplicationCredential is one of Keystone's, by its id.
type ApplicationCredential struct {
	ID     string     `yaml:"id"`
	Secret secret.Ref `yaml:"secret"`
}

// Where host keys come from.
const (
	fromConsole = "console"
	fromNowhere = "none"
)

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config {
	return Config{
		Interface: "public", UserDomain: "Default", ProjectDomain: "Default", Access: cloudx.Access{Port: spec.DefaultSSHPort},
		HostKeys: fromConsole, Boot: spec.Duration(10 * time.Minute), Poll: spec.Duration(2 * time.Second),
	}
}

// check reports what is wrong and returns the address of Keystone, without the version.
func (c *Config) check() (*url.URL, error) {
	address, err := checkURL("url", c.URL)
	if err != nil {
		return nil, err
	}
	if err := c.checkLogin(); err != nil {
		return nil, err
	}
	if err := c.Access.Check(); err != nil {
		return nil, err
	}
	switch {
	case !slices.Contains([]string{"public", "internal", "admin"}, c.Interface):
		return nil, fmt.Errorf("interface: expected public, internal or admin, found %q", c.Interface)
	case c.HostKeys != fromConsole && c.HostKeys != fromNowhere:
		return nil, fmt.Errorf("hostKeys: expected console or none, found %q", c.HostKeys)
	case c.Boot <= 0 || c.Poll <= 0:
		return nil, errors.New("boot and poll: expected lengths of time above zero")
	}
	address.Path = strings.TrimSuffix(strings.TrimSuffix(address.Path, "/"), "/v3")
	return address, nil
}

func (c *Config) checkLogin() error {
	if a := c.ApplicationCredential; a != nil {
		if c.Username != "" || c.Password != "" || c.Project != "" {
			return errors.New("applicationCredential: it stands for username, password and project; give either")
		}
		if a.ID == "" {
			return errors.New("applicationCredential.id: expected the id of a credential, found none")
		}
		if _, _, err := a.Secret.Parse(); err != nil {
			return errors.New("applicationCredential.secret: expected a reference secret://provider/name")
		}
		return nil
	}
	if c.Username == "" || c.Project == "" || c.UserDomain == "" || c.ProjectDomain == "" {
		return errors.New("username and project: expected both, or an applicationCredential")
	}
	if _, _, err := c.Password.Parse(); err != nil {
		return errors.New("password: expected a reference secret://provider/name")
	}
	return nil
}

// checkURL wants https wherever a token would cross a network.
func checkURL(what, text string) (*url.URL, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Host == "" || address.Scheme != "https" && address.Scheme != "http":
		return nil, fmt.Errorf("%s: expected an address such as https://keystone.example:5000", what)
	case address.User != nil || address.RawQuery != "" || address.Fragment != "":
		return nil, fmt.Errorf("%s: expected no credential, no query and no fragment", what)
	case address.Scheme == "http" && !loopback(address.Hostname()):
		return nil, fmt.Errorf("%s: expected https: tokens would cross the network in clear text to %s", what, address.Host)
	}
	return address, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

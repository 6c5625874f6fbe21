package vaultsecret

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"fermata/integrations/httpx"
)

// Config says how a Vault or an OpenBao is reached and how the worker logs in. The credential is in a file: it cannot be a
// secret of the same Vault.
type Config struct {
	// Address of the API: https://vault.example.net:8200. http only on the machine itself.
	Address string `yaml:"address"`
	// CA is the path of a PEM file with the authorities to trust instead of the machine's.
	CA string `yaml:"ca,omitempty"`
	// Namespace that the mounts and the login are in; empty: the root one.
	Namespace string `yaml:"namespace,omitempty"`
	// Timeout of a request; 0: httpx.DefaultTimeout.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Writable are the paths that new versions may be kept at, and below: kv/web-01. Empty: none.
	Writable []string `yaml:"writable,omitempty"`
	// Auth is how to log in. Exactly one way.
	Auth Auth `yaml:"auth"`
}

// Auth is how to log in.
type Auth struct {
	// AppRole logs in as a role, renews the token, and logs in again when it is over.
	AppRole *AppRole `yaml:"approle,omitempty"`
	// TokenFile holds a token that something else keeps alive, such as Vault Agent's sink. It is read for every request.
	TokenFile string `yaml:"tokenFile,omitempty"`
}

// AppRole is a role of the AppRole auth method.
type AppRole struct {
	RoleID string `yaml:"roleId"` // No secret by itself.
	// SecretIDFile holds the secret id. Its mode must be 0600 or less.
	SecretIDFile string `yaml:"secretIdFile"`
	// Mount is where the auth method is mounted; empty: approle.
	Mount string `yaml:"mount,omitempty"`
}

var pathForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)

// check reports what is wrong and returns the address without a slash at its end.
func (c Config) check() (*url.URL, error) {
	address, err := checkAddress(c.Address)
	if err != nil {
		return nil, err
	}
	if c.Namespace != "" && !plain(c.Namespace) {
		return nil, fmt.Errorf("namespace: expected a path such as team-a, found %q", c.Namespace)
	}
	for _, path := range c.Writable {
		if !plain(path) {
			return nil, fmt.Errorf("writable: expected paths such as kv/web-01, found %q", path)
		}
	}
	role := c.Auth.AppRole
	switch {
	case c.Timeout < 0:
		return nil, errors.New("timeout must be positive")
	case (role == nil) == (c.Auth.TokenFile == ""):
		return nil, errors.New("auth: expected either approle or tokenFile")
	case role == nil:
	case role.RoleID == "":
		return nil, errors.New("auth.approle.roleId is missing")
	case role.SecretIDFile == "":
		return nil, errors.New("auth.approle.secretIdFile is missing")
	case role.Mount != "" && !plain(role.Mount):
		return nil, fmt.Errorf("auth.approle.mount: expected a path such as approle, found %q", role.Mount)
	}
	return address, nil
}

func plain(path string) bool { return pathForm.MatchString(path) && !strings.Contains(path, "..") }

func checkAddress(text string) (*url.URL, error) {
	address, err := url.Parse(text)
	switch {
	case err != nil || address.Host == "" || (address.Scheme != "https" && address.Scheme != "http"):
		return nil, errors.New("address: expected the address of the API such as https://vault.example.net:8200")
	case address.User != nil:
		return nil, errors.New("address: it holds a credential; use auth instead")
	case address.RawQuery != "" || address.Fragment != "" || strings.Trim(address.Path, "/") != "":
		return nil, errors.New("address: expected no path behind the host")
	case address.Scheme == "http" && !loopback(address.Hostname()):
		return nil, errors.New("address: expected https: secrets would cross the network in clear text")
	}
	address.Path, address.RawPath = "", ""
	return address, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// http is how the server is reached. A secret of Vault is small, and so is every answer.
func (c Config) http() httpx.Config {
	cfg := httpx.Config{CA: c.CA, Timeout: c.Timeout, MaxBody: limit}
	if c.CA != "" {
		cfg.CA = filepath.Clean(c.CA)
	}
	return cfg
}

package vsphere

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"fermata/activities/secret"
	"fermata/spec"
)

// Config is the vendor's part of the configuration of a vCenter.
type Config struct {
	// URL of the SDK: https://vcenter.example/sdk. The path may be left out.
	URL      string     `yaml:"url"`
	Username string     `yaml:"username"`
	Password secret.Ref `yaml:"password"`
	// CAFile holds the certificates (PEM) that the vCenter's must come from; empty: the system's.
	CAFile string `yaml:"caFile,omitempty"`
	// Thumbprint pins the vCenter's certificate: SHA-256 in hexadecimal, colons allowed. It replaces CAFile.
	Thumbprint string `yaml:"thumbprint,omitempty"`
	// Datacenter is meant where a spec names none.
	Datacenter string `yaml:"datacenter,omitempty"`
	Wait       Wait   `yaml:"wait,omitempty"`
}

// Wait limits how long one attempt waits for a guest.
type Wait struct {
	Address  spec.Duration `yaml:"address,omitempty"`  // For the address and host keys after power-on; 10m if absent.
	Shutdown spec.Duration `yaml:"shutdown,omitempty"` // For the guest to shut down before it is powered off; 5m if absent.
}

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config {
	return Config{Wait: Wait{Address: spec.Duration(10 * time.Minute), Shutdown: spec.Duration(5 * time.Minute)}}
}

// check reports what is wrong and returns the address of the SDK.
func (c *Config) check() (*url.URL, error) {
	target, err := url.Parse(c.URL)
	switch {
	case err != nil || target.Host == "":
		return nil, fmt.Errorf("url: expected the address of a vCenter such as https://vcenter.example/sdk, found %q", c.URL)
	case target.Scheme != "https":
		return nil, fmt.Errorf("url: expected https, found %q: a vCenter is reached over verified TLS only", target.Scheme)
	case target.User != nil:
		return nil, errors.New("url: it holds a credential; use username and password instead")
	case c.Username == "":
		return nil, errors.New("username: expected the account to log in with, found none")
	case c.Wait.Address <= 0 || c.Wait.Shutdown <= 0:
		return nil, errors.New("wait: expected lengths of time above zero")
	}
	if _, _, err := c.Password.Parse(); err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	if _, err := c.pin(); err != nil {
		return nil, err
	}
	if target.Path == "" || target.Path == "/" {
		target.Path = "/sdk"
	}
	return target, nil
}

// pin is the SHA-256 of the pinned certificate; nil if none is pinned.
func (c *Config) pin() ([]byte, error) {
	if c.Thumbprint == "" {
		return nil, nil
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(c.Thumbprint, ":", ""))
	if err != nil || len(sum) != 32 {
		return nil, errors.New("thumbprint: expected the SHA-256 of the certificate, 64 hexadecimal digits " +
			"(openssl x509 -noout -fingerprint -sha256)")
	}
	if c.CAFile != "" {
		return nil, errors.New("thumbprint: give either it or caFile")
	}
	return sum, nil
}

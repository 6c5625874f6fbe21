// Package dbx is what integrations of database servers share: how a server is reached and trusted, the form of connection files,
// and how a dump becomes a file.
//
// It promises that a connection is encrypted and the server is verified, unless both ends are on one machine, and that no
// password stands in an error or an argument of a program.
package dbx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"strconv"
	"time"

	"fermata/activities/database"
	"fermata/activities/fault"
	"fermata/activities/secret"
)

// Config is what the configurations of all database servers have.
type Config struct {
	// Address is where workers reach the server, host:port; the engine's own port if absent.
	Address string `yaml:"address"`
	// Endpoint is where its clients reach it, if that is another address.
	Endpoint string `yaml:"endpoint,omitempty"`
	// User is the account that makes databases and roles.
	User string `yaml:"user"`
	// Password is the reference to its password.
	Password secret.Ref `yaml:"password"`
	// CA is the path of a PEM file with the authorities to trust, for workers and clients alike. It may be absent only where
	// address and endpoint are on loopback: then connections are not encrypted.
	CA string `yaml:"ca,omitempty"`
	// Timeout bounds connecting and logging in: 15s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Archives is the folder for dumps; without one, none is made. Nobody but the worker's account needs to read it.
	Archives string `yaml:"archives,omitempty"`
}

// DefaultTimeout bounds connecting and logging in.
const DefaultTimeout = 15 * time.Second

// Site is a Config that was found good.
type Site struct {
	Address, Endpoint Address
	CA                string // The authorities' certificates, PEM; empty: connections are not encrypted.
	roots             *x509.CertPool
}

// Address is a host and its port.
type Address struct {
	Host string
	Port int
}

// String is host:port.
func (a Address) String() string { return net.JoinHostPort(a.Host, strconv.Itoa(a.Port)) }

// Loopback reports whether it is on the machine itself.
func (a Address) Loopback() bool {
	ip := net.ParseIP(a.Host)
	return a.Host == "localhost" || ip != nil && ip.IsLoopback()
}

var userForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,62}$`)

// Check completes the configuration and says what a person must correct. port is the engine's own.
func (c *Config) Check(port int) (Site, error) {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Endpoint == "" {
		c.Endpoint = c.Address
	}
	site := Site{}
	var err error
	if site.Address, err = parseAddress(c.Address, port); err != nil {
		return Site{}, fmt.Errorf("address: %w", err)
	}
	if site.Endpoint, err = parseAddress(c.Endpoint, port); err != nil {
		return Site{}, fmt.Errorf("endpoint: %w", err)
	}
	if !userForm.MatchString(c.User) {
		return Site{}, fmt.Errorf("user: expected the account that makes databases and roles, found %q", c.User)
	}
	if _, _, err := c.Password.Parse(); err != nil {
		return Site{}, errors.New("password: expected a reference secret://provider/name")
	}
	if c.Timeout < 0 {
		return Site{}, fmt.Errorf("timeout: expected a length of time above zero, found %s", c.Timeout)
	}
	return site.trust(c.CA)
}

func (s Site) trust(ca string) (Site, error) {
	if ca == "" {
		if !s.Address.Loopback() || !s.Endpoint.Loopback() {
			return Site{}, errors.New("ca is missing: expected a file with the authorities to trust; only on loopback there may be none")
		}
		return s, nil
	}
	text, err := os.ReadFile(ca)
	if err != nil {
		return Site{}, fmt.Errorf("ca: %w", err)
	}
	s.CA, s.roots = string(text), x509.NewCertPool()
	if !s.roots.AppendCertsFromPEM(text) {
		return Site{}, fmt.Errorf("ca: %s holds no certificate: expected PEM", ca)
	}
	return s, nil
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9:]([A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?$`)

func parseAddress(text string, port int) (Address, error) {
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		host, number = text, strconv.Itoa(port)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || !hostForm.MatchString(host) {
		return Address{}, fmt.Errorf("expected host:port of a database server, found %q", text)
	}
	return Address{Host: host, Port: int(n)}, nil
}

// TLS is how a connection to an address is encrypted and the server verified; nil: it is not.
func (s Site) TLS(to Address) *tls.Config {
	if s.roots == nil {
		return nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.roots, ServerName: to.Host}
}

// Of is the endpoint as the port has it.
func (s Site) Of(engine string) database.Endpoint {
	return database.Endpoint{Engine: engine, Host: s.Endpoint.Host, Port: s.Endpoint.Port, CA: s.CA}
}

// CheckPassword refuses a password that files and statements would have to quote. Passwords that activities make need none.
func CheckPassword(password secret.Value) error {
	if !passwordForm.Match(password.Reveal()) {
		return fault.New(fault.Invalid, "expected a password of 16 to 128 letters and digits")
	}
	return nil
}

var passwordForm = regexp.MustCompile(`^[A-Za-z0-9]{16,128}$`)

// NoTLS reports whether err says that the server could not be verified.
func NoTLS(err error) bool {
	var unverified *tls.CertificateVerificationError
	return errors.As(err, &unverified)
}

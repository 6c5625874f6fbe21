package smtp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"fermata/activities/secret"
	"fermata/integrations/httpx"
)

// Config is the vendor's part of the configuration of a mail server.
type Config struct {
	// Server is the submission server, host:port.
	Server string `yaml:"server"`
	// From is the sender's address, in the header and on the envelope.
	From string `yaml:"from"`
	// TLS is "starttls", "implicit", or "none", which is for loopback only.
	TLS string `yaml:"tls,omitempty"`
	// CA is the path of a PEM file with the authorities to trust instead of the machine's.
	CA string `yaml:"ca,omitempty"`
	// Username and Password log in. Without both nobody does.
	Username string     `yaml:"username,omitempty"`
	Password secret.Ref `yaml:"password,omitempty"`
	// Timeout bounds one notice, from dialling to the server's word that it took it.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// The values of Config.TLS.
const (
	StartTLS = "starttls"
	Implicit = "implicit"
	None     = "none"
)

// DefaultConfig is what a configuration starts from.
func DefaultConfig() Config { return Config{TLS: StartTLS, Timeout: 45 * time.Second} }

// maxTimeout is how long the activity that sends may take.
const maxTimeout = time.Minute

// addressForm is a mailbox as RFC 5321 has it, without quoted local parts and address literals.
var addressForm = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$")

// maxAddress is the longest path of RFC 5321, section 4.5.3.1.3, without its brackets.
const maxAddress = 254

func isAddress(text string) bool { return len(text) <= maxAddress && addressForm.MatchString(text) }

// check reports what is wrong, and returns the server's host.
func (c Config) check() (host string, err error) {
	host, port, err := net.SplitHostPort(c.Server)
	number, bad := strconv.Atoi(port)
	switch {
	case err != nil || bad != nil || host == "" || number < 1 || number > 65535 || strings.ContainsAny(host, " \r\n/@"):
		return "", fmt.Errorf("server: expected host:port such as mail.example.net:587, found %q", c.Server)
	case !isAddress(c.From):
		return "", fmt.Errorf("from: expected an address such as fermata@example.net, found %q", c.From)
	case c.TLS != StartTLS && c.TLS != Implicit && c.TLS != None:
		return "", fmt.Errorf("tls: expected starttls, implicit or none, found %q", c.TLS)
	case c.TLS == None && !loopback(host):
		return "", errors.New("tls: none is for loopback only: notices and the password would cross the network in clear text")
	case c.TLS == None && c.CA != "":
		return "", errors.New("ca: without tls there is no certificate to verify")
	case (c.Username == "") != (c.Password == ""):
		return "", errors.New("username: it goes with password, and password with it")
	case strings.ContainsAny(c.Username, "\x00\r\n"):
		return "", errors.New("username: expected one line")
	case c.Timeout <= 0 || c.Timeout > maxTimeout:
		return "", fmt.Errorf("timeout: expected a length of time up to %s, found %s", maxTimeout, c.Timeout)
	}
	if c.Password != "" {
		if _, _, err := c.Password.Parse(); err != nil {
			return "", errors.New("password: expected a reference secret://provider/name")
		}
	}
	return host, nil
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func (c Config) security(host string) (*tls.Config, error) {
	roots, err := httpx.Roots(c.CA)
	return &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots}, err
}

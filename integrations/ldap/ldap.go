// Package ldap keeps accounts in a directory that speaks LDAPv3: OpenLDAP, or Active Directory with its own attributes.
//
// Every call has a connection of its own, over TLS with a verified certificate, so that a server that has closed one, or was
// restarted, is no matter. An account is one entry that is added whole with its mark (the operation's key and the owner, in
// an attribute), so that an attempt whose answer was lost finds what it made. DNs and filters are escaped by the library.
//
// Sources: RFC 4511 (protocol), RFC 4513 (StartTLS, binding), RFC 4519, RFC 2798 and RFC 2307 (attributes),
// draft-behera-ldap-password-policy-10 and slapo-ppolicy(5), and MS-ADTS, sections 2.2.16 (userAccountControl) and
// 3.1.1.3.1.5 (passwords).
package ldap

import (
	"context"
	"crypto/tls"

	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/httpx"
)

// Type is the word in the configuration.
const Type = "ldap"

// Integration opens directories.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{directory.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of directory "+sys.Name)
	}
	c.CA = sys.Resolve(c.CA)
	return New(c, env.Secrets)
}

// Driver works one directory. It may be used by many goroutines.
type Driver struct {
	config   Config
	secrets  secret.Resolver
	security *tls.Config
	dial     string // host:port.
	implicit bool   // TLS from the first byte.
	flavour  flavour
}

var (
	_ directory.Directory = (*Driver)(nil)
	_ integrations.System = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver) (*Driver, error) {
	err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a directory")
	}
	d := &Driver{config: c, secrets: secrets, flavour: openLDAP{c}}
	if c.Flavour == ActiveDirectory {
		d.flavour = activeDirectory{c}
	}
	host, dial, implicit, err := address(c.URL)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a directory")
	}
	roots, err := httpx.Roots(c.CA)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a directory")
	}
	d.dial, d.implicit = dial, implicit
	d.security = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, RootCAs: roots}
	return d, nil
}

// Endpoint returns the address of the directory.
func (d *Driver) Endpoint() string { return d.config.URL }

// Close has nothing to end: no connection outlives a call.
func (d *Driver) Close(context.Context) error { return nil }

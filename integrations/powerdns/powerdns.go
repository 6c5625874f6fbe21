// Package powerdns keeps names in a PowerDNS Authoritative Server through its HTTP API.
//
// The operation's key and the owner stand in a comment of the record set, whose account is "fermata". The API changes a set
// as a whole and knows no condition, so the driver looks, changes and looks again; where two runs must be kept apart by the
// server itself, integrations/rfc2136 works PowerDNS too.
//
// Sources: PowerDNS's documentation, pages "HTTP API", "Zones" and "Searching"; answers were compared with PowerDNS 4.7.3.
package powerdns

import (
	"context"
	"net/http"
	"net/url"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/dnsx"
	"fermata/integrations/httpx"
)

// Type is the word in the configuration.
const Type = "powerdns"

// Integration opens PowerDNS servers.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{dns.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of PowerDNS "+sys.Name)
	}
	c.HTTP.CA = sys.Resolve(c.HTTP.CA)
	return New(c, env.Secrets)
}

// Driver works one server. It may be used by many goroutines.
type Driver struct {
	config     Config
	base       *url.URL
	http       *http.Client
	secrets    secret.Resolver
	nameserver dnsx.Server
}

var (
	_ dns.Nameserver      = (*Driver)(nil)
	_ integrations.System = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver) (*Driver, error) {
	base, err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a PowerDNS")
	}
	connection, err := httpx.New(c.HTTP)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a PowerDNS")
	}
	return &Driver{
		config: c, base: base, http: connection, secrets: secrets,
		nameserver: dnsx.Server{Address: c.Nameserver, Timeout: c.Timeout},
	}, nil
}

// Endpoint returns the address of the API.
func (d *Driver) Endpoint() string { return d.config.URL }

// Close ends idle connections.
func (d *Driver) Close(context.Context) error {
	d.http.CloseIdleConnections()
	return nil
}

// Lookup asks the nameserver as a resolver does.
func (d *Driver) Lookup(ctx context.Context, zone, name string, t dns.Type) ([]dns.Record, error) {
	return d.nameserver.Lookup(ctx, zone, name, t)
}

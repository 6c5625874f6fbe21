// Package rfc2136 keeps names in any DNS server that takes dynamic updates (RFC 2136) signed with TSIG (RFC 8945): BIND,
// Knot, PowerDNS, Windows with TSIG and others.
//
// DNS has no room for an owner beside a record, so each record has a mark: a TXT record next to it, at _fermata-a.NAME for an
// A record. Record and mark are made and removed in one update, with prerequisites that the server checks in the same
// transaction: two runs never overwrite each other, and nothing that is not ours is touched. What an owner has is found by a
// zone transfer (AXFR, RFC 5936).
package rfc2136

import (
	"context"
	"encoding/base64"
	"strings"

	"fermata/activities/dns"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/dnsx"
)

// Type is the word in the configuration.
const Type = "rfc2136"

// Integration opens DNS servers.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{dns.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	var c Config
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of DNS server "+sys.Name)
	}
	return New(c, env.Secrets)
}

// Driver works one server. It may be used by many goroutines.
type Driver struct {
	config     Config
	primary    dnsx.Server
	nameserver dnsx.Server
	secrets    secret.Resolver
}

var (
	_ dns.Nameserver      = (*Driver)(nil)
	_ integrations.System = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver) (*Driver, error) {
	if err := c.check(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a DNS server")
	}
	return &Driver{
		config: c, secrets: secrets,
		primary:    dnsx.Server{Address: c.Address, Timeout: c.Timeout},
		nameserver: dnsx.Server{Address: c.Nameserver, Timeout: c.Timeout},
	}, nil
}

// Endpoint returns the address of the primary server.
func (d *Driver) Endpoint() string { return "dns://" + d.config.Address }

// Close has nothing to end: a connection lasts for one question.
func (d *Driver) Close(context.Context) error { return nil }

// Lookup asks the nameserver as a resolver does.
func (d *Driver) Lookup(ctx context.Context, zone, name string, t dns.Type) ([]dns.Record, error) {
	return d.nameserver.Lookup(ctx, zone, name, t)
}

// key reads the secret anew for each use. Faults: those of the provider; Invalid for one that is not base64.
func (d *Driver) key(ctx context.Context, doing string) (dnsx.Key, error) {
	value, err := d.secrets.Resolve(ctx, d.config.Key.Secret)
	if err != nil {
		return dnsx.Key{}, fault.Wrap(fault.KindOf(err), err, doing)
	}
	text := strings.TrimSpace(value.Text())
	if raw, err := base64.StdEncoding.DecodeString(text); err != nil || len(raw) < 16 {
		return dnsx.Key{}, fault.New(fault.Invalid, "%s: the secret of TSIG key %s is not base64 of 16 bytes or more", doing, d.config.Key.Name)
	}
	return dnsx.Key{Name: d.config.Key.Name + ".", Algorithm: algorithms[strings.ToLower(d.config.Key.Algorithm)], Secret: text}, nil
}

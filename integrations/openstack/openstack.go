// Package openstack makes, stops and removes servers of an OpenStack cloud with their ports, volumes and floating addresses, and
// opens paths through their security groups.
//
// Everything carries the operation's key and its owner: servers and volumes as metadata, what Neutron has in its description.
// Nova knows no token that makes a request idempotent, so the port is made first, with the key: it can be plugged into one
// server only, which settles which of two servers stays where two attempts ran at once.
//
// Sources: the API references at docs.openstack.org/api-ref (compute, network, block-storage, image, identity).
package openstack

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/limits"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/httpx"
)

// Type is the word in the configuration.
const Type = "openstack"

// Integration opens clouds.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{cloud.Capability, firewall.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of OpenStack "+sys.Name)
	}
	c.HTTP.CA = sys.Resolve(c.HTTP.CA)
	return New(c, env.Secrets, env.Log)
}

// Driver works one project of a cloud. It may be used by many goroutines; they share one token.
type Driver struct {
	config  Config
	http    *http.Client
	session *session
	log     *slog.Logger
}

var (
	_ cloud.Cloud          = (*Driver)(nil)
	_ integrations.System  = (*Driver)(nil)
	_ integrations.Several = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver, log *slog.Logger) (*Driver, error) {
	address, err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of an OpenStack")
	}
	connection, err := httpx.New(c.HTTP)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of an OpenStack")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &Driver{config: c, http: connection, log: log}
	d.session = &session{config: c, keystone: address, http: connection, secrets: secrets}
	return d, nil
}

// Endpoint is the address of Keystone.
func (d *Driver) Endpoint() string { return d.config.URL }

// Close ends idle connections. A token ends by itself.
func (d *Driver) Close(context.Context) error {
	d.http.CloseIdleConnections()
	return nil
}

// Ports are the driver itself, a cloud, and its security groups, a firewall.
func (d *Driver) Ports() []any { return []any{d, d.Firewall()} }

// Check logs in, and asks Nova and Neutron.
func (d *Driver) Check(ctx context.Context) error {
	s, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	if _, err := limits.Get(ctx, s.compute, nil).Extract(); err != nil {
		return translate(err, "asking Nova for its limits")
	}
	return checkNetwork(ctx, s)
}

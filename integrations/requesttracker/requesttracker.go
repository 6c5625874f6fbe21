// Package requesttracker keeps tickets in Best Practical's Request Tracker 5, over its REST 2 interface.
//
// A ticket is found by the operation's key, which stands in a custom field. Request Tracker has no create that happens
// only once, so the driver looks, creates and looks again; where two attempts made a ticket each, the older stays and
// the other is closed with a note that says why. Nothing is ever deleted.
package requesttracker

import (
	"context"
	"log/slog"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/httpx"
)

// Type is the word in the configuration.
const Type = "requesttracker"

// Integration opens Request Trackers.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{ticketing.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of Request Tracker "+sys.Name)
	}
	c.HTTP.CA = sys.Resolve(c.HTTP.CA)
	return New(c, env.Secrets, env.Log)
}

// Driver works one Request Tracker. It may be used by many goroutines.
type Driver struct {
	config Config
	client *client
	log    *slog.Logger
}

var (
	_ ticketing.Desk      = (*Driver)(nil)
	_ integrations.System = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver, log *slog.Logger) (*Driver, error) {
	address, err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a Request Tracker")
	}
	connection, err := httpx.New(c.HTTP)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a Request Tracker")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Driver{config: c, client: &client{http: connection, base: address, token: c.Token, secrets: secrets}, log: log}, nil
}

// Endpoint returns the address of the web interface.
func (d *Driver) Endpoint() string { return d.client.base.String() }

// Close ends idle connections.
func (d *Driver) Close(context.Context) error {
	d.client.http.CloseIdleConnections()
	return nil
}

// link is where a person reads a ticket.
func (d *Driver) link(id int) string {
	return d.client.base.String() + "/Ticket/Display.html?id=" + decimal(id)
}

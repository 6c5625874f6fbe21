// Package servicenow keeps tickets in ServiceNow: change requests of the three kinds through the Change Management API,
// or incidents through the Table API; and configuration items in its CMDB, through the Table API. It was run against the
// emulator only, never against a real instance.
//
// A ticket is found by the operation's key, which stands in correlation_id. Nothing there is unique, so the driver
// looks, creates and looks again; where two attempts made a ticket each, the older stays and the other is canceled with
// a work note that says why. Nothing is ever deleted.
//
// Sources: ServiceNow's REST API reference, pages "Change Management API", "Table API", "CMDB Instance API", "REST API
// HTTP response codes" and "Inbound REST API rate limiting"; its product documentation, pages "State model and
// transitions" and "State progression for normal, standard, and emergency changes". README.md tells what is assumed.
package servicenow

import (
	"context"
	"log/slog"
	"net/url"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/httpx"
)

// Type is the word in the configuration.
const Type = "servicenow"

// Integration opens ServiceNow instances.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{ticketing.Capability, inventory.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of ServiceNow "+sys.Name)
	}
	c.HTTP.CA = sys.Resolve(c.HTTP.CA)
	return New(c, env.Secrets, env.Log)
}

// Driver works one instance. It may be used by many goroutines.
type Driver struct {
	config Config
	client *client
	log    *slog.Logger
}

var (
	_ ticketing.Desk      = (*Driver)(nil)
	_ inventory.CMDB      = (*Driver)(nil)
	_ integrations.System = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver, log *slog.Logger) (*Driver, error) {
	address, err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a ServiceNow instance")
	}
	connection, err := httpx.New(c.HTTP)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a ServiceNow instance")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Driver{config: c, client: newClient(c, connection, address, secrets), log: log}, nil
}

// Endpoint returns the address of the instance.
func (d *Driver) Endpoint() string { return d.client.base.String() }

// Close ends idle connections.
func (d *Driver) Close(context.Context) error {
	d.client.http.CloseIdleConnections()
	return nil
}

// link is where a person reads a ticket.
func (d *Driver) link(number string) string {
	target := d.client.base.JoinPath(d.config.table() + ".do")
	target.RawQuery = url.Values{"sysparm_query": {"number=" + number}}.Encode()
	return target.String()
}

// Package webhook sends notices to a receiver over HTTPS, signed by Standard Webhooks (https://www.standardwebhooks.com).
//
// The header webhook-id is the notice's id, the same in every attempt: a receiver that keeps the ids it has seen takes each
// notice once. Redirects are not followed.
package webhook

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"fermata/activities/fault"
	"fermata/activities/notify"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/httpx"
)

// Type is the word in the configuration.
const Type = "webhook"

// Integration opens receivers of webhooks.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{notify.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	var c Config
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of webhook "+sys.Name)
	}
	c.HTTP.CA = sys.Resolve(c.HTTP.CA)
	return New(c, env.Secrets, env.Log)
}

// Driver sends to one receiver. It may be used by many goroutines.
type Driver struct {
	config  Config
	address *url.URL
	http    *http.Client
	secrets secret.Resolver
	log     *slog.Logger
	now     func() time.Time
}

var (
	_ notify.Notifier     = (*Driver)(nil)
	_ integrations.System = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver, log *slog.Logger) (*Driver, error) {
	address, err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a webhook")
	}
	connection, err := httpx.New(c.HTTP)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a webhook")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Driver{config: c, address: address, http: connection, secrets: secrets, log: log, now: time.Now}, nil
}

// Endpoint returns the receiver's address, without what its query may hold.
func (d *Driver) Endpoint() string { return httpx.RedactURL(d.address) }

// Close ends idle connections.
func (d *Driver) Close(context.Context) error {
	d.http.CloseIdleConnections()
	return nil
}

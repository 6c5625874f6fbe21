// Package smtp sends notices as mail, through a submission server (RFC 5321, RFC 6409).
//
// Every attempt carries the notice's id as its Message-ID. SMTP has no way to ask whether a message arrived: where the
// server's last word is lost it is sent again, and the id tells that both are one.
package smtp

import (
	"context"
	"crypto/tls"
	"log/slog"

	"fermata/activities/fault"
	"fermata/activities/notify"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
)

// Type is the word in the configuration.
const Type = "smtp"

// Integration opens mail servers.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{notify.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of mail server "+sys.Name)
	}
	c.CA = sys.Resolve(c.CA)
	return New(c, env.Secrets, env.Log)
}

// Driver sends through one mail server. It may be used by many goroutines; each notice has a connection of its own.
type Driver struct {
	config   Config
	host     string
	security *tls.Config
	secrets  secret.Resolver
	log      *slog.Logger
}

var (
	_ notify.Notifier     = (*Driver)(nil)
	_ integrations.System = (*Driver)(nil)
)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver, log *slog.Logger) (*Driver, error) {
	host, err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a mail server")
	}
	security, err := c.security(host)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a mail server")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Driver{config: c, host: host, security: security, secrets: secrets, log: log}, nil
}

// Endpoint returns the server's address.
func (d *Driver) Endpoint() string { return "smtp://" + d.config.Server }

// Close does nothing: no connection outlives its notice.
func (d *Driver) Close(context.Context) error { return nil }

// Check connects, checks the certificate, logs in and leaves, as notify.Notifier says.
func (d *Driver) Check(ctx context.Context) error {
	s, err := d.connect(ctx, "asking mail server "+d.config.Server)
	if err != nil {
		return err
	}
	s.leave()
	return nil
}

// Send hands the notice in, as notify.Notifier says.
func (d *Driver) Send(ctx context.Context, to string, n notify.Notice) error {
	if !isAddress(to) {
		return fault.New(fault.Invalid, "mailing notice %s: %q is no address such as alice@example.net", notify.Line(n.ID), notify.Line(to))
	}
	n, err := notify.Checked(n)
	if err != nil {
		return err
	}
	text, err := compose(d.config.From, to, n)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "writing notice "+n.ID)
	}
	s, err := d.connect(ctx, "mailing notice "+n.ID+" to "+to+" through "+d.config.Server)
	if err != nil {
		return err
	}
	defer s.leave()
	if err := s.submit(d.config.From, to, text); err != nil {
		return err
	}
	d.log.Info("a notice was mailed", "id", n.ID, "event", n.Event, "to", to)
	return nil
}

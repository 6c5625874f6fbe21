// Package vsphere makes virtual machines on VMware vCenter.
//
// A machine is found by its instance UUID, which is the UUID of the operation's key, so an attempt that follows a crash
// or a lost answer adopts what the first one made. The key and the owner stand in the machine's ExtraConfig. The
// certificate of the vCenter is always verified.
package vsphere

import (
	"context"
	"log/slog"

	"fermata/activities/compute"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
)

// Type is the word in the configuration.
const Type = "vsphere"

// Integration opens vCenters.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{compute.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	c := DefaultConfig()
	if err := sys.Decode(&c); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of vCenter "+sys.Name)
	}
	c.CAFile = sys.Resolve(c.CAFile)
	return New(c, env.Secrets, env.Log)
}

// Driver works one vCenter. It may be used by many goroutines; they share one session.
type Driver struct {
	config  Config
	session *session
	log     *slog.Logger
}

var _ compute.Platform = (*Driver)(nil)

// New prepares a driver. It does not connect. Faults: Invalid for a bad configuration.
func New(c Config, secrets secret.Resolver, log *slog.Logger) (*Driver, error) {
	target, err := c.check()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a vCenter")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s, err := newSession(c, target, secrets, log)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of a vCenter")
	}
	return &Driver{config: c, session: s, log: log}, nil
}

// Endpoint is the address of the SDK.
func (d *Driver) Endpoint() string { return d.session.target.String() }

// Close logs out.
func (d *Driver) Close(ctx context.Context) error { return d.session.close(ctx) }

// Check logs in and asks for the session's user: the credential is good and the vCenter answers.
func (d *Driver) Check(ctx context.Context) error {
	client, err := d.session.connect(ctx)
	if err != nil {
		return err
	}
	if !client.IsVC() {
		return fault.New(fault.Invalid, "checking %s: this is no vCenter but %q: cloning needs a vCenter",
			d.Endpoint(), client.ServiceContent.About.ApiType)
	}
	_, err = d.find(ctx, noMachine)
	return reading(err, "checking "+d.Endpoint())
}

// noMachine is the instance UUID of no machine: looking for it proves that the session may search.
const noMachine = "00000000-0000-0000-0000-000000000000"

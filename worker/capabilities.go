package worker

import (
	"context"

	"fermata/activities/cloud"
	"fermata/activities/compute"
	"fermata/activities/configuration"
	"fermata/activities/database"
	"fermata/activities/directory"
	"fermata/activities/dns"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/inventory"
	"fermata/activities/loadbalancer"
	"fermata/activities/notify"
	"fermata/activities/probe"
	"fermata/activities/record"
	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/integrations"
)

// registrar names activities and their functions on a queue.
type registrar func(name string, activity any)

// capability finds its port among the systems that a worker opened.
type capability struct {
	name string
	// bind returns the activities for the systems that implement the port, and their names; nil where none does.
	bind func(systems map[string]any, secrets secret.Store) (Activities, []string)
	// check asks a system as doctor does; nil where it does not implement the port.
	check func(system any) func(ctx context.Context) error
}

// capabilities are those that Fermata comes with. Records are bound apart: an installation has one store.
func capabilities() []capability {
	return []capability{
		{compute.Capability, binding(func(s map[string]compute.Platform, _ secret.Store) Activities { return compute.NewActivities(s) }), checking(compute.Platform.Check)},
		{guest.Capability, binding(func(s map[string]guest.Access, r secret.Store) Activities { return guest.NewActivities(s, r) }), checking(guest.Access.Check)},
		{configuration.Capability, binding(func(s map[string]configuration.Runner, r secret.Store) Activities {
			return configuration.NewActivities(s, r)
		}), checking(configuration.Runner.Check)},
		{firewall.Capability, binding(func(s map[string]firewall.Firewall, _ secret.Store) Activities { return firewall.NewActivities(s) }), checking(firewall.Firewall.Check)},
		{loadbalancer.Capability, binding(func(s map[string]loadbalancer.Balancer, _ secret.Store) Activities {
			return loadbalancer.NewActivities(s)
		}), checking(loadbalancer.Balancer.Check)},
		{dns.Capability, binding(func(s map[string]dns.Nameserver, _ secret.Store) Activities { return dns.NewActivities(s) }), checking(func(d dns.Nameserver, ctx context.Context) error { return d.Check(ctx, nil) })},
		{ticketing.Capability, binding(func(s map[string]ticketing.Desk, _ secret.Store) Activities { return ticketing.NewActivities(s) }), checking(func(d ticketing.Desk, ctx context.Context) error { return d.Check(ctx, "") })},
		{inventory.Capability, binding(func(s map[string]inventory.CMDB, _ secret.Store) Activities { return inventory.NewActivities(s) }), checking(func(c inventory.CMDB, ctx context.Context) error { return c.CheckClass(ctx, "") })},
		{cloud.Capability, binding(func(s map[string]cloud.Cloud, _ secret.Store) Activities { return cloud.NewActivities(s) }), checking(cloud.Cloud.Check)},
		{directory.Capability, binding(func(s map[string]directory.Directory, _ secret.Store) Activities {
			return directory.NewActivities(s)
		}), checking(func(d directory.Directory, ctx context.Context) error { return d.Check(ctx, nil) })},
		{database.Capability, bindDatabases, checking(database.Server.Check)},
		{notify.Capability, binding(func(s map[string]notify.Notifier, _ secret.Store) Activities { return notify.NewActivities(s) }), checking(notify.Notifier.Check)},
		{probe.Capability, binding(func(s map[string]probe.Prober, _ secret.Store) Activities { return probe.NewActivities(s) }), checking(probe.Prober.Check)},
	}
}

// Capabilities names what a worker can serve beside workflows.
func Capabilities() []string { return namesOf(capabilities()) }

func namesOf(all []capability) []string {
	out := []string{record.Capability}
	for _, c := range all {
		out = append(out, c.name)
	}
	return out
}

// Activities are those of one capability, each under its type.
type Activities interface {
	Register(register func(name string, activity any))
}

// WithCapability adds a capability of one's own. At each site, bind is given the systems, by their names, whose integrations
// implement the port P, and returns the activities that this site's queue takes; check asks one of them, as /readyz does.
func WithCapability[P any, A Activities](name string, bind func(systems map[string]P) A, check func(P, context.Context) error) Option {
	return func(w *Worker) {
		w.capabilities = append(w.capabilities, capability{
			name, binding(func(systems map[string]P, _ secret.Store) Activities { return bind(systems) }), checking(check),
		})
	}
}

func checking[P any](check func(P, context.Context) error) func(any) func(context.Context) error {
	return func(system any) func(context.Context) error {
		port, ok := integrations.Port[P](system)
		if !ok {
			return nil
		}
		return func(ctx context.Context) error { return check(port, ctx) }
	}
}

// bindDatabases gives the activities of databases the servers, and the ways into the machines that connect to them.
func bindDatabases(systems map[string]any, secrets secret.Store) (Activities, []string) {
	entrances := map[string]database.Entrance{}
	for name, s := range systems {
		if e, ok := integrations.Port[database.Entrance](s); ok {
			entrances[name] = e
		}
	}
	return binding(func(s map[string]database.Server, r secret.Store) Activities {
		return database.NewActivities(s, entrances, r)
	})(systems, secrets)
}

func binding[P any](make func(map[string]P, secret.Store) Activities) func(map[string]any, secret.Store) (Activities, []string) {
	return func(systems map[string]any, secrets secret.Store) (Activities, []string) {
		found := map[string]P{}
		var names []string
		for name, s := range systems {
			if port, ok := integrations.Port[P](s); ok {
				found[name] = port
				names = append(names, name)
			}
		}
		if len(found) == 0 {
			return nil, nil
		}
		return make(found, secrets), names
	}
}

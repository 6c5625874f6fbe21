package worker

import (
	"context"

	"fermata/activities/compute"
	"fermata/activities/configuration"
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
)

// registrar names activities and their functions on a queue.
type registrar func(name string, activity any)

// activitySet is the activities of one capability.
type activitySet interface {
	Register(register func(name string, activity any))
}

// capability finds its port among the systems that a worker opened.
type capability struct {
	name string
	// bind returns the activities for the systems that implement the port, and their names; nil where none does.
	bind func(systems map[string]any, secrets secret.Pinner) (activitySet, []string)
	// check asks a system as doctor does; nil where it does not implement the port.
	check func(system any) func(ctx context.Context) error
}

// capabilities are those that Fermata comes with. Records are bound apart: an installation has one store.
func capabilities() []capability {
	return []capability{
		{compute.Capability, binding(func(s map[string]compute.Platform, _ secret.Pinner) activitySet { return compute.NewActivities(s) }), checking(compute.Platform.Check)},
		{guest.Capability, binding(func(s map[string]guest.Access, r secret.Pinner) activitySet { return guest.NewActivities(s, r) }), checking(guest.Access.Check)},
		{configuration.Capability, binding(func(s map[string]configuration.Runner, r secret.Pinner) activitySet {
			return configuration.NewActivities(s, r)
		}), checking(configuration.Runner.Check)},
		{firewall.Capability, binding(func(s map[string]firewall.Firewall, _ secret.Pinner) activitySet { return firewall.NewActivities(s) }), checking(firewall.Firewall.Check)},
		{loadbalancer.Capability, binding(func(s map[string]loadbalancer.Balancer, _ secret.Pinner) activitySet {
			return loadbalancer.NewActivities(s)
		}), checking(loadbalancer.Balancer.Check)},
		{dns.Capability, binding(func(s map[string]dns.Nameserver, _ secret.Pinner) activitySet { return dns.NewActivities(s) }), checking(func(d dns.Nameserver, ctx context.Context) error { return d.Check(ctx, nil) })},
		{ticketing.Capability, binding(func(s map[string]ticketing.Desk, _ secret.Pinner) activitySet { return ticketing.NewActivities(s) }), checking(func(d ticketing.Desk, ctx context.Context) error { return d.Check(ctx, "") })},
		{inventory.Capability, binding(func(s map[string]inventory.CMDB, _ secret.Pinner) activitySet { return inventory.NewActivities(s) }), checking(func(c inventory.CMDB, ctx context.Context) error { return c.CheckClass(ctx, "") })},
		{notify.Capability, binding(func(s map[string]notify.Notifier, _ secret.Pinner) activitySet { return notify.NewActivities(s) }), checking(notify.Notifier.Check)},
		{probe.Capability, binding(func(s map[string]probe.Prober, _ secret.Pinner) activitySet { return probe.NewActivities(s) }), checking(probe.Prober.Check)},
	}
}

// Capabilities names what a worker can serve beside workflows.
func Capabilities() []string {
	names := []string{record.Capability}
	for _, c := range capabilities() {
		names = append(names, c.name)
	}
	return names
}

func checking[P any](check func(P, context.Context) error) func(any) func(context.Context) error {
	return func(system any) func(context.Context) error {
		port, ok := system.(P)
		if !ok {
			return nil
		}
		return func(ctx context.Context) error { return check(port, ctx) }
	}
}

func binding[P any](make func(map[string]P, secret.Pinner) activitySet) func(map[string]any, secret.Pinner) (activitySet, []string) {
	return func(systems map[string]any, secrets secret.Pinner) (activitySet, []string) {
		found := map[string]P{}
		var names []string
		for name, s := range systems {
			if port, ok := s.(P); ok {
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

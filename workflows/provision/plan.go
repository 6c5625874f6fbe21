package provision

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/configuration"
	"fermata/activities/dns"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/inventory"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/activities/secret"
	"fermata/activities/ticketing"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/reservation"
	"fermata/workflows/runbook"
)

// resolved is what the plan found out and the steps need. The plan's hash covers it.
type resolved struct {
	Placement     compute.Placement `json:"placement"`
	AuthorizedKey string            `json:"authorized_key"`
	Network       *spec.Network     `json:"network,omitempty"` // As chosen from a range; nil: as the document has it.
	Playbooks     []playbook        `json:"playbooks,omitempty"`
}

// planHere reads every system that the run will touch.
func (p *provision) planHere(ctx workflow.Context) (wire.Preview, error) {
	s := p.server.Spec
	missing, err := runbook.Polled(ctx, p.server.Metadata.Site, p.capabilities()...)
	if err != nil || len(missing) > 0 {
		return wire.Preview{Observations: missing}, err
	}
	var r resolved
	pins := slices.Clone(p.pins)
	pinning := p.pinning(ctx)
	readings := []runbook.Reading{
		p.lookAtCompute(&r), runbook.LookAtGuests(p.server.Spec.Access.System, p.secrets(), &r.AuthorizedKey, func(versions []secret.Pinned) {
			if pinning {
				pins = versions
			}
		}), p.lookAtReservation,
		runbook.LookAtRecords,
	}
	for _, name := range p.firewalls() {
		readings = append(readings, runbook.LookAtFirewall(name, p.Owner(), p.made))
	}
	if s.LoadBalancer != nil {
		readings = append(readings, p.lookAtPool)
	}
	if s.DNS != nil {
		readings = append(readings, p.lookAtNames)
	}
	if s.Ticket != nil {
		readings = append(readings, p.desk(nil).LookAt)
	}
	if s.Inventory != nil {
		readings = append(readings, runbook.LookAtInventory(s.Inventory, p.Owner(), p.server.Metadata.Name, p.made))
	}
	for _, name := range p.probers() {
		readings = append(readings, runbook.LookAtProber(name))
	}
	plays, played := p.lookAtPlays()
	seen := runbook.Look(ctx, append(readings, plays...)...)
	books, versions := played()
	r.Playbooks = books
	if pinning {
		pins = together(pins, versions)
	}
	r.Network = p.chosen()
	content, err := json.Marshal(r)
	if err != nil {
		return wire.Preview{}, fmt.Errorf("keeping what was resolved: %w", err)
	}
	return wire.Preview{Plan: wire.Plan{Changes: p.changes(r), Resolved: content, Secrets: pins}, Observations: seen}, nil
}

// probers are the names of the probers that ask, each once.
func (p *provision) probers() []string {
	var names []string
	if a := p.server.Spec.Application; a != nil {
		names = append(names, a.Health.System)
	}
	if lb := p.server.Spec.LoadBalancer; lb != nil && !slices.Contains(names, lb.VerifySystem) {
		names = append(names, lb.VerifySystem)
	}
	return names
}

func (p *provision) capabilities() []string {
	s := p.server.Spec
	names := []string{compute.Capability, guest.Capability}
	if len(s.Configuration) > 0 {
		names = append(names, configuration.Capability)
	}
	if len(s.Firewall) > 0 {
		names = append(names, firewall.Capability)
	}
	if s.LoadBalancer != nil {
		names = append(names, loadbalancer.Capability)
	}
	if s.DNS != nil {
		names = append(names, dns.Capability)
	}
	if s.Ticket != nil {
		names = append(names, ticketing.Capability)
	}
	if s.Inventory != nil {
		names = append(names, inventory.Capability)
	}
	if len(p.probers()) > 0 {
		names = append(names, probe.Capability)
	}
	return names
}

// firewalls are the names of the firewalls that rules go to, each once.
func (p *provision) firewalls() []string { return runbook.Firewalls(p.server.Spec.Firewall) }

func (p *provision) lookAtCompute(r *resolved) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		c := p.server.Spec.Compute
		name := runbook.System(compute.Capability, c.System)
		out, err := compute.Plan(ctx, compute.PlanInput{System: c.System, Request: compute.PlanRequest{
			Owner: p.Owner(), Name: p.server.Metadata.Name, Compute: c, Network: p.server.Spec.Network, Volumes: p.server.Spec.Storage,
		}})
		if err != nil {
			return runbook.Failed(name, err)
		}
		r.Placement = out.Planned.Placement
		return p.judgeCompute(name, out.Planned)
	}
}

// made reports whether this very run made the object that carries the key. It finds work of its own when it was reset, or
// Temporal restored from a backup of before: that is no obstacle, its steps adopt it.
func (p *provision) made(key string) bool { return operation.Key{Run: p.run}.SameRun(key) }

func (p *provision) judgeCompute(name string, planned compute.Planned) []wire.Observation {
	own := map[string]bool{}
	seen := []wire.Observation{runbook.Fine(name, "reachable; template %s, folder %s, pool %s, datastore %s",
		planned.Placement.Template.Name, planned.Placement.Folder.Name, planned.Placement.Pool.Name, planned.Placement.Datastore.Name)}
	for _, m := range planned.Existing {
		if p.made(m.Key) {
			own[m.ID] = true
			continue
		}
		who := "it was not made by Fermata"
		if m.Owner != "" {
			who = "it belongs to " + string(m.Owner)
		}
		seen = append(seen, runbook.Problem("name", "a machine %q exists already and %s: decommission it or choose another name", m.Name, who))
	}
	for _, holder := range planned.AddressHeldBy {
		if !own[holder.ID] {
			p.addressHeldBy = holder.Name
			seen = append(seen, runbook.Problem("address", "%s is in use by machine %q", p.server.Spec.Network.Address, holder.Name))
		}
	}
	capacity := runbook.Fine
	if planned.FreeBytes < planned.RequiredBytes && len(own) == 0 {
		capacity = runbook.Problem
	}
	return append(seen, capacity("capacity", "datastore %s: %s free, %s needed", planned.Placement.Datastore.Name,
		gibibytes(planned.FreeBytes), gibibytes(planned.RequiredBytes)))
}

func gibibytes(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/float64(spec.GiB)) }

// lookAtReservation names the run that wants the same address. A reservation of this owner is this run's own.
func (p *provision) lookAtReservation(ctx workflow.Context) []wire.Observation {
	holder, err := reservation.Holder(ctx, p.reservationID())
	if err != nil {
		return runbook.Failed("address", err)
	}
	if holder.Open && holder.Target != p.Owner() {
		return []wire.Observation{runbook.Problem("address", "%s", reservation.Taken(p.reservationID(), holder))}
	}
	return nil
}

func (p *provision) lookAtPool(ctx workflow.Context) []wire.Observation {
	lb := p.server.Spec.LoadBalancer
	name := runbook.System(loadbalancer.Capability, lb.System)
	if _, err := loadbalancer.Check(ctx, loadbalancer.CheckInput{System: lb.System}); err != nil {
		return runbook.Failed(name, err)
	}
	found, err := loadbalancer.FindMembers(ctx, loadbalancer.FindMembersInput{System: lb.System, Backend: lb.Backend, Name: p.server.Metadata.Name})
	if err != nil {
		return runbook.Failed(name, err)
	}
	seen := []wire.Observation{runbook.Fine(name, "reachable; backend %s is there", lb.Backend)}
	for _, m := range found.Members {
		if p.made(m.Key) {
			continue
		}
		seen = append(seen, runbook.Problem(name, "member %s/%s exists already (%s:%d)", m.Backend, m.Name, m.Address, m.Port))
	}
	return seen
}

// address is the server's address without its prefix length.
func (p *provision) address() string {
	prefix, err := netip.ParsePrefix(p.server.Spec.Network.Address)
	if err != nil {
		return strings.Split(p.server.Spec.Network.Address, "/")[0]
	}
	return prefix.Addr().String()
}

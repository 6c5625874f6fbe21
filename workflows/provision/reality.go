package provision

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/inventory"
	"fermata/activities/loadbalancer"
	"fermata/activities/secret"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// reality is a server as the systems have it.
type reality struct {
	machine compute.Machine
	rules   map[string][]firewall.Installed // By firewall.
	member  *loadbalancer.Status            // nil: none.
	guest   guest.Inspection                // Of what is asked for.
	before  guest.Inspection                // Of what is recorded.
	plays   []foreseen                      // In the order of the spec.
	names   []placed                        // Of the owner.
	// strangers are the records of others at names that are asked for. named: names were looked at.
	strangers []placed
	named     bool
	// items are the owner's configuration items in service, peoples those of others with the name, itemsOut those that are not
	// asked for any more. listed: items were looked at.
	items, peoples []inventory.Item
	itemsOut       []runbook.Listed
	listed         bool
	pins           []secret.Pinned
	// datastores of the volumes to add that name one, by the volume's name.
	datastores map[string]compute.Ref
	whole      bool // Everything could be read.
}

// read looks at everything that the server has.
func (p *change) read(ctx workflow.Context) (reality, []wire.Observation) {
	now := reality{rules: map[string][]firewall.Installed{}}
	readings := []runbook.Reading{p.asked.seeMachine(&now), p.checkGuests(&now), runbook.LookAtRecords}
	for _, device := range p.firewalls() {
		readings = append(readings, p.asked.seeRules(device, &now))
	}
	if p.asked.server.Spec.LoadBalancer != nil {
		readings = append(readings, p.asked.seeMember(&now))
	}
	if p.asked.server.Spec.Ticket != nil {
		readings = append(readings, p.desk(nil).LookAt)
	}
	for _, name := range p.asked.probers() {
		readings = append(readings, runbook.LookAtProber(name))
	}
	if p.later && len(zones(p.was.server, p.asked.server)) > 0 {
		readings = append(readings, p.asked.seeNames(&now, p.was.server))
	}
	if p.later {
		readings = append(readings, p.lookAtItems(&now)...)
	}
	if p.placesDisks() {
		readings = append(readings, p.placeDisks(&now))
	}
	plays, played := p.asked.laterPlays(p.later)
	seen := runbook.Look(ctx, append(readings, plays...)...)
	if len((wire.Preview{Observations: seen}).Problems()) > 0 {
		return now, seen
	}
	inside := runbook.Look(ctx, p.asked.seeGuest(&now, &now.guest), forgiving(p.was.seeGuest(&now, &now.before)))
	books, versions := played()
	if !p.asked.planned {
		p.asked.pins = together(p.asked.pins, versions)
		now.pins = slices.Clone(p.asked.pins)
	}
	inside = append(inside, p.asked.foresee(ctx, now.machine, books, &now.plays)...)
	now.whole = len((wire.Preview{Observations: inside}).Problems()) == 0
	return now, append(seen, inside...)
}

// forgiving is a reading whose failure forbids nothing: what is recorded may not be readable any more, such as a version of a
// secret that was destroyed. Then it is not known what drifted.
func forgiving(read runbook.Reading) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		seen := read(ctx)
		for i := range seen {
			seen[i].OK, seen[i].Text = true, "what drifted is not known: "+seen[i].Text
		}
		return seen
	}
}

// firewalls are those that hold rules, or are to hold some.
func (p *change) firewalls() []string {
	names := runbook.Firewalls(p.was.server.Spec.Firewall)
	for _, name := range runbook.Firewalls(p.asked.server.Spec.Firewall) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// seeMachine finds the one machine of the server.
func (p *provision) seeMachine(now *reality) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		c := p.server.Spec.Compute
		name := runbook.System(compute.Capability, c.System)
		found, err := compute.FindVMs(ctx, compute.FindVMsInput{System: c.System, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		if len(found.Machines) != 1 {
			return []wire.Observation{runbook.Problem(name, "%d machines belong to %s, expected one", len(found.Machines), p.Owner())}
		}
		now.machine = found.Machines[0]
		if now.machine.Power != compute.PoweredOn {
			return []wire.Observation{runbook.Problem(name, "machine %s is %s: it must run", now.machine.Name, now.machine.Power)}
		}
		return []wire.Observation{runbook.Fine(name, "machine %s runs", now.machine.Name)}
	}
}

// checkGuests looks whether guests can be reached, and pins the versions of the secrets when the run plans first.
func (p *change) checkGuests(now *reality) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		access := p.asked.server.Spec.Access.System
		name := runbook.System("guest access", access)
		refs := p.asked.secrets()
		checked, err := guest.Check(ctx, guest.CheckInput{System: access, Secrets: refs})
		if err != nil {
			return runbook.Failed(name, err)
		}
		if !p.asked.planned {
			p.asked.pins = checked.Secrets
		}
		now.pins = slices.Clone(p.asked.pins)
		return []wire.Observation{runbook.Fine(name, "reachable; %d secrets can be resolved", len(refs))}
	}
}

func (p *provision) seeRules(device string, now *reality) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(firewall.Capability, device)
		if _, err := firewall.Check(ctx, firewall.CheckInput{System: device}); err != nil {
			return runbook.Failed(name, err)
		}
		found, err := firewall.FindRules(ctx, firewall.FindRulesInput{System: device, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		now.rules[device] = found.Rules
		return []wire.Observation{runbook.Fine(name, "%d rules of this owner", len(found.Rules))}
	}
}

func (p *provision) seeMember(now *reality) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		lb := p.server.Spec.LoadBalancer
		name := runbook.System(loadbalancer.Capability, lb.System)
		if _, err := loadbalancer.Check(ctx, loadbalancer.CheckInput{System: lb.System}); err != nil {
			return runbook.Failed(name, err)
		}
		found, err := loadbalancer.FindMembers(ctx, loadbalancer.FindMembersInput{System: lb.System, Backend: lb.Backend, Name: p.server.Metadata.Name})
		if err != nil {
			return runbook.Failed(name, err)
		}
		for _, m := range found.Members {
			if m.Owner != "" && m.Owner != p.Owner() || m.Owner == "" && m.Saved != loadbalancer.Absent {
				return []wire.Observation{runbook.Problem(name, "member %s/%s belongs to somebody else", m.Backend, m.Name)}
			}
			now.member = &m
		}
		return []wire.Observation{runbook.Fine(name, "reachable; backend %s is there", lb.Backend)}
	}
}

// seeGuest looks inside, at what this spec names.
func (p *provision) seeGuest(now *reality, into *guest.Inspection) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		access := p.server.Spec.Access
		name := runbook.System("guest", p.server.Metadata.Name)
		request := guest.InspectRequest{OS: p.server.Spec.OS, Application: p.server.Spec.Application, Volumes: p.volumeRefs(now.machine)}
		request.OS.Files = p.pins.Files(request.OS.Files)
		if a := p.server.Spec.Application; a != nil {
			files, err := p.rendered(p.pins.Files(a.Config))
			if err != nil {
				return runbook.Failed(name, runbook.Invalid("rendering the configuration", err))
			}
			request.Files = files
		}
		out, err := guest.Inspect(ctx, guest.InspectInput{System: access.System, Host: p.hostOf(now.machine), Request: request})
		if err != nil {
			return runbook.Failed(name, err)
		}
		*into = out.Inspection
		return nil
	}
}

func (p *provision) hostOf(m compute.Machine) guest.Host {
	a := p.server.Spec.Access
	return guest.Host{Name: p.server.Metadata.Name, Address: p.address(), Port: a.Port, User: a.User, Keys: m.HostKeys}
}

// volumeRefs are the volumes whose disks the machine has.
func (p *provision) volumeRefs(m compute.Machine) (refs []guest.VolumeRef) {
	for _, v := range p.server.Spec.Storage {
		if disk, has := diskOf(m, v.Name); has {
			refs = append(refs, guest.VolumeRef{Name: v.Name, DiskUUID: disk.UUID, Mount: v.Mount})
		}
	}
	return refs
}

func diskOf(m compute.Machine, volume string) (compute.Disk, bool) {
	for _, d := range m.Disks {
		if d.Name == volume && d.Key != "" {
			return d, true
		}
	}
	return compute.Disk{}, false
}

// placesDisks reports whether a disk is to be added on a datastore of its own.
func (p *change) placesDisks() bool {
	return slices.ContainsFunc(p.asked.server.Spec.Storage, func(v spec.Volume) bool {
		return v.Datastore != "" && !slices.ContainsFunc(p.was.server.Spec.Storage, func(w spec.Volume) bool { return w.Name == v.Name })
	})
}

// placeDisks resolves the datastores of the disks to add.
func (p *change) placeDisks(now *reality) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		s := p.asked.server
		out, err := compute.Plan(ctx, compute.PlanInput{System: s.Spec.Compute.System, Request: compute.PlanRequest{
			Owner: p.Owner(), Name: s.Metadata.Name, Compute: s.Spec.Compute, Network: s.Spec.Network, Volumes: s.Spec.Storage,
		}})
		if err != nil {
			return runbook.Failed(runbook.System(compute.Capability, s.Spec.Compute.System), err)
		}
		now.datastores = out.Planned.Placement.Datastores
		return nil
	}
}

// ruleText says what a rule lets through; two rules that let the same through read alike.
func ruleText(r firewall.Rule) string {
	return fmt.Sprintf("%s to %s port %d/%s", strings.Join(shortest(r.Sources), ", "), r.Destination, r.Port, r.Protocol)
}

// shortest brings sources to the form in which firewalls hold them.
func shortest(sources []string) []string {
	var list []netip.Prefix
	for _, text := range sources {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return sources // The firewall refuses it.
		}
		list = append(list, prefix)
	}
	var out []string
	for _, prefix := range firewall.Canonical(list) {
		out = append(out, prefix.String())
	}
	return out
}

// pooled is the member that the pool should hold.
func (p *provision) pooled() loadbalancer.Member {
	lb := p.server.Spec.LoadBalancer
	return loadbalancer.Member{Backend: lb.Backend, Name: p.server.Metadata.Name, Address: p.address(), Port: lb.Port, Weight: lb.Weight}
}

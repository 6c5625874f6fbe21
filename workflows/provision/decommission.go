package provision

import (
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/dns"
	"fermata/activities/firewall"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// DecommissionServer takes one server out of service and, after a grace period, removes all that its owner has.
func DecommissionServer(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
	p, err := newDecommission(in.Document)
	if err != nil {
		return wire.StartOutput{}, err
	}
	return run.Execute(ctx, in, p)
}

type decommission struct {
	asked  wire.Decommission
	server *spec.Server // From the record; nil until the plan has read it.
}

func newDecommission(document json.RawMessage) (*decommission, error) {
	p := &decommission{}
	if err := json.Unmarshal(document, &p.asked); err != nil {
		return nil, runbook.Invalid("reading the decommission", err)
	}
	if p.asked.Kind != wire.DecommissionKind || p.asked.Name == "" || (p.asked.Grace != nil && *p.asked.Grace < 0) {
		return nil, runbook.Invalid("reading the decommission", fmt.Errorf("kind, name and a grace period of zero or more seconds are needed"))
	}
	return p, nil
}

func (p *decommission) Kind() string { return wire.DecommissionServer }

func (p *decommission) Owner() operation.Owner { return operation.Owner("server/" + p.asked.Name) }

// Policy never undoes by itself: taking back what is half removed is for a person to decide.
func (p *decommission) Policy() run.Policy {
	policy := run.Policy{RetryFor: time.Duration(spec.DefaultRetryFor), ApprovalDeadline: time.Duration(spec.DefaultApprovalDeadline)}
	if p.server != nil {
		policy.Site = p.server.Metadata.Site
		policy.ApprovalDeadline = time.Duration(p.server.Spec.Run.ApprovalDeadline)
		policy.RetryFor = time.Duration(p.server.Spec.Run.RetryFor)
	}
	return policy
}

// Facts are what the policy looks at; environment and site are those of the server's spec, which its record holds.
func (p *decommission) Facts() decision.Facts {
	f := decision.Facts{Kind: wire.DecommissionServer, Partial: p.server == nil}
	if p.server != nil {
		f.Environment, f.Site = p.server.Metadata.Environment, p.server.Metadata.Site
	}
	return f
}

// estate is everything that the owner has, and the image of before that a restore goes back to.
type estate struct {
	Server   *spec.Server                    `json:"server"`
	Record   string                          `json:"record"` // Hash of the record that says how the server was made.
	Grace    int64                           `json:"grace"`  // Seconds that the machine is kept.
	Machines []compute.Ref                   `json:"machines"`
	Rules    map[string][]firewall.Installed `json:"rules"` // By firewall.
	Members  []loadbalancer.Member           `json:"members"`
	Names    []dns.Published                 `json:"names,omitempty"`
	Items    []runbook.Listed                `json:"items,omitempty"` // Configuration items in service.
}

func (e estate) grace() time.Duration { return time.Duration(e.Grace) * time.Second }

// Plan finds what the owner has, as the record and the systems know it.
func (p *decommission) Plan(ctx workflow.Context) (wire.Preview, error) {
	found := estate{Rules: map[string][]firewall.Installed{}}
	if seen := p.readRecord(ctx, &found); len(seen) > 0 {
		return wire.Preview{Observations: seen}, nil
	}
	p.server = found.Server
	found.Grace = int64(time.Duration(p.server.Spec.Run.Grace) / time.Second)
	if p.asked.Grace != nil {
		found.Grace = *p.asked.Grace
	}
	route := operation.RouteOf(ctx)
	route.Site = p.Policy().Site
	ctx = operation.WithRoute(ctx, route)
	missing, err := runbook.Polled(ctx, route.Site, (&provision{server: p.server}).capabilities()...)
	if err != nil || len(missing) > 0 {
		return wire.Preview{Observations: missing}, err
	}
	seen := runbook.Look(ctx, p.readings(&found)...)
	content, err := json.Marshal(found)
	if err != nil {
		return wire.Preview{}, fmt.Errorf("keeping what was found: %w", err)
	}
	return wire.Preview{Plan: wire.Plan{Changes: runbook.Shown(p.all(nil, found)), Resolved: content}, Observations: seen}, nil
}

// readRecord finds the spec that the server was made from. Without a record nothing is under management.
func (p *decommission) readRecord(ctx workflow.Context, found *estate) []wire.Observation {
	last, err := lastRecord(ctx, p.Owner(), false)
	if err != nil {
		return runbook.Failed("records", err)
	}
	if last != nil {
		found.Server, found.Record = last.server, last.record
		return nil
	}
	return []wire.Observation{runbook.Problem("records", "no record says that Fermata provisioned %s: check the name with `fermata history`", p.Owner())}
}

func (p *decommission) readings(found *estate) []runbook.Reading {
	readings := []runbook.Reading{p.findMachines(found)}
	for _, device := range runbook.Firewalls(p.server.Spec.Firewall) {
		readings = append(readings, p.findRules(device, found))
	}
	if p.server.Spec.LoadBalancer != nil {
		readings = append(readings, p.findMembers(found))
	}
	if p.server.Spec.DNS != nil {
		readings = append(readings, p.findNames(found))
	}
	if p.server.Spec.Ticket != nil {
		readings = append(readings, p.desk(nil).LookAt)
	}
	if p.server.Spec.Inventory != nil {
		readings = append(readings, runbook.FindItems(p.server.Spec.Inventory, p.Owner(), &found.Items))
	}
	return readings
}

func (p *decommission) findMachines(found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(compute.Capability, p.server.Spec.Compute.System)
		out, err := compute.FindVMs(ctx, compute.FindVMsInput{System: p.server.Spec.Compute.System, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		for _, m := range out.Machines {
			found.Machines = append(found.Machines, compute.Ref{ID: m.ID, Name: m.Name})
		}
		return []wire.Observation{runbook.Fine(name, "%d machines of this owner", len(out.Machines))}
	}
}

func (p *decommission) findRules(device string, found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(firewall.Capability, device)
		out, err := firewall.FindRules(ctx, firewall.FindRulesInput{System: device, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		found.Rules[device] = out.Rules
		return append([]wire.Observation{runbook.Fine(name, "%d rules of this owner", len(out.Rules))}, lostRules(name, device, p.server, out.Rules)...)
	}
}

func (p *decommission) findMembers(found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		lb := p.server.Spec.LoadBalancer
		name := runbook.System(loadbalancer.Capability, lb.System)
		out, err := loadbalancer.FindMembers(ctx, loadbalancer.FindMembersInput{System: lb.System, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		for _, m := range out.Members {
			found.Members = append(found.Members, m.Member)
		}
		return append([]wire.Observation{runbook.Fine(name, "%d members of this owner", len(out.Members))}, lostMember(name, p.server, out.Members)...)
	}
}

// Steps returns the steps of the approved plan.
func (p *decommission) Steps(f *run.Frame) ([]run.Step, error) {
	var found estate
	if err := json.Unmarshal(f.Plan().Plan.Resolved, &found); err != nil {
		return nil, fmt.Errorf("reading what the plan found: %w", err)
	}
	p.server = found.Server
	return runbook.Bare(p.all(f, found)), nil
}

// Conclude closes the ticket of a run that did not do what was asked.
func (p *decommission) Conclude(ctx workflow.Context, f *run.Frame, o wire.Outcome, reason string) error {
	if p.server == nil {
		return nil
	}
	return p.desk(f).Reject(ctx, o, reason)
}

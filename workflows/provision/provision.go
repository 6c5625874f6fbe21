// Package provision brings a server into service and takes it out again.
//
// ProvisionServer reads like the runbook it replaces: deploy, disks, operating system, application, firewall, pool,
// and a request as a user would send it. DecommissionServer is the way back, with a grace period.
package provision

import (
	"encoding/json"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Register names the workflows and their functions.
func Register(register func(name string, workflow any)) {
	register(wire.ProvisionServer, ProvisionServer)
	register(wire.DecommissionServer, DecommissionServer)
	register(wire.PlanServer, PlanServer)
	register(wire.ChangeServer, ChangeServer)
	register(wire.CompareServer, CompareServer)
	register(wire.PlanMember, PlanMember)
}

// ProvisionServer carries one server from its spec into the pool.
func ProvisionServer(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
	p, err := newProvision(in.Run, in.Document)
	if err != nil {
		return wire.StartOutput{}, err
	}
	if in.Fleet != nil { // Its fleet has planned already, and holds on to these versions; the plan's hash covers them.
		p.pins, p.planned = in.Fleet.Planned.Secrets, true
	}
	return run.Execute(ctx, in, p)
}

// PlanServer says what ProvisionServer, ChangeServer or DecommissionServer would do, and changes nothing.
func PlanServer(ctx workflow.Context, in wire.PlanInput) (wire.Preview, error) {
	p, err := processOf(in)
	if err != nil {
		return wire.Preview{}, err
	}
	switch shown := p.(type) {
	case *provision:
		shown.dry = true
	case *change:
		shown.asked.dry = true
	}
	hash, err := decision.Hash(json.RawMessage(in.Document))
	if err != nil {
		return wire.Preview{}, runbook.Invalid("hashing the document", err)
	}
	route := operation.Route{Site: p.Policy().Site, RetryFor: runbook.PlanFor, Summary: "plan"}
	if run.Short(ctx) {
		route.Near = operation.NewNear()
	}
	return run.Preview(operation.WithRoute(ctx, route), p, hash)
}

func processOf(in wire.PlanInput) (run.Process, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(in.Document, &head); err != nil {
		return nil, runbook.Invalid("reading the document", err)
	}
	switch {
	case head.Kind == wire.DecommissionKind:
		return newDecommission(in.Document)
	case in.Kind == wire.ChangeServer:
		return newChange(in.Run, in.Document)
	}
	return newProvision(in.Run, in.Document)
}

// provision is the process of one server.
type provision struct {
	run    string // ULID.
	server *spec.Server
	// pins are the versions of secrets that the plan in force holds on to, once there is one. To plan again must not pin
	// anew: a rotation meanwhile is no change of what was approved.
	pins    runbook.Pins
	planned bool
	books   []playbook // Of a record: what its plays were.

	// What a range needs: how the document has the network, and who holds the address that was looked at last.
	asked         *spec.Server
	addressHeldBy string
	dry           bool // It is only looked: nothing is reserved, and a person waits for the answer.
}

func newProvision(id string, document json.RawMessage) (*provision, error) {
	p := &provision{run: id, server: &spec.Server{}}
	if err := json.Unmarshal(document, p.server); err != nil {
		return nil, runbook.Invalid("reading the server's spec", err)
	}
	if p.server.Metadata.Name == "" {
		return nil, runbook.Invalid("reading the server's spec", fmt.Errorf("metadata.name is missing"))
	}
	return p, nil
}

func (p *provision) Kind() string { return wire.ProvisionServer }

func (p *provision) Owner() operation.Owner { return operation.Owner(p.server.Owner()) }

func (p *provision) Policy() run.Policy {
	r := p.server.Spec.Run
	return run.Policy{
		Site:             p.server.Metadata.Site,
		RetryFor:         time.Duration(r.RetryFor),
		ApprovalDeadline: time.Duration(r.ApprovalDeadline),
		UndoOnFailure:    r.OnFailure == spec.OnFailureUndo,
	}
}

// Facts are what the policy looks at.
func (p *provision) Facts() decision.Facts {
	m := p.server.Metadata
	return decision.Facts{Kind: wire.ProvisionServer, Environment: m.Environment, Site: m.Site}
}

// Conclude closes the ticket of a run that did not do what was asked.
func (p *provision) Conclude(ctx workflow.Context, f *run.Frame, o wire.Outcome, reason string) error {
	if p.server.Spec.Network.Range != "" && p.server.Spec.Network.Address != "" {
		_ = p.letGo(ctx, nil) // A run that ended before its first step has reserved an address, too.
	}
	return p.desk(f).Reject(ctx, o, reason)
}

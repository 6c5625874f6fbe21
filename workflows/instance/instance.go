// Package instance brings an instance of a cloud into service, with its accounts and its database, and takes it out again.
//
// ProvisionInstance reads like the runbook it replaces: security group, instance, volumes, operating system, accounts, database
// with its proof from the instance itself, application, firewalls. DecommissionInstance is the way back, with a grace period.
// RotateDatabasePassword gives the database login another password without an outage. ExpireAccount waits for the end of an
// account.
package instance

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
	register(wire.ProvisionInstance, ProvisionInstance)
	register(wire.DecommissionInstance, DecommissionInstance)
	register(wire.RotateDatabasePassword, RotateDatabasePassword)
	register(wire.PlanInstance, PlanInstance)
	register(wire.ExpireAccount, ExpireAccount)
}

// ProvisionInstance carries one instance from its spec into service.
func ProvisionInstance(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
	p, err := newInstance(in.Run, in.Document)
	if err != nil {
		return wire.StartOutput{}, err
	}
	return run.Execute(ctx, in, p)
}

// PlanInstance says what one of the other workflows would do, and changes nothing.
func PlanInstance(ctx workflow.Context, in wire.PlanInput) (wire.Preview, error) {
	p, err := processOf(in)
	if err != nil {
		return wire.Preview{}, err
	}
	hash, err := decision.Hash(json.RawMessage(in.Document))
	if err != nil {
		return wire.Preview{}, runbook.Invalid("hashing the document", err)
	}
	route := operation.Route{Site: p.Policy().Site, RetryFor: runbook.PlanFor, Summary: "plan", Near: operation.NewNear()}
	return run.Preview(operation.WithRoute(ctx, route), p, hash)
}

func processOf(in wire.PlanInput) (run.Process, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(in.Document, &head); err != nil {
		return nil, runbook.Invalid("reading the document", err)
	}
	switch head.Kind {
	case wire.DecommissionKind:
		return newDecommission(in.Document)
	case wire.RotationKind:
		return newRotation(in.Document)
	}
	return newInstance(in.Run, in.Document)
}

// instance is the process of one instance.
type instance struct {
	run  string // ULID.
	spec *spec.Instance
	// pins are the versions of secrets that the plan in force holds on to, once there is one.
	pins    runbook.Pins
	planned bool
}

func newInstance(id string, document json.RawMessage) (*instance, error) {
	p := &instance{run: id, spec: &spec.Instance{}}
	if err := json.Unmarshal(document, p.spec); err != nil {
		return nil, runbook.Invalid("reading the instance's spec", err)
	}
	if p.spec.Metadata.Name == "" {
		return nil, runbook.Invalid("reading the instance's spec", fmt.Errorf("metadata.name is missing"))
	}
	return p, nil
}

func (p *instance) Kind() string { return wire.ProvisionInstance }

func (p *instance) Owner() operation.Owner { return operation.Owner(p.spec.Owner()) }

func (p *instance) Policy() run.Policy { return policyOf(p.spec) }

func policyOf(s *spec.Instance) run.Policy {
	r := s.Spec.Run
	return run.Policy{
		Site: s.Metadata.Site, RetryFor: time.Duration(r.RetryFor), ApprovalDeadline: time.Duration(r.ApprovalDeadline),
		UndoOnFailure: r.OnFailure == spec.OnFailureUndo,
	}
}

// Facts are what the policy looks at.
func (p *instance) Facts() decision.Facts { return factsOf(wire.ProvisionInstance, p.spec) }

func factsOf(kind string, s *spec.Instance) decision.Facts {
	return decision.Facts{Kind: kind, Environment: s.Metadata.Environment, Site: s.Metadata.Site}
}

// Conclude closes the ticket of a run that did not do what was asked.
func (p *instance) Conclude(ctx workflow.Context, f *run.Frame, o wire.Outcome, reason string) error {
	return p.desk(f).Reject(ctx, o, reason)
}

func (p *instance) desk(f *run.Frame) runbook.Desk {
	subject := "Provision instance " + p.spec.Metadata.Name
	if t := p.spec.Spec.Ticket; t != nil && t.Subject != "" {
		subject = t.Subject
	}
	return runbook.Desk{Frame: f, Ticket: p.spec.Spec.Ticket, Subject: subject, Owner: p.Owner()}
}

package instance

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/cloud"
	"fermata/activities/database"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps of a rotation beside those of a provision. They stand in keys of objects in the field: never rename one.
const (
	stepOverlap = "overlap"
	stepLogin   = "login" // In use before: disabled.
)

// RotateDatabasePassword gives an instance another password of its database, without an outage: the other of its two logins gets a
// new password, the connection file is written anew and proven, and after an overlap the login in use so far is disabled.
func RotateDatabasePassword(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
	p, err := newRotation(in.Document)
	if err != nil {
		return wire.StartOutput{}, err
	}
	return run.Execute(ctx, in, p)
}

type rotation struct {
	asked wire.Rotation
	spec  *spec.Instance // From the record; nil until the plan has read it.
}

func newRotation(document json.RawMessage) (*rotation, error) {
	p := &rotation{}
	if err := json.Unmarshal(document, &p.asked); err != nil {
		return nil, runbook.Invalid("reading the rotation", err)
	}
	if p.asked.Kind != wire.RotationKind || p.asked.Name == "" {
		return nil, runbook.Invalid("reading the rotation", fmt.Errorf("kind and name are needed"))
	}
	return p, nil
}

func (p *rotation) Kind() string { return wire.RotateDatabasePassword }

func (p *rotation) Owner() operation.Owner {
	return operation.Owner(wire.InstanceWorkflowID(p.asked.Name))
}

func (p *rotation) Policy() run.Policy { return policyOnceKnown(p.spec) }

// Facts are what the policy looks at; environment and site are those of the instance's spec, which its record holds.
func (p *rotation) Facts() decision.Facts {
	return factsOnceKnown(wire.RotateDatabasePassword, p.spec)
}

// turn is what a rotation goes over from and to.
type turn struct {
	Instance *spec.Instance `json:"instance"`
	Record   string         `json:"record"` // Hash of the record that says how the instance was made.
	Machine  cloud.Instance `json:"machine"`
	From     string         `json:"from"` // Login in use.
	To       string         `json:"to"`
	Made     bool           `json:"made"`   // The other login is there already.
	Before   string         `json:"before"` // Version of the secret that the password in use is in.
}

// Plan finds which login is in use, and where.
func (p *rotation) Plan(ctx workflow.Context) (wire.Preview, error) {
	known, seen := lastRecord(ctx, p.Owner())
	if len(seen) > 0 {
		return wire.Preview{Observations: seen}, nil
	}
	p.spec = known.spec
	if p.spec.Spec.Database == nil {
		return wire.Preview{Observations: []wire.Observation{runbook.Problem("database", "%s has none", p.Owner())}}, nil
	}
	ctx = at(ctx, p.spec)
	missing, err := runbook.Polled(ctx, p.spec.Metadata.Site, cloud.Capability, database.Capability)
	if err != nil || len(missing) > 0 {
		return wire.Preview{Observations: missing}, err
	}
	t := turn{Instance: p.spec, Record: known.record, From: known.login}
	for _, login := range loginsOf(p.spec.Spec.Database) {
		if login != t.From {
			t.To = login
		}
	}
	t.Machine.HostKeys = known.hostKeys
	seen = runbook.Look(ctx, p.findMachine(&t), p.findLogins(&t))
	if p.spec.Spec.Ticket != nil {
		seen = append(seen, runbook.Look(ctx, p.desk(nil).LookAt)...)
	}
	content, err := json.Marshal(t)
	if err != nil {
		return wire.Preview{}, fmt.Errorf("keeping what was found: %w", err)
	}
	return wire.Preview{Plan: wire.Plan{Changes: runbook.Shown(p.all(nil, t)), Resolved: content}, Observations: seen}, nil
}

func (p *rotation) findMachine(t *turn) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		system := p.spec.Spec.Cloud.System
		name := runbook.System(cloud.Capability, system)
		out, err := cloud.FindOwned(ctx, cloud.FindOwnedInput{System: system, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		if n := len(out.Owned.Instances); n != 1 {
			return []wire.Observation{runbook.Problem(name, "%d instances of this owner, expected one", n)}
		}
		m := out.Owned.Instances[0]
		t.Machine.ID, t.Machine.Name, t.Machine.Addresses = m.ID, m.Name, m.Addresses
		if m.State != cloud.Running || len(m.Addresses) == 0 {
			return []wire.Observation{runbook.Problem(name, "instance %s is %s: it must run for its connection file to be written", m.Name, m.State)}
		}
		return []wire.Observation{runbook.Fine(name, "instance %s runs", m.Name)}
	}
}

func (p *rotation) findLogins(t *turn) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		d := p.spec.Spec.Database
		name := runbook.System(database.Capability, d.System)
		found, err := database.Find(ctx, database.FindInput{System: d.System, Names: loginsOf(d), Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		inUse := false
		for _, r := range found.Found.Roles {
			switch {
			case r.Name == t.From && r.Owner == p.Owner():
				inUse = true
			case r.Name == t.To && r.Owner == p.Owner():
				t.Made = true
			case r.Name == t.To:
				return []wire.Observation{runbook.Problem(name, "login %q exists already and %s", r.Name, taken(r.Key, r.Owner))}
			}
		}
		if !inUse {
			return []wire.Observation{runbook.Problem(name, "login %s, which the record says is in use, is gone: somebody else removed it", t.From)}
		}
		newest, err := database.NewestPassword(ctx, database.NewestPasswordInput{Secret: secret.Ref(d.Password)})
		if err != nil {
			return runbook.Failed(name, err)
		}
		t.Before = newest.Version
		return []wire.Observation{runbook.Fine(name, "login %s is in use", t.From)}
	}
}

// Steps returns the steps of the approved plan.
func (p *rotation) Steps(f *run.Frame) ([]run.Step, error) {
	var t turn
	if err := json.Unmarshal(f.Plan().Plan.Resolved, &t); err != nil {
		return nil, fmt.Errorf("reading what the plan found: %w", err)
	}
	p.spec = t.Instance
	return runbook.Bare(p.all(f, t)), nil
}

// Conclude closes the ticket of a run that did not do what was asked.
func (p *rotation) Conclude(ctx workflow.Context, f *run.Frame, o wire.Outcome, reason string) error {
	if p.spec == nil {
		return nil
	}
	return p.desk(f).Reject(ctx, o, reason)
}

func (p *rotation) desk(f *run.Frame) runbook.Desk {
	return runbook.Desk{Frame: f, Ticket: p.spec.Spec.Ticket, Subject: "Rotate the database password of instance " + p.asked.Name, Owner: p.Owner()}
}

// all lists the steps. Until the last one the login in use works: nothing is taken from what is connected.
func (p *rotation) all(f *run.Frame, t turn) []runbook.Planned {
	steps := slices.Concat(p.desk(f).Open(), []runbook.Planned{p.renew(t), p.handOver(f, t), p.prove(t), p.overlap(), p.retire(t)})
	return runbook.Linked(append(steps, p.desk(f).Close(idsOf(steps))...))
}

func (p *rotation) renew(t turn) runbook.Planned {
	d := p.spec.Spec.Database
	role := roleOf(d, t.To)
	return runbook.Planned{
		Step: run.Step{
			ID: stepRole, Title: "give the other login a new password", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				if !t.Made {
					return makeRole(ctx, d, role, op, t.Before)
				}
				out, err := database.SetPassword(ctx, database.SetPasswordInput{System: d.System, Op: op, Role: t.To, Secret: secret.Ref(d.Password), After: t.Before})
				return run.Result{Output: out.Version, Lines: []string{"password in " + string(secret.Ref(d.Password).At(out.Version))}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				if !t.Made {
					return removeRole(ctx, d, role, op)
				}
				if _, err := database.DisableRole(ctx, database.DisableRoleInput{System: d.System, Op: op, Role: t.To}); err != nil {
					return err
				}
				_, err := database.DiscardPassword(ctx, database.DiscardPasswordInput{Op: op, Secret: secret.Ref(d.Password)})
				return err
			},
		},
		Action: wire.Change, Object: "login " + t.To, Detail: []string{d.Access + " in database " + d.Name + " and nothing else", "its password is generated and kept in " + d.Password},
	}
}

func (p *rotation) handOver(f *run.Frame, t turn) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepConnection, Title: "tell the instance how to connect", After: []string{stepRole}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				version, err := run.Output[string](f, stepRole)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				return run.Result{}, writeConnection(ctx, p.spec, t.Machine, op, t.To, version)
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				return writeConnection(ctx, p.spec, t.Machine, op, t.From, t.Before)
			},
		},
		Action: wire.Change, Object: "file " + p.spec.Spec.Database.File.Path, Detail: []string{"login " + t.From + " -> " + t.To},
	}
}

func (p *rotation) prove(t turn) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepProve, Title: "prove the connection from the instance", After: []string{stepConnection}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) { return prove(ctx, p.spec, t.Machine) },
		},
		Action: wire.Observe, Object: "database " + p.spec.Spec.Database.Name, Detail: []string{"with what stands in the file"},
	}
}

// overlap leaves what is connected the time to read the file again.
func (p *rotation) overlap() runbook.Planned {
	period := time.Duration(p.spec.Spec.Database.Overlap)
	return runbook.Planned{
		Step: run.Step{
			ID: stepOverlap, Title: "let both logins work", After: []string{stepProve}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				return run.Result{Lines: []string{"for " + period.String()}}, workflow.Sleep(ctx, period)
			},
		},
		Action: wire.Observe, Object: "for " + period.String(), Detail: []string{"what is connected goes over to the new login"},
	}
}

func (p *rotation) retire(t turn) runbook.Planned {
	d := p.spec.Spec.Database
	return runbook.Planned{
		Step: run.Step{
			ID: stepLogin, Title: "disable the login in use before", After: []string{stepOverlap}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				_, err := database.DisableRole(ctx, database.DisableRoleInput{System: d.System, Op: op, Role: t.From})
				return run.Result{Lines: []string{t.From}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				return restorePassword(ctx, d, op, t.From, t.Before)
			},
		},
		Action: wire.Change, Object: "login " + t.From, Detail: []string{"its sessions are ended"},
	}
}

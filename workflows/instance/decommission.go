package instance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/cloud"
	"fermata/activities/database"
	"fermata/activities/directory"
	"fermata/activities/firewall"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/activities/secret"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// DecommissionInstance takes one instance out of service and, after a grace period, removes all that its owner has.
func DecommissionInstance(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
	p, err := newDecommission(in.Document)
	if err != nil {
		return wire.StartOutput{}, err
	}
	return run.Execute(ctx, in, p)
}

type decommission struct {
	asked wire.Decommission
	spec  *spec.Instance // From the record; nil until the plan has read it.
}

func newDecommission(document json.RawMessage) (*decommission, error) {
	p := &decommission{}
	if err := json.Unmarshal(document, &p.asked); err != nil {
		return nil, runbook.Invalid("reading the decommission", err)
	}
	if p.asked.Kind != wire.DecommissionKind || p.asked.Name == "" || (p.asked.Grace != nil && *p.asked.Grace < 0) {
		return nil, runbook.Invalid("reading the decommission", fmt.Errorf("kind, name and a grace period of zero or more seconds are needed"))
	}
	if choice := p.asked.Database; choice != "" && !slices.Contains([]string{spec.DatabaseKeep, spec.DatabaseArchive, spec.DatabaseDrop}, choice) {
		return nil, runbook.Invalid("reading the decommission", fmt.Errorf("expected keep, archive or drop for the database, found %q", choice))
	}
	return p, nil
}

func (p *decommission) Kind() string { return wire.DecommissionInstance }

func (p *decommission) Owner() operation.Owner {
	return operation.Owner(wire.InstanceWorkflowID(p.asked.Name))
}

// Policy never undoes by itself: taking back what is half removed is for a person to decide.
func (p *decommission) Policy() run.Policy { return policyOnceKnown(p.spec) }

// policyOnceKnown is that of the instance's spec, which the plan reads from its record.
func policyOnceKnown(s *spec.Instance) run.Policy {
	if s == nil {
		return run.Policy{RetryFor: time.Duration(spec.DefaultRetryFor), ApprovalDeadline: time.Duration(spec.DefaultApprovalDeadline)}
	}
	policy := policyOf(s)
	policy.UndoOnFailure = false
	return policy
}

// Facts are what the policy looks at; environment and site are those of the instance's spec, which its record holds.
func (p *decommission) Facts() decision.Facts {
	return factsOnceKnown(wire.DecommissionInstance, p.spec)
}

func factsOnceKnown(kind string, s *spec.Instance) decision.Facts {
	if s == nil {
		return decision.Facts{Kind: kind, Partial: true}
	}
	return factsOf(kind, s)
}

// estate is everything that the owner has, and the image of before that a restore goes back to.
type estate struct {
	Instance *spec.Instance                  `json:"instance"`
	Record   string                          `json:"record"`           // Hash of the record that says how the instance was made.
	Grace    int64                           `json:"grace"`            // Seconds that the instance is kept.
	Choice   string                          `json:"choice,omitempty"` // What becomes of the database.
	Cloud    cloud.Owned                     `json:"cloud"`
	Rules    map[string][]firewall.Installed `json:"rules,omitempty"`    // By firewall.
	Accounts map[string][]string             `json:"accounts,omitempty"` // Names, by directory.
	Database database.Found                  `json:"database,omitzero"`
	Login    string                          `json:"login,omitempty"`   // In use.
	Version  string                          `json:"version,omitempty"` // Of the secret that its password is in.
	Items    []runbook.Listed                `json:"items,omitempty"`   // Configuration items in service.
}

// Plan finds what the owner has, as the record and the systems know it.
func (p *decommission) Plan(ctx workflow.Context) (wire.Preview, error) {
	found := estate{Rules: map[string][]firewall.Installed{}, Accounts: map[string][]string{}}
	known, seen := lastRecord(ctx, p.Owner())
	if len(seen) > 0 {
		return wire.Preview{Observations: seen}, nil
	}
	found.Instance, found.Record, found.Login = known.spec, known.record, known.login
	p.spec = found.Instance
	found.Grace = int64(time.Duration(p.spec.Spec.Run.Grace) / time.Second)
	if p.asked.Grace != nil {
		found.Grace = *p.asked.Grace
	}
	if d := p.spec.Spec.Database; d != nil {
		found.Choice = cmp.Or(p.asked.Database, d.OnDecommission)
	}
	ctx = at(ctx, p.spec)
	missing, err := runbook.Polled(ctx, p.spec.Metadata.Site, capabilitiesOf(p.spec)...)
	if err != nil || len(missing) > 0 {
		return wire.Preview{Observations: missing}, err
	}
	seen = runbook.Look(ctx, p.readings(&found)...)
	if p.asked.Database != "" && p.spec.Spec.Database == nil {
		seen = append(seen, runbook.Problem("database", "the instance has none: leave --database out"))
	}
	content, err := json.Marshal(found)
	if err != nil {
		return wire.Preview{}, fmt.Errorf("keeping what was found: %w", err)
	}
	return wire.Preview{Plan: wire.Plan{Changes: runbook.Shown(p.all(nil, found)), Resolved: content}, Observations: seen}, nil
}

// at routes what is read to the instance's site.
func at(ctx workflow.Context, s *spec.Instance) workflow.Context {
	route := operation.RouteOf(ctx)
	route.Site = s.Metadata.Site
	return operation.WithRoute(ctx, route)
}

// managed is what the records say of an instance that is under management.
type managed struct {
	spec   *spec.Instance
	record string // Hash of the record that says how it was made.
	login  string // Of the database, in use since the latest rotation; empty: there is no database.
	// hostKeys are those that the console told at the first boot: it does not keep them.
	hostKeys []string
}

// lastRecord finds what the instance was made from. Without a record nothing is under management.
func lastRecord(ctx workflow.Context, owner operation.Owner) (managed, []wire.Observation) {
	out, err := record.FindRecords(ctx, record.FindInput{Owner: owner})
	if err != nil {
		return managed{}, runbook.Failed("records", err)
	}
	last, entry, err := record.Latest(out.Entries, string(wire.Done), wire.ProvisionInstance, wire.DecommissionInstance)
	if err != nil {
		return managed{}, runbook.Failed("records", err)
	}
	if last == nil || last.Kind == wire.DecommissionInstance {
		return managed{}, []wire.Observation{runbook.Problem("records", "no record says that Fermata provisioned %s: check the name with `fermata history`", owner)}
	}
	m := managed{spec: &spec.Instance{}, record: entry.Hash}
	if err := json.Unmarshal(last.Spec, m.spec); err != nil {
		return managed{}, runbook.Failed("records", err)
	}
	m.spec.ApplyDefaults() // Those that came after the record was written.
	if m.hostKeys, err = hostKeysIn(last); err != nil {
		return managed{}, runbook.Failed("records", err)
	}
	if d := m.spec.Spec.Database; d != nil {
		if m.login, err = loginInUse(d, out.Entries); err != nil {
			return managed{}, runbook.Failed("records", err)
		}
	}
	return m, nil
}

// hostKeysIn reads what the step left that started the instance.
func hostKeysIn(r *record.Record) ([]string, error) {
	var steps []struct {
		ID     string          `json:"id"`
		Output json.RawMessage `json:"output"`
	}
	if err := json.Unmarshal(r.Steps, &steps); err != nil {
		return nil, err
	}
	for _, s := range steps {
		if s.ID == stepDeploy && len(s.Output) > 0 {
			var m cloud.Instance
			err := json.Unmarshal(s.Output, &m)
			return m.HostKeys, err
		}
	}
	return nil, nil
}

// loginInUse is the first of the two logins, or the one that the latest rotation went over to.
func loginInUse(d *spec.DatabaseUse, entries []record.Entry) (string, error) {
	last, _, err := record.Latest(entries, string(wire.Done), wire.ProvisionInstance, wire.RotateDatabasePassword)
	if err != nil || last == nil || last.Kind != wire.RotateDatabasePassword {
		return loginsOf(d)[0], err
	}
	var plan wire.Plan
	var turned turn
	if err := json.Unmarshal(last.Plan, &plan); err != nil {
		return "", err
	}
	if err := json.Unmarshal(plan.Resolved, &turned); err != nil {
		return "", err
	}
	return turned.To, nil
}

func (p *decommission) readings(found *estate) []runbook.Reading {
	s := p.spec.Spec
	readings := []runbook.Reading{p.findInCloud(found)}
	for _, device := range runbook.Firewalls(s.Firewall) {
		readings = append(readings, p.findRules(device, found))
	}
	for _, system := range directoriesOf(p.spec) {
		readings = append(readings, p.findAccounts(system, found))
	}
	if s.Database != nil {
		readings = append(readings, p.findInDatabase(found))
	}
	if s.Ticket != nil {
		readings = append(readings, p.desk(nil).LookAt)
	}
	if s.Inventory != nil {
		readings = append(readings, runbook.FindItems(s.Inventory, p.Owner(), &found.Items))
	}
	return readings
}

func (p *decommission) findInCloud(found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		system := p.spec.Spec.Cloud.System
		name := runbook.System(cloud.Capability, system)
		out, err := cloud.FindOwned(ctx, cloud.FindOwnedInput{System: system, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		found.Cloud = steady(out.Owned)
		return []wire.Observation{runbook.Fine(name, "%d instances, %d volumes, %d public addresses, %d security groups of this owner",
			len(found.Cloud.Instances), len(found.Cloud.Disks), len(found.Cloud.Addresses), len(found.Cloud.Groups))}
	}
}

// steady leaves out what changes by itself, such as a state: the plan's hash covers the rest.
func steady(o cloud.Owned) cloud.Owned {
	for i := range o.Instances {
		o.Instances[i] = cloud.Instance{ID: o.Instances[i].ID, Name: o.Instances[i].Name, Addresses: o.Instances[i].Addresses}
	}
	return o
}

func (p *decommission) findRules(device string, found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(firewall.Capability, device)
		out, err := firewall.FindRules(ctx, firewall.FindRulesInput{System: device, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		found.Rules[device] = out.Rules
		return []wire.Observation{runbook.Fine(name, "%d rules of this owner", len(out.Rules))}
	}
}

func (p *decommission) findAccounts(system string, found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(directory.Capability, system)
		out, err := directory.FindAccounts(ctx, directory.FindAccountsInput{System: system, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		for _, a := range out.Accounts {
			found.Accounts[system] = append(found.Accounts[system], a.Name)
		}
		slices.Sort(found.Accounts[system])
		return []wire.Observation{runbook.Fine(name, "%d accounts of this owner", len(out.Accounts))}
	}
}

func (p *decommission) findInDatabase(found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		system := p.spec.Spec.Database.System
		name := runbook.System(database.Capability, system)
		out, err := database.Find(ctx, database.FindInput{System: system, Owner: p.Owner()})
		if err != nil {
			return runbook.Failed(name, err)
		}
		found.Database = out.Found
		newest, err := database.NewestPassword(ctx, database.NewestPasswordInput{Secret: secret.Ref(p.spec.Spec.Database.Password)})
		if err != nil {
			return runbook.Failed(name, err)
		}
		found.Version = newest.Version
		return []wire.Observation{runbook.Fine(name, "%d databases and %d logins of this owner", len(out.Found.Databases), len(out.Found.Roles))}
	}
}

// Steps returns the steps of the approved plan.
func (p *decommission) Steps(f *run.Frame) ([]run.Step, error) {
	var found estate
	if err := json.Unmarshal(f.Plan().Plan.Resolved, &found); err != nil {
		return nil, fmt.Errorf("reading what the plan found: %w", err)
	}
	p.spec = found.Instance
	return runbook.Bare(p.all(f, found)), nil
}

// Conclude closes the ticket of a run that did not do what was asked.
func (p *decommission) Conclude(ctx workflow.Context, f *run.Frame, o wire.Outcome, reason string) error {
	if p.spec == nil {
		return nil
	}
	return p.desk(f).Reject(ctx, o, reason)
}

func (p *decommission) desk(f *run.Frame) runbook.Desk {
	return runbook.Desk{Frame: f, Ticket: p.spec.Spec.Ticket, Subject: "Decommission instance " + p.asked.Name, Owner: p.Owner()}
}

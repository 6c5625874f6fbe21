// Package fleet brings many servers into service after one approval.
//
// ProvisionFleet plans every server, asks once, and then begins a run of its own for each, under the server's own id and
// as fast as the rollout allows. A server's run believes nothing of the fleet's: it looks at what people signed itself. One
// that fails is held by itself; the fleet begins no other once too many have.
package fleet

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

// stepMembers is the only step: its targets have steps of their own.
const stepMembers = "members"

// byEach is what undo does with a fleet's servers.
const byEach run.Reversal = "each server by its own run"

// Register names the workflows and their functions.
func Register(register func(name string, workflow any)) {
	register(wire.ProvisionFleet, ProvisionFleet)
	register(wire.PlanFleet, PlanFleet)
}

// ProvisionFleet brings the servers of a fleet into service.
func ProvisionFleet(ctx workflow.Context, in wire.StartInput) (wire.StartOutput, error) {
	return provisionWithin(ctx, in, run.DefaultLimits())
}

func provisionWithin(ctx workflow.Context, in wire.StartInput, l run.Limits) (wire.StartOutput, error) {
	p, err := newFleet(in.Run, in.Document)
	if err != nil {
		return wire.StartOutput{}, err
	}
	return run.ExecuteWithin(ctx, in, p, l)
}

// PlanFleet says what ProvisionFleet would do, and changes nothing.
func PlanFleet(ctx workflow.Context, in wire.PlanInput) (wire.Preview, error) {
	p, err := newFleet(in.Run, in.Document)
	if err != nil {
		return wire.Preview{}, err
	}
	hash, err := decision.Hash(json.RawMessage(in.Document))
	if err != nil {
		return wire.Preview{}, invalid("hashing the document", err)
	}
	return run.Preview(ctx, p, hash)
}

// fleet is the process of one fleet.
type fleet struct {
	run      string // ULID.
	document json.RawMessage
	spec     *spec.Fleet
	frame    *run.Frame // Nil while only a plan is asked for.
	state    state
	byOwner  map[operation.Owner]*member
	changes  int // Counts what was heard, to wake who waits for it.
	leaves   [][]byte
	plans    int // Counts plannings in this execution.
}

// state is what the fleet knows of its servers. It is plain data, which a run that continues as new carries along.
type state struct {
	Members []*member  `json:"members"`
	Wave    int        `json:"wave"`             // From 1.
	Pauses  *time.Time `json:"pauses,omitempty"` // Until when nothing is begun between two waves.
	Stopped string     `json:"stopped,omitempty"`
}

// member is one server.
type member struct {
	wire.Member
	Index    int       `json:"index"`
	Attempt  int       `json:"attempt,omitempty"`  // How many runs were begun for it.
	Again    time.Time `json:"again,omitzero"`     // When a busy server is tried again.
	Vain     int       `json:"vain,omitempty"`     // How often it was found busy.
	Forgiven bool      `json:"forgiven,omitempty"` // A person said to go on in spite of it.
}

func (m *member) owner() operation.Owner { return operation.Owner(wire.ServerWorkflowID(m.Name)) }

// final reports whether nothing more comes of the server by itself. Of one that is held something may.
func (m *member) final() bool {
	return m.State == wire.MemberDone || m.State == wire.MemberFailed || m.State == wire.MemberRefused
}

func newFleet(id string, document json.RawMessage) (*fleet, error) {
	p := &fleet{run: id, document: document, spec: &spec.Fleet{}, byOwner: map[operation.Owner]*member{}, state: state{Wave: 1}}
	if err := json.Unmarshal(document, p.spec); err != nil {
		return nil, invalid("reading the fleet's spec", err)
	}
	if p.spec.Metadata.Name == "" || p.spec.Size() == 0 || p.spec.Size() > spec.MaxMembers {
		return nil, invalid("reading the fleet's spec", fmt.Errorf("it needs a name and 1 to %d servers", spec.MaxMembers))
	}
	servers, err := p.spec.Outlines()
	if err != nil {
		return nil, invalid("reading the fleet's spec", err)
	}
	wave, room := 0, 0
	waves := p.spec.Waves()
	for i, s := range servers {
		if room == 0 {
			room, wave = waves[wave], wave+1
		}
		room--
		m := &member{Index: i, Member: wire.Member{
			Name: s.Name, Site: s.Site, System: s.System, Wave: wave, State: wire.MemberNotBegun,
		}}
		p.state.Members = append(p.state.Members, m)
	}
	p.index()
	return p, nil
}

func (p *fleet) index() {
	for _, m := range p.state.Members {
		p.byOwner[m.owner()] = m
	}
}

func invalid(doing string, err error) error {
	return temporal.NewNonRetryableApplicationError(doing+": "+err.Error(), string(fault.Invalid), nil)
}

func (p *fleet) Kind() string { return wire.ProvisionFleet }

func (p *fleet) Owner() operation.Owner { return operation.Owner(p.spec.Owner()) }

// planFor is how long a system may take to answer while planning.
const planFor = time.Minute

func (p *fleet) Policy() run.Policy {
	return run.Policy{Site: p.spec.Metadata.Site, RetryFor: time.Hour, ApprovalDeadline: time.Duration(p.spec.Spec.ApprovalDeadline)}
}

// Facts are what the policy looks at.
func (p *fleet) Facts() decision.Facts {
	m := p.spec.Metadata
	return decision.Facts{Kind: wire.ProvisionFleet, Environment: m.Environment, Site: m.Site}
}

// Targets is how many servers the fleet has.
func (p *fleet) Targets() int { return len(p.state.Members) }

// Conclude has nothing to close: tickets are of the servers' own runs.
func (p *fleet) Conclude(workflow.Context, *run.Frame, wire.Outcome, string) error { return nil }

// Fleet is where the servers are.
func (p *fleet) Fleet() *wire.Fleet {
	f := &wire.Fleet{Waves: p.spec.Waves(), Wave: p.state.Wave, Pauses: p.state.Pauses, Stopped: p.state.Stopped}
	for _, m := range p.state.Members {
		f.Members = append(f.Members, m.Member)
	}
	return f
}

// Keep writes what is known of the servers.
func (p *fleet) Keep() (json.RawMessage, error) { return json.Marshal(p.state) }

// Restore reads what Keep wrote.
func (p *fleet) Restore(kept json.RawMessage) error {
	servers := len(p.state.Members)
	p.state = state{}
	if err := json.Unmarshal(kept, &p.state); err != nil {
		return err
	}
	if len(p.state.Members) != servers {
		return fmt.Errorf("%d servers were carried along, the fleet has %d", len(p.state.Members), servers)
	}
	p.index()
	return nil
}

// Steps returns the one step.
func (p *fleet) Steps(f *run.Frame) ([]run.Step, error) {
	if f.Emergency() {
		return nil, fault.New(fault.Invalid, "a fleet cannot act first and be reviewed afterwards: start the servers that cannot wait one by one")
	}
	return []run.Step{{ID: stepMembers, Title: "bring " + servers(p.Targets()) + " into service", Reversal: byEach, Do: p.rollout, Undo: p.recall}}, nil
}

func servers(n int) string {
	if n == 1 {
		return "1 server"
	}
	return fmt.Sprintf("%d servers", n)
}

// few are how many names a sentence holds.
const few = 5

// named lists members by name, not all of them if there are many.
func named(members []*member) string {
	var names []string
	for _, m := range members {
		if len(names) == few {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(members)-few)
		}
		names = append(names, m.Name)
	}
	return strings.Join(names, ", ")
}

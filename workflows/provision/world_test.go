package provision

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/crypto/ssh"

	"fermata/activities/authority"
	"fermata/activities/compute"
	"fermata/activities/executions"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/loadbalancer"
	"fermata/activities/probe"
	"fermata/activities/queues"
	"fermata/activities/record"
	"fermata/activities/ticketing"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/reservation"
)

const runULID = "01J00000000000000000000000"

// estate is an in-memory stand-in for the activities: the drivers are not under test here, the workflow is.
type world struct {
	mu       sync.Mutex
	objects  map[string]string     // What exists: "machine web-01" -> state.
	failing  map[string]fault.Kind // Activity type -> kind that it fails with, until removed.
	calls    []string              // Activity types in the order they began.
	records  []record.Record       // What was written.
	after    map[string]func()     // Called once when the activity type is done.
	template string
	unpolled []string
	subject  string // Of the ticket that was opened last.
	ruleKey  string // Key under which rules were opened last.

	addressHeldBy string               // Machine that has the address.
	required      int64                // Bytes that the server needs.
	reserved      executions.Execution // Who else has reserved the address.
	key           string               // Operation key of what exists.

	shelf *shelf // What the guests' worker knows of secrets.
}

// bench is a workflow environment with its people.
type bench struct {
	*testsuite.TestWorkflowEnvironment
	estate   *world
	people   map[string]ssh.Signer
	document json.RawMessage
	verdicts []wire.DecideResult
	heard    func(decision.Command) // Called with each command that was decided; nil: nobody waits.
}

const (
	alice = "alice@example" // Asks.
	bob   = "bob@example"   // Decides.
)

func setup(t *testing.T, change ...func(*spec.Server)) *bench {
	t.Helper()
	data, err := os.ReadFile("../../examples/web-server.yaml")
	require.NoError(t, err)
	server, err := spec.Parse("web-server.yaml", data)
	require.NoError(t, err)
	server.Spec.Run.RetryFor = spec.Duration(30 * time.Second)
	for _, f := range change {
		f(server)
	}
	document, err := json.Marshal(server)
	require.NoError(t, err)
	var suite testsuite.WorkflowTestSuite
	b := &bench{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), document: document, people: map[string]ssh.Signer{},
		estate: &world{objects: map[string]string{}, failing: map[string]fault.Kind{}, after: map[string]func(){}, template: "t-1", shelf: &shelf{}},
	}
	b.SetTestTimeout(30 * time.Second)
	b.SetStartWorkflowOptions(startOptions("server/web-01"))
	b.register(t)
	return b
}

func (b *bench) register(t *testing.T) {
	t.Helper()
	var lines strings.Builder
	for _, name := range []string{alice, bob} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		signer, err := ssh.NewSignerFromKey(key)
		require.NoError(t, err)
		b.people[name] = signer
		lines.WriteString(name + " " + string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	}
	allowed, err := decision.ParseAllowedSigners(strings.NewReader(lines.String()))
	require.NoError(t, err)
	register := func(name string, f any) { b.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	authority.NewActivities(policies{&decision.Policy{Cluster: "test", Namespace: "default", Signers: allowed}}, b.Now).Register(register)
	queues.NewActivities(b.estate, time.Second).Register(register)
	executions.NewActivities(b.estate).Register(register)
	reservation.Register(func(name string, f any) { b.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name}) })
	b.estate.register(register)
	b.RegisterWorkflowWithOptions(ProvisionServer, workflow.RegisterOptions{Name: wire.ProvisionServer})
	b.RegisterWorkflowWithOptions(DecommissionServer, workflow.RegisterOptions{Name: wire.DecommissionServer})
}

type policies struct{ p *decision.Policy }

func (p policies) Policy(context.Context) (*decision.Policy, error) { return p.p, nil }

func (e *world) Polled(_ context.Context, queue string) (bool, error) {
	for _, q := range e.unpolled {
		if q == queue {
			return false, nil
		}
	}
	return true, nil
}

func (e *world) Find(_ context.Context, workflowID string) (executions.Execution, error) {
	if strings.HasPrefix(workflowID, "address/") {
		return e.reserved, nil
	}
	return executions.Execution{Open: true, Target: "server/web-01", Run: runULID}, nil
}

// did counts an activity, and fails it if it should.
func (e *world) did(name string, change func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, name)
	if kind, failing := e.failing[name]; failing {
		return fault.ForTemporal(fault.New(kind, "%s fails on purpose", name))
	}
	if change != nil {
		change()
	}
	if f := e.after[name]; f != nil {
		delete(e.after, name)
		f()
	}
	return nil
}

// didOf is did, and also fails what is to fail of one object only: "guest.MountVolume of logs".
func (e *world) didOf(name, object string) error {
	if kind, failing := e.failing[name+" of "+object]; failing {
		return fault.ForTemporal(fault.New(kind, "%s of %s fails on purpose", name, object))
	}
	return e.did(name, nil)
}

func (e *world) set(object, state string) func() { return func() { e.objects[object] = state } }
func (e *world) remove(object string) func()     { return func() { delete(e.objects, object) } }

func (e *world) register(r func(string, any)) {
	type none = map[string]any
	simple := func(name string, change func()) {
		r(name, func(context.Context, none) (none, error) { return none{}, e.did(name, change) })
	}
	for _, name := range []string{"compute.Check", "firewall.Check", "loadbalancer.Check", "ticketing.Check", "probe.Check", "record.Check", "guest.Reach"} {
		simple(name, nil)
	}
	r("guest.MountVolume", func(_ context.Context, in guest.MountVolumeInput) (guest.MountVolumeOutput, error) {
		return guest.MountVolumeOutput{}, e.didOf("guest.MountVolume", in.Request.Volume.Name)
	})
	e.registerSecrets(r)
	simple("compute.RemoveVM", e.remove("machine"))
	simple("compute.DestroyVM", e.remove("machine"))
	r("firewall.OpenPaths", func(_ context.Context, in firewall.OpenPathsInput) (firewall.OpenPathsOutput, error) {
		e.ruleKey = in.Op.Key.String()
		return firewall.OpenPathsOutput{}, e.did("firewall.OpenPaths", e.set("rules", "open"))
	})
	simple("firewall.ClosePaths", e.remove("rules"))
	simple("firewall.CloseOwned", e.remove("rules"))
	simple("loadbalancer.AddMember", e.set("member", "drain"))
	simple("loadbalancer.RemoveMember", e.remove("member"))
	simple("loadbalancer.RemoveOwned", e.remove("member"))
	simple("ticketing.AddNote", nil)
	r("loadbalancer.SetMember", func(_ context.Context, in loadbalancer.SetMemberInput) (loadbalancer.SetMemberOutput, error) {
		if _, there := e.objects["member"]; !there {
			return loadbalancer.SetMemberOutput{}, fault.ForTemporal(fault.New(fault.NotFound, "no member %s/%s", in.Backend, in.Name))
		}
		return loadbalancer.SetMemberOutput{}, e.did("loadbalancer.SetMember", e.set("member", string(in.State)))
	})
	r("guest.AuthorizedKey", func(context.Context, guest.AuthorizedKeyInput) (guest.AuthorizedKeyOutput, error) {
		return guest.AuthorizedKeyOutput{Key: "ssh-ed25519 AAAA"}, e.did("guest.AuthorizedKey", nil)
	})
	r("compute.Plan", func(context.Context, compute.PlanInput) (compute.PlanOutput, error) {
		out := compute.PlanOutput{Planned: compute.Planned{FreeBytes: 1 << 40, RequiredBytes: e.required, Placement: compute.Placement{Template: compute.Ref{ID: e.template}}}}
		if _, there := e.objects["machine"]; there {
			out.Planned.Existing = []compute.Machine{{ID: "vm-1", Name: "web-01", Owner: "server/web-01", Key: e.key}}
		}
		if e.addressHeldBy != "" {
			out.Planned.AddressHeldBy = []compute.Ref{{ID: "vm-1", Name: e.addressHeldBy}}
		}
		return out, e.did("compute.Plan", nil)
	})
	r("compute.CloneVM", func(_ context.Context, in compute.CloneVMInput) (compute.CloneVMOutput, error) {
		return compute.CloneVMOutput{Machine: compute.Machine{ID: "vm-1", Key: in.Op.Key.String()}}, e.did("compute.CloneVM", e.set("machine", "off"))
	})
	r("compute.AddDisk", func(_ context.Context, in compute.AddDiskInput) (compute.AddDiskOutput, error) {
		return compute.AddDiskOutput{Disk: compute.Disk{UUID: "d-1", Bytes: in.Request.Bytes, Key: in.Op.Key.String()}}, e.did("compute.AddDisk", nil)
	})
	r("compute.StartVM", func(context.Context, compute.StartVMInput) (compute.StartVMOutput, error) {
		return compute.StartVMOutput{Machine: compute.Machine{ID: "vm-1", HostKeys: []string{"k"}}}, e.did("compute.StartVM", e.set("machine", "on"))
	})
	r("compute.FindVMs", func(context.Context, compute.FindVMsInput) (compute.FindVMsOutput, error) {
		var out compute.FindVMsOutput
		if _, there := e.objects["machine"]; there {
			out.Machines = []compute.Machine{{ID: "vm-1", Name: "web-01"}}
		}
		return out, e.did("compute.FindVMs", nil)
	})
	r("compute.RetireVM", func(context.Context, compute.RetireVMInput) (compute.RetireVMOutput, error) {
		return compute.RetireVMOutput{}, e.did("compute.RetireVM", e.set("machine", "retired"))
	})
	r("compute.RestoreVM", func(context.Context, compute.RestoreVMInput) (compute.RestoreVMOutput, error) {
		return compute.RestoreVMOutput{}, e.did("compute.RestoreVM", e.set("machine", "on"))
	})
	r("firewall.FindRules", func(context.Context, firewall.FindRulesInput) (firewall.FindRulesOutput, error) {
		var out firewall.FindRulesOutput
		if _, there := e.objects["rules"]; there {
			out.Rules = []firewall.Installed{{Rule: firewall.Rule{Name: "lb-to-web"}, Key: cmp.Or(e.key, "01A/firewall/web-01"), Owner: "server/web-01"}}
		}
		return out, e.did("firewall.FindRules", nil)
	})
	r("loadbalancer.FindMembers", func(context.Context, loadbalancer.FindMembersInput) (loadbalancer.FindMembersOutput, error) {
		var out loadbalancer.FindMembersOutput
		if _, there := e.objects["member"]; there {
			out.Members = []loadbalancer.Status{{Member: loadbalancer.Member{Backend: "web", Name: "web-01"}, Key: e.key}}
		}
		return out, e.did("loadbalancer.FindMembers", nil)
	})
	r("ticketing.OpenTicket", func(_ context.Context, in ticketing.OpenTicketInput) (ticketing.OpenTicketOutput, error) {
		e.subject = in.Request.Subject
		return ticketing.OpenTicketOutput{Ticket: ticketing.Ticket{ID: "7"}}, e.did("ticketing.OpenTicket", e.set("ticket", "open"))
	})
	r("ticketing.SetStatus", func(_ context.Context, in ticketing.SetStatusInput) (ticketing.SetStatusOutput, error) {
		return ticketing.SetStatusOutput{}, e.did("ticketing.SetStatus", e.set("ticket", string(in.Status)))
	})
	r("probe.Get", func(_ context.Context, in probe.GetInput) (probe.GetOutput, error) {
		what := "health"
		if strings.Contains(in.Request.URL, "www.") {
			what = "verify"
		}
		return probe.GetOutput{Answer: probe.Answer{Status: 200}}, e.didOf("probe.Get", what)
	})
	r("record.Append", func(_ context.Context, in record.AppendInput) (record.AppendOutput, error) {
		return record.AppendOutput{Sequence: 1, Hash: "h"}, e.did("record.Append", func() { e.records = append(e.records, in.Record) })
	})
	r("record.Find", func(context.Context, record.FindInput) (record.FindOutput, error) {
		var out record.FindOutput
		for _, rec := range e.records {
			b, _ := json.Marshal(rec)
			out.Entries = append(out.Entries, record.Entry{Record: b, Hash: "h"})
		}
		return out, e.did("record.Find", nil)
	})
}

func startOptions(id string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{ID: id, TaskQueue: wire.Queue}
}

// sign makes a decision for the gate as it stands, which change may bend.
func (b *bench) sign(t *testing.T, key, person string, e decision.Envelope) decision.Signed {
	t.Helper()
	now := b.Now().UTC().Truncate(time.Second)
	e.Version, e.Cluster, e.Namespace, e.WorkflowID, e.Person = decision.Version, "test", "default", "server/web-01", person
	if e.Run == "" {
		e.Run = runULID
	}
	e.Issued, e.Expires = now, now.Add(10*time.Minute)
	signed, err := decision.Sign(e, b.people[key])
	require.NoError(t, err)
	return signed
}

func (b *bench) start(t *testing.T, kind string, document json.RawMessage) decision.Signed {
	t.Helper()
	hash, err := decision.Hash(document)
	require.NoError(t, err)
	return b.sign(t, alice, alice, decision.Envelope{Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash})
}

func (b *bench) progress(t *testing.T) wire.Progress {
	t.Helper()
	value, err := b.QueryWorkflow(wire.QueryProgress)
	require.NoError(t, err)
	var p wire.Progress
	require.NoError(t, value.Get(&p))
	return p
}

// say has a person give a command after a while, by update; bend may spoil the envelope.
func (b *bench) say(t *testing.T, after time.Duration, person string, c decision.Command, step string, bend ...func(*decision.Envelope, *string)) {
	t.Helper()
	b.RegisterDelayedCallback(func() {
		gate, open := b.progress(t).Gate(c, step)
		require.True(t, open, "a gate takes %q", c)
		e := decision.Envelope{Gate: gate.ID, Nonce: gate.Nonce, Command: c, Hash: gate.Hash}
		if c == decision.Retry || c == decision.Skip {
			e.Step = gate.Step
		}
		key := person
		for _, f := range bend {
			f(&e, &key)
		}
		b.UpdateWorkflow(wire.UpdateDecide, e.Nonce+string(c)+after.String()+person, &testsuite.TestUpdateCallback{
			OnAccept: func() {},
			OnReject: func(err error) { require.NoError(t, err) },
			OnComplete: func(result any, err error) {
				require.NoError(t, err)
				b.verdicts = append(b.verdicts, result.(wire.DecideResult))
				if b.heard != nil {
					b.heard(c)
				}
			},
		}, wire.Decide{Signed: b.sign(t, key, person, e)})
	}, after)
}

func (b *bench) carry(t *testing.T) wire.StartOutput {
	t.Helper()
	b.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: runULID, Document: b.document, Start: b.start(t, wire.ProvisionServer, b.document)})
	return b.result(t)
}

func (b *bench) result(t *testing.T) wire.StartOutput {
	t.Helper()
	require.True(t, b.IsWorkflowCompleted())
	require.NoError(t, b.GetWorkflowError())
	var out wire.StartOutput
	require.NoError(t, b.GetWorkflowResult(&out))
	require.NotEmpty(t, b.estate.records, "a run ends with its record")
	require.Equal(t, string(out.Outcome), b.estate.records[len(b.estate.records)-1].Outcome)
	return out
}

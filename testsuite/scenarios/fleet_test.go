package scenarios

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"

	"fermata/activities/authority"
	"fermata/activities/record"
	"fermata/client"
	"fermata/decision"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// fleet is the example, in which one server asks for a version that there is not.
func fleet(t *testing.T, impossible string) *spec.Fleet {
	t.Helper()
	file := filepath.Join(stage.Root(t), "examples", "fleet.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	var list strings.Builder
	list.WriteString("servers:\n")
	for _, name := range []string{"web-21", "web-22", "web-23", "web-24", "web-25", "web-26"} {
		version := "1.2.0"
		if name == impossible {
			version = "9.9.9"
		}
		list.WriteString("    - {name: " + name + ", values: {version: " + version + "}}\n")
	}
	text := strings.NewReplacer("count: 6 ", list.String()+"  ", "      name: web-{{ printf \"%02d\" (add index 20) }}\n", "      labels: {tier: web}\n",
		"version: 1.2.0", `version: "{{ values.version }}"`).Replace(string(data))
	f, err := spec.ParseFleet(file, []byte(text))
	require.NoError(t, err)
	return f
}

func state(p wire.Progress, name string) wire.Member {
	if p.Fleet != nil {
		for _, m := range p.Fleet.Members {
			if m.Name == name {
				return m
			}
		}
	}
	return wire.Member{}
}

func TestAFleetIsProvisioned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	f := fleet(t, "web-26")

	// Another run holds one of the servers: the fleet waits for it, and the others go on.
	busy, err := f.Member(2)
	require.NoError(t, err)
	own, err := client.Provision(busy)
	holder := b.Begin(t, own, err)
	b.Until(t, holder, "the approval", people.In(wire.Waiting))

	r, err := client.Fleet(f)
	started := b.Begin(t, r, err)
	p := b.Until(t, started, "the approval", people.In(wire.Waiting))
	require.Len(t, p.Preview.Members, 6)
	require.NoError(t, client.CheckMembers(*p.Preview))
	require.Contains(t, p.Preview.Members[0].Summary, "10.20.0.21/24")
	require.Empty(t, b.machinesNamed(t, "web-2"), "nothing is done before the approval")
	b.Approve(t, started)

	p = b.Until(t, started, "all but the busy one and the impossible one are done", func(p wire.Progress) bool {
		return p.Fleet != nil && p.Fleet.Count(wire.MemberDone) == 4 && state(p, "web-26").State == wire.MemberHeld
	})
	require.Equal(t, wire.MemberBusy, state(p, "web-23").State)
	require.Contains(t, state(p, "web-23").Reason, holder.Run)
	require.Equal(t, "application", state(p, "web-26").Step)

	// The other run goes away, and the server is begun.
	b.Decide(t, client.Decision{WorkflowID: holder.WorkflowID, Command: decision.Cancel}, b.Requester)
	p = b.Until(t, started, "the busy one is done too", func(p wire.Progress) bool {
		return p.Fleet != nil && p.Fleet.Count(wire.MemberDone) == 5 && p.Phase == wire.Held
	})

	// The one that is held is held alone: its own run takes commands. It is retried, and at last given up.
	b.Decide(t, client.Decision{WorkflowID: "server/web-26", Command: decision.Retry}, b.Approver)
	one := client.Started{WorkflowID: "server/web-26", Run: state(p, "web-26").Run}
	own26 := b.Until(t, one, "held again", func(p wire.Progress) bool { return p.Phase == wire.Held && tries(p, "application") == 2 })
	require.Equal(t, started.WorkflowID, own26.PartOf)
	b.Decide(t, client.Decision{WorkflowID: "server/web-26", Command: decision.Undo}, b.Requester)
	b.Until(t, started, "a person's word on the rest", func(p wire.Progress) bool {
		_, open := p.Gate(decision.Skip, "")
		return open && state(p, "web-26").State == wire.MemberFailed
	})
	b.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Skip, Reason: "five are enough"}, b.Approver)
	p = b.Until(t, started, "an end", people.Ended)
	require.Equal(t, wire.Done, p.Outcome, p.Reason)
	require.Empty(t, b.machinesNamed(t, "web-26"))
	require.Len(t, b.servers(t), 5)

	out, err := b.Client.Records(t.Context(), record.FindInput{Owner: "server/web-21"}, true)
	require.NoError(t, err)
	require.Contains(t, string(out.Entries[0].Record), started.Run, "its record names the run that it was approved with")

	b.forge(t, f, started)
}

func tries(p wire.Progress, step string) int {
	for _, s := range p.Steps {
		if s.ID == step {
			return s.Tries
		}
	}
	return 0
}

// forge starts a server's run by itself that says it is part of the fleet: no fleet has begun it.
func (b *bench) forge(t *testing.T, f *spec.Fleet, started client.Started) {
	t.Helper()
	server, err := f.Member(5)
	require.NoError(t, err)
	in := wire.StartInput{Run: client.NewRun(), Document: raw(t, server), Fleet: &authority.Membership{
		Fleet: raw(t, f), Workflow: started.WorkflowID, Run: started.Run, Index: 5, Planned: authority.MemberPlan{Owner: "server/web-26"},
	}}
	handle, err := b.Client.Temporal().ExecuteWorkflow(t.Context(), temporal.StartWorkflowOptions{ID: "server/web-26", TaskQueue: wire.Queue}, wire.ProvisionServer, in)
	require.NoError(t, err)
	var out wire.StartOutput
	require.NoError(t, handle.Get(t.Context(), &out))
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "has not begun it")
	require.Empty(t, b.machinesNamed(t, "web-26"))
}

func raw(t *testing.T, document any) json.RawMessage {
	t.Helper()
	b, err := json.Marshal(document)
	require.NoError(t, err)
	return b
}

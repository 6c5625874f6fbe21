package inquiry

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/queues"
	"fermata/activities/record"
	"fermata/wire"
)

// unserved are the queues that nobody polls.
type unserved []string

// Polled reports whether a worker serves the queue.
func (u unserved) Polled(_ context.Context, queue string) (bool, error) {
	return !slices.Contains(u, queue), nil
}

func environment(t *testing.T, u unserved, failing map[string]fault.Kind) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(30 * time.Second)
	register := func(name string, f any) { env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	queues.NewActivities(u, time.Second).Register(register)
	for _, capability := range []string{"compute", "guest", "firewall", "loadbalancer", "ticketing", "inventory", "notify", "probe", "record"} {
		name := capability + ".Check"
		register(name, func(context.Context, map[string]any) (map[string]any, error) {
			if kind, bad := failing[name]; bad {
				return nil, fault.ForTemporal(fault.New(kind, "%s says no", name))
			}
			return map[string]any{}, nil
		})
	}
	Register(func(name string, w any) { env.RegisterWorkflowWithOptions(w, workflow.RegisterOptions{Name: name}) })
	return env
}

func TestCheckSystems(t *testing.T) {
	t.Parallel()
	env := environment(t, unserved{"fermata.ticketing", "fermata.compute.berlin"}, map[string]fault.Kind{
		"firewall.Check": fault.Unauthorized, "probe.Check": fault.Unavailable,
	})
	env.ExecuteWorkflow(wire.CheckSystems, wire.CheckInput{Systems: []wire.SystemRef{
		{Name: "vcenter", Capability: "compute"},
		{Name: "vcenter-b", Capability: "compute", Site: "berlin"},
		{Name: "ssh", Capability: "guest"},
		{Name: "edge", Capability: "firewall"},
		{Name: "lb", Capability: "loadbalancer"},
		{Name: "desk", Capability: "ticketing"},
		{Name: "desk", Capability: "inventory"},
		{Name: "users", Capability: "probe"},
		{Name: "folder", Capability: "record"},
		{Name: "oven", Capability: "kitchen"},
	}})
	require.NoError(t, env.GetWorkflowError())
	var out wire.CheckOutput
	require.NoError(t, env.GetWorkflowResult(&out))
	require.Equal(t, []wire.Observation{
		{Name: "compute vcenter", Text: "answers, and lets us in", OK: true},
		{Name: "compute vcenter-b", Text: "no worker serves queue fermata.compute.berlin: start one with --serve compute"},
		{Name: "guest ssh", Text: "answers, and lets us in", OK: true},
		{Name: "firewall edge", Text: "firewall.Check says no (" + fault.Unauthorized.Advice() + ")"},
		{Name: "loadbalancer lb", Text: "answers, and lets us in", OK: true},
		{Name: "ticketing desk", Text: "no worker serves queue fermata.ticketing: start one with --serve ticketing"},
		{Name: "inventory desk", Text: "answers, and lets us in", OK: true},
		{Name: "probe users", Text: "probe.Check says no (" + fault.Unavailable.Advice() + ")"},
		{Name: "record folder", Text: "answers, and lets us in", OK: true},
		{Name: "kitchen oven", Text: `no capability "kitchen" (` + fault.Invalid.Advice() + ")"},
	}, out.Findings)
}

func TestNothingAskedIsNothingFound(t *testing.T) {
	t.Parallel()
	env := environment(t, nil, nil)
	env.ExecuteWorkflow(wire.CheckSystems, wire.CheckInput{})
	var out wire.CheckOutput
	require.NoError(t, env.GetWorkflowResult(&out))
	require.Empty(t, out.Findings)
}

// store has two records, and a chain that may be broken.
func store(env *testsuite.TestWorkflowEnvironment, verify error) {
	register := func(name string, f any) { env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	register("record.Find", func(_ context.Context, in record.FindInput) (record.FindOutput, error) {
		entries := []record.Entry{{Sequence: 1, Hash: "h1", Record: json.RawMessage(`{}`)}, {Sequence: 2, Hash: "h2", Record: json.RawMessage(`{}`)}}
		if in.Owner != "server/web-01" {
			entries = nil
		}
		return record.FindOutput{Entries: entries}, nil
	})
	register("record.Verify", func(context.Context, record.VerifyInput) (record.VerifyOutput, error) {
		return record.VerifyOutput{Entries: 2}, fault.ForTemporal(verify)
	})
}

func TestReadRecords(t *testing.T) {
	t.Parallel()
	broken := fault.New(fault.Invalid, "entry 2: it was changed")
	for name, x := range map[string]struct {
		owner    operation.Owner
		verify   bool
		chain    error
		entries  int
		verified int
		broken   string
		fails    bool
	}{
		"found":                {"server/web-01", false, broken, 2, 0, "", false},
		"none":                 {"server/web-99", false, nil, 0, 0, "", false},
		"whole":                {"server/web-01", true, nil, 2, 2, "", false},
		"broken is an answer":  {"server/web-01", true, broken, 2, 0, "entry 2: it was changed", false},
		"unreadable is not so": {"server/web-01", true, fault.New(fault.Unauthorized, "no way in"), 0, 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := environment(t, nil, nil)
			store(env, x.chain)
			env.ExecuteWorkflow(wire.ReadRecords, wire.RecordsInput{Find: record.FindInput{Owner: x.owner}, Verify: x.verify})
			if x.fails {
				require.ErrorContains(t, env.GetWorkflowError(), "no way in")
				return
			}
			require.NoError(t, env.GetWorkflowError())
			var out wire.RecordsOutput
			require.NoError(t, env.GetWorkflowResult(&out))
			require.Len(t, out.Entries, x.entries)
			require.Equal(t, x.verified, out.Verified)
			require.Equal(t, x.broken, out.Broken)
		})
	}
}

package provision

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

var provisioned = map[string]string{"machine": "on", "rules": "open", "member": "ready", "ticket": "resolved"}

func TestAServerIsProvisioned(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Equal(t, provisioned, b.estate.objects)
	order := func(name string) int { return slices.Index(b.estate.calls, name) }
	for _, pair := range [][2]string{
		{"compute.CloneVM", "compute.AddDisk"},
		{"compute.AddDisk", "compute.StartVM"},
		{"guest.Reach", "guest.ConfigureSystem"},
		{"guest.ConfigureSystem", "guest.MountVolume"},
		{"guest.MountVolume", "guest.InstallApplication"},
		{"probe.Get", "firewall.OpenPaths"},
		{"firewall.OpenPaths", "loadbalancer.AddMember"},
		{"loadbalancer.AddMember", "loadbalancer.SetMember"},
		{"loadbalancer.SetMember", "ticketing.SetStatus"},
		{"ticketing.SetStatus", "record.Append"},
	} {
		require.Less(t, order(pair[0]), order(pair[1]), "%v", pair)
	}
}

func TestNothingIsDoneWithoutAGoodApproval(t *testing.T) {
	t.Parallel()
	other := "sha256:" + strings.Repeat("0", 64)
	for name, x := range map[string]struct {
		person string
		bend   func(*decision.Envelope, *string)
		code   string
	}{
		"by the requester":  {alice, func(*decision.Envelope, *string) {}, "four_eyes"},
		"forged":            {bob, func(_ *decision.Envelope, key *string) { *key = alice }, decision.CodeSigner},
		"of another run":    {bob, func(e *decision.Envelope, _ *string) { e.Run = "01J00000000000000000000001" }, decision.CodeRun},
		"for another plan":  {bob, func(e *decision.Envelope, _ *string) { e.Hash = other }, decision.CodeHash},
		"with an old nonce": {bob, func(e *decision.Envelope, _ *string) { e.Nonce = decision.NewNonce() }, decision.CodeNonce},
		"at another gate":   {bob, func(e *decision.Envelope, _ *string) { e.Gate = "hold/deploy" }, decision.CodeGate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.say(t, time.Minute, x.person, decision.Approve, "", x.bend)
			out := b.carry(t)
			require.Equal(t, wire.Lapsed, out.Outcome, "the deadline passes")
			require.Len(t, b.verdicts, 1)
			require.False(t, b.verdicts[0].Accepted)
			require.Equal(t, x.code, b.verdicts[0].Code, b.verdicts[0].Reason)
			require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
			require.Contains(t, string(b.estate.records[0].Decisions), x.code, "the refusal is recorded")
		})
	}
}

func TestAWrongDecisionDoesNotSpoilTheRightOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(t, time.Minute, alice, decision.Approve, "")
	b.say(t, 2*time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
}

func TestASignalDecidesAsAnUpdateDoes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.RegisterDelayedCallback(func() {
		gate, _ := b.progress(t).Gate(decision.Approve, "")
		b.SignalWorkflow(wire.SignalDecide, wire.Decide{Signed: decision.Signed{Envelope: []byte("{}")}})
		b.SignalWorkflow(wire.SignalDecide, wire.Decide{Signed: b.sign(t, bob, bob, decision.Envelope{Gate: gate.ID, Nonce: gate.Nonce, Command: decision.Approve, Hash: gate.Hash})})
	}, time.Minute)
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Contains(t, string(b.estate.records[0].Decisions), decision.CodeMalformed)
}

func TestAStartThatDoesNotCount(t *testing.T) {
	t.Parallel()
	b := setup(t)
	hash, err := decision.Hash(b.document)
	require.NoError(t, err)
	forged := b.sign(t, bob, alice, decision.Envelope{Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash})
	b.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: runULID, Document: b.document, Start: forged})
	require.Equal(t, wire.Refused, b.result(t).Outcome)
	require.Equal(t, []string{"record.Append"}, b.estate.calls, "nobody was asked anything")
}

func TestAPersonSaysNo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(t, time.Minute, bob, decision.Reject, "")
	require.Equal(t, wire.Denied, b.carry(t).Outcome)
	require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
}

func TestAPlanThatChangedIsNotCarriedOut(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.RegisterDelayedCallback(func() { b.estate.template = "t-2" }, 30*time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.carry(t)
	require.Equal(t, wire.PlanChanged, out.Outcome)
	require.Contains(t, out.Reason, "t-2")
	require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
}

func TestPreflightNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(*world)
		text  string
	}{
		"name taken":   {func(e *world) { e.objects["machine"] = "on" }, "exists already"},
		"member taken": {func(e *world) { e.objects["member"] = "ready" }, "member web/web-01 exists already"},
		"system down":  {func(e *world) { e.failing["firewall.Check"] = fault.Unavailable }, "firewall.Check fails"},
		"secret gone":  {func(e *world) { e.failing["guest.Check"] = fault.NotFound }, "guest.Check fails"},
		"no worker":    {func(e *world) { e.unpolled = []string{"fermata.compute"} }, "no worker serves queue fermata.compute"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			x.spoil(b.estate)
			out := b.carry(t)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
			require.NotContains(t, b.estate.objects, "ticket")
		})
	}
}

func TestAHeldStep(t *testing.T) {
	t.Parallel()
	fail := func(b *bench) { b.estate.failing["guest.InstallApplication"] = fault.Invalid }
	t.Run("is retried", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		fail(b)
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.RegisterDelayedCallback(func() {
			require.Equal(t, wire.Held, b.progress(t).Phase)
			delete(b.estate.failing, "guest.InstallApplication")
		}, 2*time.Minute)
		b.say(t, 3*time.Minute, alice, decision.Retry, runbook.StepApplication)
		require.Equal(t, wire.Done, b.carry(t).Outcome)
		require.Equal(t, provisioned, b.estate.objects)
	})
	t.Run("is skipped", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		fail(b)
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.say(t, 3*time.Minute, alice, decision.Skip, runbook.StepApplication)
		require.Equal(t, wire.Done, b.carry(t).Outcome)
		require.Contains(t, string(b.estate.records[0].Steps), `"skipped"`)
	})
	t.Run("undoes the run by policy", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(s *spec.Server) { s.Spec.Run.OnFailure = spec.OnFailureUndo })
		fail(b)
		b.say(t, time.Minute, bob, decision.Approve, "")
		require.Equal(t, wire.Undone, b.carry(t).Outcome)
		require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
	})
	t.Run("an undo that fails is in the ledger and the others are done", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.estate.failing["ticketing.AddNote"] = fault.Invalid
		b.estate.failing["firewall.ClosePaths"] = fault.Conflict
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.say(t, 3*time.Minute, alice, decision.Undo, "")
		out := b.carry(t)
		require.Equal(t, wire.Undone, out.Outcome)
		require.Len(t, out.LeftBehind, 2)
		require.Contains(t, out.LeftBehind[0], "open the firewall")
		require.Equal(t, map[string]string{"rules": "open", "ticket": "open"}, b.estate.objects)
	})
}

func TestTheRecordIsHeldUntilItCanBeWritten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.estate.failing["record.Append"] = fault.Unauthorized
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() { delete(b.estate.failing, "record.Append") }, 2*time.Minute)
	b.say(t, 3*time.Minute, alice, decision.Retry, "record")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
}

// Whatever step a run is cancelled at, signed or in Temporal, nothing stays but the ticket.
func TestCancelledAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		"compute.CloneVM", "compute.AddDisk", "compute.StartVM", "guest.Reach", "guest.ConfigureSystem", "guest.MountVolume",
		"guest.InstallApplication", "probe.Get", "firewall.OpenPaths", "loadbalancer.AddMember", "loadbalancer.SetMember",
	} {
		for _, how := range []string{"signed", "in Temporal"} {
			t.Run(fmt.Sprintf("%s, %s", at, how), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				b.estate.failing[at] = fault.Unavailable // It is under way, again and again, until the run is stopped.
				b.say(t, time.Minute, bob, decision.Approve, "")
				if how == "signed" {
					b.say(t, time.Minute+10*time.Second, bob, decision.Cancel, "")
					require.Equal(t, wire.Cancelled, b.carry(t).Outcome)
				} else {
					b.RegisterDelayedCallback(b.CancelWorkflow, time.Minute+10*time.Second)
					b.ExecuteWorkflow(wire.ProvisionServer, wire.StartInput{Run: runULID, Document: b.document, Start: b.start(t, wire.ProvisionServer, b.document)})
					require.ErrorContains(t, b.GetWorkflowError(), "canceled")
					require.Contains(t, b.estate.records[0].Reason, "signed nothing")
				}
				require.Equal(t, string(wire.Cancelled), b.estate.records[0].Outcome)
				require.Equal(t, map[string]string{"ticket": "rejected"}, b.estate.objects)
				require.Empty(t, b.estate.records[0].LeftBehind)
			})
		}
	}
}

// outOfService provisions in one environment and takes out of service in the next, on the same estate.
func outOfService(t *testing.T, then func(b *bench)) (*bench, wire.StartOutput) {
	t.Helper()
	first := setup(t)
	first.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, first.carry(t).Outcome)
	b := setup(t)
	b.estate.objects, b.estate.records = first.estate.objects, first.estate.records
	hour := int64(3600)
	document, err := json.Marshal(wire.Decommission{Kind: wire.DecommissionKind, Name: "web-01", Grace: &hour})
	require.NoError(t, err)
	b.say(t, time.Minute, bob, decision.Approve, "")
	then(b)
	b.ExecuteWorkflow(wire.DecommissionServer, wire.StartInput{Run: runULID, Document: document, Start: b.start(t, wire.DecommissionServer, document)})
	return b, b.result(t)
}

func TestDecommission(t *testing.T) {
	t.Parallel()
	t.Run("the grace period passes", func(t *testing.T) {
		t.Parallel()
		b, out := outOfService(t, func(b *bench) {
			b.RegisterDelayedCallback(func() {
				require.Equal(t, wire.Grace, b.progress(t).Phase)
				require.Equal(t, map[string]string{"machine": "retired", "member": "drain", "ticket": "open"}, b.estate.objects)
			}, 30*time.Minute)
		})
		require.Equal(t, wire.Done, out.Outcome, out.Reason)
		require.Equal(t, map[string]string{"ticket": "resolved"}, b.estate.objects)
	})
	t.Run("restored", func(t *testing.T) {
		t.Parallel()
		b, out := outOfService(t, func(b *bench) { b.say(t, 10*time.Minute, alice, decision.Restore, "") })
		require.Equal(t, wire.Restored, out.Outcome)
		require.Equal(t, map[string]string{"machine": "on", "rules": "open", "member": "ready", "ticket": "rejected"}, b.estate.objects)
		require.Equal(t, "01A/firewall/web-01", b.estate.ruleKey, "rules come back under the key that they had")
		require.Empty(t, out.LeftBehind)
	})
	t.Run("purged", func(t *testing.T) {
		t.Parallel()
		b, out := outOfService(t, func(b *bench) { b.say(t, 10*time.Minute, bob, decision.Purge, "") })
		require.Equal(t, wire.Done, out.Outcome)
		require.Equal(t, map[string]string{"ticket": "resolved"}, b.estate.objects)
	})
	t.Run("without a record", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		document, err := json.Marshal(wire.Decommission{Kind: wire.DecommissionKind, Name: "web-01", Grace: new(int64)})
		require.NoError(t, err)
		b.ExecuteWorkflow(wire.DecommissionServer, wire.StartInput{Run: runULID, Document: document, Start: b.start(t, wire.DecommissionServer, document)})
		out := b.result(t)
		require.Equal(t, wire.Refused, out.Outcome)
		require.Contains(t, out.Reason, "no record")
	})
}

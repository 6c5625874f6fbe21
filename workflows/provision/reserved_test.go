package provision

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/executions"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

const addressID = "address/10.20.0.11"

// reservedAt returns whether the address is reserved after a while.
func (b *bench) reservedAt(after time.Duration) *bool {
	var held bool
	b.RegisterDelayedCallback(func() {
		held = b.SignalWorkflowByID(addressID, wire.SignalFree, "somebody else") == nil
	}, after)
	return &held
}

func TestTheAddressIsReservedUntilTheRunEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []decision.Command{decision.Approve, decision.Reject, decision.Cancel} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			waiting := b.reservedAt(30 * time.Second)
			b.say(t, time.Minute, bob, c, "")
			b.carry(t)
			require.True(t, *waiting)
			require.Error(t, b.SignalWorkflowByID(addressID, wire.SignalFree, runULID), "it is free again")
		})
	}
}

func TestAnAddressThatAnotherRunHasReservedIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.estate.reserved = executions.Execution{Open: true, Target: "server/web-02", Run: "01B"}
	out := b.carry(t)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "address/10.20.0.11 is reserved for server/web-02 by run 01B")
	require.Empty(t, b.estate.objects)
}

// What a decommission was not told, it takes from the spec in the server's record.
func TestADecommissionGoesByTheSpecInTheRecord(t *testing.T) {
	t.Parallel()
	change := func(s *spec.Server) {
		s.Spec.Run.Grace = spec.Duration(2 * time.Hour)
		s.Spec.Ticket.Subject = "A web server, please"
	}
	first := setup(t, change)
	first.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, first.carry(t).Outcome)
	require.Equal(t, "A web server, please", first.estate.subject)
	b := setup(t, change)
	b.estate.objects, b.estate.records = first.estate.objects, first.estate.records
	document, err := json.Marshal(wire.Decommission{Kind: wire.DecommissionKind, Name: "web-01"})
	require.NoError(t, err)
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() { require.Equal(t, wire.Grace, b.progress(t).Phase) }, 2*time.Hour)
	b.ExecuteWorkflow(wire.DecommissionServer, wire.StartInput{Run: runULID, Document: document, Start: b.start(t, wire.DecommissionServer, document)})
	out := b.result(t)
	require.Equal(t, wire.Done, out.Outcome)
	require.Equal(t, "Decommission web-01", b.estate.subject)
}

package provision

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"fermata/activities/compute"
	"fermata/activities/executions"
	"fermata/activities/ranges"
	"fermata/activities/record"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// rangedBench is a bench whose server gets its address from a range of three: 10.20.0.101, .102 and .104.
func rangedBench(t *testing.T, held ...string) *bench {
	t.Helper()
	b := setup(t, func(s *spec.Server) { s.Spec.Network = spec.Network{Range: "servers"} })
	// The run holds what it reserved: that is what it finds when it takes the address again.
	b.estate.reserved = executions.Execution{Open: true, Target: "server/web-01", Run: runULID}
	register := func(name string, f any) { b.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	ranges.NewActivities([]ranges.Range{{
		Name: "servers", Prefix: netip.MustParsePrefix("10.20.0.0/24"), First: netip.MustParseAddr("10.20.0.100"), Last: netip.MustParseAddr("10.20.0.104"),
		Exclude: []netip.Prefix{netip.MustParsePrefix("10.20.0.103/32")}, Gateway: netip.MustParseAddr("10.20.0.100"), Domain: "estate.test",
	}}).Register(register)
	register("record.FindAddresses", func(context.Context, record.FindAddressesInput) (record.FindAddressesOutput, error) {
		var out record.FindAddressesOutput
		for _, address := range held {
			out.Held = append(out.Held, record.HeldAddress{Address: address, Owner: "server/old"})
		}
		return out, nil
	})
	return b
}

// chosenBy is the network that the plan in a run's record has.
func chosenBy(t *testing.T, b *bench) spec.Network {
	t.Helper()
	var plan struct {
		Resolved resolved `json:"resolved"`
	}
	require.NoError(t, json.Unmarshal(b.estate.records[len(b.estate.records)-1].Plan, &plan))
	require.NotNil(t, plan.Resolved.Network)
	return *plan.Resolved.Network
}

func TestTheLowestFreeAddressIsChosenAndKept(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		held []string
		want string
	}{
		"nobody has one":    {nil, "10.20.0.101/24"},
		"a server has one":  {[]string{"10.20.0.101"}, "10.20.0.102/24"},
		"the excluded stay": {[]string{"10.20.0.101", "10.20.0.102"}, "10.20.0.104/24"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := rangedBench(t, x.held...)
			b.say(t, time.Minute, bob, decision.Approve, "")
			require.Equal(t, wire.Done, b.carry(t).Outcome, "what was planned again is what was approved")
			require.Equal(t, spec.Network{Range: "servers", Address: x.want, Gateway: "10.20.0.100", Domain: "estate.test"}, chosenBy(t, b))
		})
	}
}

func TestAnAddressThatAMachineHasIsPassedOver(t *testing.T) {
	t.Parallel()
	b := rangedBench(t)
	b.RegisterActivityWithOptions(func(_ context.Context, in compute.PlanInput) (compute.PlanOutput, error) {
		var out compute.PlanOutput
		if in.Request.Network.Address == "10.20.0.101/24" {
			out.Planned.AddressHeldBy = []compute.Ref{{ID: "vm-9", Name: "by-hand"}}
		}
		return out, nil
	}, activity.RegisterOptions{Name: "compute.Plan", DisableAlreadyRegisteredCheck: true})
	b.say(t, time.Minute, bob, decision.Reject, "")
	require.Equal(t, wire.Denied, b.carry(t).Outcome)
	require.Equal(t, "10.20.0.102/24", chosenBy(t, b).Address)
	require.Error(t, b.SignalWorkflowByID("address/10.20.0.101", wire.SignalFree, runULID), "it was let go")
	require.Error(t, b.SignalWorkflowByID("address/10.20.0.102", wire.SignalFree, runULID), "the denial freed it")
}

func TestAFullRangeRefusesTheRun(t *testing.T) {
	t.Parallel()
	b := rangedBench(t, "10.20.0.101", "10.20.0.102", "10.20.0.104")
	out := b.carry(t)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "range servers is full: of 3 addresses 3 are in use")
	require.Empty(t, b.estate.objects)
}

package guard

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/decision"
	"fermata/wire"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func run(n int) wire.GuardAsk {
	return wire.GuardAsk{What: wire.AskAct, Run: fmt.Sprintf("run-%d", n), WorkflowID: fmt.Sprintf("server/%d", n), Limits: []decision.Limit{{Name: "hourly", ChangesPerHour: 2}}}
}

func permits(told []message) map[string]int {
	out := map[string]int{}
	for _, m := range told {
		out[m.workflowID] = m.answer.Permit
	}
	return out
}

func TestPermitsAreNumberedAndLimited(t *testing.T) {
	t.Parallel()
	b := &book{}
	require.Equal(t, map[string]int{"server/1": 1}, permits(b.ask(run(1), noon)))
	require.Equal(t, map[string]int{"server/2": 2}, permits(b.ask(run(2), noon.Add(10*time.Minute))))
	told := b.ask(run(3), noon.Add(20*time.Minute))
	require.Zero(t, told[0].answer.Permit)
	require.Equal(t, `limit "hourly" of the policy lets 2 changes begin within an hour: the next one may at 2026-11-25T13:00:00Z`, told[0].answer.Waits)
	require.Equal(t, noon.Add(time.Hour), b.next(noon.Add(20*time.Minute)))
	require.Empty(t, b.serve(noon.Add(time.Hour-time.Second)))
	require.Equal(t, map[string]int{"server/3": 3}, permits(b.serve(noon.Add(time.Hour))))
	require.Equal(t, map[string]int{"hourly": 2}, b.state(noon.Add(time.Hour)).LastHour, "the one of 12:10 and the one of now")
}

func TestAskingTwiceIsOnePermit(t *testing.T) {
	t.Parallel()
	b := &book{}
	b.ask(run(1), noon)
	require.Equal(t, map[string]int{"server/1": 1}, permits(b.ask(run(1), noon)))
	b.ask(run(2), noon)
	b.ask(run(3), noon)
	b.ask(run(3), noon)
	require.Len(t, b.Waiting, 1)
	require.Equal(t, 2, b.Permits)
}

func TestWhoWaitsFirstGoesFirst(t *testing.T) {
	t.Parallel()
	b := &book{}
	for n := range 5 {
		b.ask(run(n), noon.Add(time.Duration(n)*time.Minute))
	}
	b.ask(run(2), noon.Add(30*time.Minute)) // Asking again costs no place.
	require.Equal(t, map[string]int{"server/2": 3}, permits(b.serve(noon.Add(time.Hour))))
	require.Equal(t, map[string]int{"server/3": 4}, permits(b.serve(noon.Add(time.Hour+time.Minute))))
}

func TestALimitBindsOnlyThoseThatHaveIt(t *testing.T) {
	t.Parallel()
	b := &book{}
	b.ask(run(1), noon)
	b.ask(run(2), noon)
	free, exempt := run(3), run(4)
	free.Limits, exempt.Exempt = []decision.Limit{{Name: "other", ChangesPerHour: 1}, {Name: "width", TargetsPerRun: 1}}, true
	require.Equal(t, map[string]int{"server/3": 3}, permits(b.ask(free, noon)))
	require.Equal(t, map[string]int{"server/4": 4}, permits(b.ask(exempt, noon)), "an emergency waits for no limit")
	require.Equal(t, map[string]int{"hourly": 3, "other": 1}, b.state(noon).LastHour, "and is counted")
}

func TestAStopIsToldToAllAndGivesNoPermit(t *testing.T) {
	t.Parallel()
	b := &book{}
	b.ask(run(1), noon)
	begin := run(2)
	begin.What = wire.AskBegin
	b.ask(begin, noon)
	stop := &wire.Stopped{By: "carol", Since: noon}
	told := b.stop(stop, noon)
	require.Len(t, told, 2)
	for _, m := range told {
		require.Equal(t, stop, m.answer.Stopped)
	}
	waiting := b.ask(run(2), noon)
	require.Equal(t, "automation is stopped", waiting[0].answer.Waits)
	require.True(t, b.next(noon).IsZero(), "nothing goes on by itself")
	exempt := run(3)
	exempt.Exempt = true
	require.Zero(t, b.ask(exempt, noon)[0].answer.Permit, "an emergency is stopped too")
	resumed := permits(b.stop(nil, noon.Add(time.Minute)))
	require.Equal(t, map[string]int{"server/1": 1, "server/2": 2, "server/3": 3}, resumed)
}

func TestWhoHasEndedIsForgotten(t *testing.T) {
	t.Parallel()
	b := &book{}
	b.ask(run(1), noon)
	end := run(1)
	end.What = wire.AskEnd
	require.Empty(t, b.ask(end, noon))
	require.Empty(t, b.Runs)
	b.ask(run(2), noon)
	b.gone("server/2")
	require.Empty(t, b.Runs)
	next := run(3)
	next.WorkflowID = "server/1"
	b.ask(run(1), noon.Add(2*time.Hour))
	b.ask(next, noon.Add(2*time.Hour))
	require.Equal(t, []entry{{Run: "run-3", WorkflowID: "server/1", Permit: 4}}, b.Runs, "a target has one run")
	require.Equal(t, 2, b.state(noon.Add(2 * time.Hour)).LastHour["hourly"], "who has ended is counted all the same")
}

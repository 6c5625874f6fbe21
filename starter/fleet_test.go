package starter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/authority"
	"fermata/decision"
	"fermata/wire"
)

// fleetOf is a fleet under way: the first is done, the last not begun, one is held, one failed, one waits.
func fleetOf(n int, waves ...int) wire.Progress {
	p := wire.Progress{
		Run: "01JNFA0000000000000000TEST", Kind: wire.ProvisionFleet, Owner: "fleet/storefront", WorkflowID: "fleet/storefront",
		Requester: "alice@estate.test", Phase: wire.Running, Started: noon.Add(-40 * time.Minute),
		Steps: []wire.Step{{ID: "members", Title: fmt.Sprintf("bring %d servers into service", n), State: wire.StepRunning, Started: before(39 * time.Minute)}},
		Gates: []wire.Gate{{ID: "run", Commands: []decision.Command{decision.Undo, decision.Cancel}}},
		Fleet: &wire.Fleet{Waves: waves, Wave: len(waves)},
	}
	wave, room := 1, waves[0]
	for i := range n {
		if room == 0 {
			room, wave = waves[wave], wave+1
		}
		room--
		m := wire.Member{Name: fmt.Sprintf("web-%03d", i+1), Wave: wave, State: wire.MemberNotBegun}
		switch {
		case i < n*3/5:
			m.State, m.Began, m.Ended = wire.MemberDone, before(30*time.Minute), before(20*time.Minute)
		case i < n*4/5:
			m.State, m.Began = wire.MemberRunning, before(90*time.Second)
		}
		p.Fleet.Members = append(p.Fleet.Members, m)
	}
	return p
}

func troubled(p wire.Progress) wire.Progress {
	m := p.Fleet.Members
	m[2].State, m[2].Step, m[2].Reason, m[2].Ended = wire.MemberHeld, "application", "hello-web 9.9.9 is in no repository\x1b[2J", nil
	m[1].State, m[1].Reason = wire.MemberFailed, "undone: asked for by bob@estate.test"
	m[4].State, m[4].Began, m[4].Ended, m[4].Reason = wire.MemberBusy, nil, nil, "held by DecommissionServer, run 01JNFA, of carol@estate.test"
	return p
}

func TestFleets(t *testing.T) {
	t.Parallel()
	golden(t, "fleet-5", strings.Join(screen{}.lines(troubled(fleetOf(5, 1, 4)), noon), "\n")+"\n")
	many := troubled(fleetOf(500, 1, 50, 449))
	lines := screen{}.lines(many, noon)
	golden(t, "fleet-500", strings.Join(lines, "\n")+"\n")
	require.Less(t, len(lines), 45, "one tree that stays readable")
	require.Contains(t, strings.Join(lines, "\n"), "$ fermata retry web-003 application")
	require.Greater(t, len(screen{all: true}.lines(many, noon)), 500)
	require.NotContains(t, strings.Join(lines, "\n"), "\x1b", "nothing steers the terminal")
	paused := fleetOf(5, 3, 2)
	until := noon.Add(10 * time.Minute)
	paused.Fleet.Wave, paused.Fleet.Pauses = 1, &until
	require.Contains(t, strings.Join(screen{}.lines(paused, noon), "\n"), "pause: wave 2 begins in 10m0s")
}

func TestAFleetFitsItsTerminal(t *testing.T) {
	t.Parallel()
	p := troubled(fleetOf(500, 1, 50, 449))
	for _, height := range []int{12, 24, 40} {
		lines := screen{}.fitting(p, noon, 80, height)
		require.LessOrEqual(t, len(lines), height)
		require.Contains(t, lines[0], "fleet/storefront")
		for _, l := range lines {
			require.LessOrEqual(t, visible(l), 80)
		}
	}
}

func TestThePlanOfManyServersIsFolded(t *testing.T) {
	t.Parallel()
	p := wire.Preview{Plan: wire.Plan{Kind: wire.ProvisionFleet, Owner: "fleet/storefront", Changes: []wire.PlannedChange{
		{Step: "members", Title: "wave 1: 1 server", Action: wire.Create, Object: "web-001", Reversal: "each server by its own run", Detail: []string{"at most 3 at once"}},
	}}, Hash: "sha256:1", Observations: []wire.Observation{{Name: "compute", Text: "the datastore is full (web-499)"}}}
	for i := range 500 {
		p.Members = append(p.Members, authority.MemberPlan{Owner: "server/web-x", Summary: fmt.Sprintf("10.1.%d.%d/16  2 CPUs  2GiB", i/250, i%250)})
	}
	var short, long bytes.Buffer
	screen{out: &short}.plan(p)
	golden(t, "fleet-plan", short.String())
	require.Contains(t, short.String(), "… and 492 more; --all shows each")
	require.Contains(t, short.String(), "NO  compute", "problems are always shown")
	screen{out: &long, all: true}.plan(p)
	require.Equal(t, 500, strings.Count(long.String(), "web-x"))
}

// Elsewhere than on a terminal each server is told of once for each change.
func TestAFleetIsToldInLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	v := &view{screen: screen{out: &out, form: "table"}, seen: map[string]string{}}
	p := troubled(fleetOf(5, 1, 4))
	v.show(p)
	first := out.Len()
	require.Contains(t, out.String(), "web-003")
	require.NotContains(t, out.String(), "not begun")
	v.show(p)
	require.Equal(t, first, out.Len(), "nothing is told twice")
	p.Fleet.Members[2].State = wire.MemberDone
	v.show(p)
	require.Equal(t, 1, strings.Count(out.String()[first:], "web-003"))
	_, err := json.Marshal(p)
	require.NoError(t, err)
}

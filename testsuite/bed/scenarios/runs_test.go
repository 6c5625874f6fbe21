package scenarios

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/wire"
)

// begin starts a run as the requester. It takes what client.Provision and client.Decommission return.
func (b *bench) begin(t *testing.T, r client.Request, err error) client.Started {
	t.Helper()
	require.NoError(t, err)
	started, err := b.client.Start(t.Context(), r, b.requester)
	require.NoError(t, err)
	return started
}

// patience is how long a run may take to a point that a test waits for.
const patience = 4 * time.Minute

// until watches a run until the condition holds.
func (b *bench) until(t *testing.T, started client.Started, what string, reached func(wire.Progress) bool) wire.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watching, enough := context.WithCancel(ctx)
	defer enough()
	var last wire.Progress
	var trouble error
	_, _ = b.client.Watch(watching, started.WorkflowID, "", func(p wire.Progress) {
		if p.Run != started.Run {
			return
		}
		if last = p; reached(p) {
			enough()
		}
	}, func(err error) { trouble = err })
	if !reached(last) {
		explain(t, last)
		require.FailNow(t, started.WorkflowID+" did not come to: "+what, "phase %s, outcome %s, reason %q, gates %+v, last trouble %v",
			last.Phase, last.Outcome, last.Reason, last.Gates, trouble)
	}
	return last
}

// explain shows where a run is.
func explain(t *testing.T, p wire.Progress) {
	t.Helper()
	for _, s := range p.Steps {
		t.Logf("%-20s %-14s %-10s %v attempt %d %s", p.WorkflowID, s.ID, s.State, s.Reason, s.Attempt, s.Doing)
	}
	if p.Preview != nil {
		t.Logf("observations: %+v", p.Preview.Observations)
	}
}

// approve waits for the plan and approves what it shows.
func (b *bench) approve(t *testing.T, started client.Started) {
	t.Helper()
	p := b.until(t, started, "waiting for the approval", func(p wire.Progress) bool { return p.Phase == wire.Waiting || ended(p) })
	if p.Phase != wire.Waiting {
		explain(t, p)
	}
	require.Equal(t, wire.Waiting, p.Phase, p.Reason)
	hash, err := client.Hash(p.Preview.Plan)
	require.NoError(t, err)
	b.decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: hash}, b.approver)
}

// each does something for all runs at once.
func each(t *testing.T, runs []client.Started, do func(*testing.T, client.Started)) {
	t.Helper()
	var all sync.WaitGroup
	for _, run := range runs {
		all.Go(func() { do(t, run) })
	}
	all.Wait()
	require.False(t, t.Failed())
}

// decide sends a decision, which must count.
func (b *bench) decide(t *testing.T, d client.Decision, p client.Person) {
	t.Helper()
	result, err := b.client.Decide(t.Context(), d, p)
	require.NoError(t, err)
	require.True(t, result.Accepted, result.Reason)
}

// done waits for a run's end, which must be a good one.
func (b *bench) done(t *testing.T, started client.Started) wire.Progress {
	t.Helper()
	p := b.until(t, started, "an end", ended)
	if p.Outcome != wire.Done {
		explain(t, p)
	}
	require.Equal(t, wire.Done, p.Outcome, "%s: %s", started.WorkflowID, p.Reason)
	return p
}

func ended(p wire.Progress) bool { return p.Phase == wire.Ended }

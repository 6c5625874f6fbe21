package temporal_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	sdk "go.temporal.io/sdk/client"

	"fermata/client"
	"fermata/decision"
	"fermata/sandbox/certificates"
	"fermata/testsuite/bed/temporal"
	"fermata/testsuite/people"
	"fermata/wire"
)

// TestClusterInTrouble carries runs over what happens to a cluster. Its parts share one, in this order.
func TestClusterInTrouble(t *testing.T) {
	b := setup(t)
	t.Run("who has no right is refused", b.strangers)
	t.Run("PostgreSQL is stopped for 20 s", b.databaseAway)
	t.Run("one of two processes is killed for good", b.processKilled)
	t.Run("planted secrets are nowhere in PostgreSQL and the logs", b.searched)
	t.Run("the databases are restored from a backup", b.restored)
}

// inTheMiddle returns a run that is changing things.
func (b *bench) inTheMiddle(t *testing.T, number int) client.Started {
	t.Helper()
	started := b.park(t, number)
	b.Approve(t, started)
	b.Until(t, started, "its middle", func(p wire.Progress) bool { return step(p, "deploy").State == wire.StepDone })
	return started
}

func step(p wire.Progress, id string) wire.Step {
	for _, s := range p.Steps {
		if s.ID == id {
			return s
		}
	}
	return wire.Step{}
}

// strangers: a client needs a certificate of the clients' authority, and one with the role. The event that starts a run tells
// whose it was.
func (b *bench) strangers(t *testing.T) {
	files := b.cluster.Certificates()
	for why, pair := range map[string]certificates.Pair{"no certificate": {}, "Temporal's own": files.Internode, "a server's": files.Server} {
		_, err := people.DialAs(t.Context(), b.config, pair.Certificate, pair.Key)
		require.Error(t, err, why)
	}
	for name, pair := range map[string]certificates.Pair{"the web UI": files.UI, "a worker": files.Worker} {
		c, err := people.DialAs(t.Context(), b.config, pair.Certificate, pair.Key)
		require.NoError(t, err, name)
		t.Cleanup(c.Close)
		_, err = c.Temporal().ExecuteWorkflow(t.Context(), sdk.StartWorkflowOptions{ID: "stranger", TaskQueue: wire.Queue}, wire.ReadRecords)
		var denied *serviceerror.PermissionDenied
		require.ErrorAs(t, err, &denied, name)
	}
	asked := b.ask(t, 8)
	h := b.Client.Temporal().GetWorkflowHistory(t.Context(), asked.WorkflowID, asked.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := h.Next()
	require.NoError(t, err)
	require.Equal(t, certificates.URI("operator"), first.GetPrincipal().GetName())
	b.Until(t, asked, "waiting for the approval", people.In(wire.Waiting))
	b.Decide(t, client.Decision{WorkflowID: asked.WorkflowID, Command: decision.Cancel, Reason: "only a question"}, b.Requester)
	b.Until(t, asked, "an end", people.Ended)
}

func (b *bench) databaseAway(t *testing.T) {
	parked, middle := b.park(t, 1), b.inTheMiddle(t, 2)
	require.NoError(t, b.database.Stop())
	<-time.After(20 * time.Second) // The outage itself.
	back := time.Now()
	require.NoError(t, b.database.Again(t.Context()))
	b.finishes(t, middle)
	t.Logf("the run in the middle had ended %s after PostgreSQL was back", time.Since(back).Round(100*time.Millisecond))
	b.Approve(t, parked)
	b.finishes(t, parked)
}

func (b *bench) processKilled(t *testing.T) {
	parked, middle := b.park(t, 3), b.inTheMiddle(t, 4)
	killed := time.Now()
	b.cluster.Kill(0)
	b.finishes(t, middle)
	t.Logf("the run in the middle had ended %s after the kill", time.Since(killed).Round(100*time.Millisecond))
	b.Approve(t, parked)
	b.finishes(t, parked)
	b.finishes(t, b.approved(t, 5)) // A new one.
}

func (b *bench) approved(t *testing.T, number int) client.Started {
	t.Helper()
	started := b.park(t, number)
	b.Approve(t, started)
	return started
}

// restored: a dump is taken while two runs are parked. One of them goes on and ends; then everything is lost and the dump
// is restored in another PostgreSQL. The first goes on from its approval. The second is parked again, though its server is
// in service by now: it adopts what it made in its earlier life, and ends once more without doing anything twice.
func (b *bench) restored(t *testing.T) {
	parked, later := b.park(t, 6), b.park(t, 7)
	folder := t.TempDir()
	begin := time.Now()
	for _, database := range temporal.Databases() {
		require.NoError(t, b.database.Dump(t.Context(), database, filepath.Join(folder, database)))
	}
	t.Logf("the dump took %s", time.Since(begin).Round(10*time.Millisecond))
	b.Approve(t, later)
	b.finishes(t, later)

	require.NoError(t, b.cluster.Stop())
	b.database.Kill()
	begin = time.Now()
	other := startDatabase(t.Context(), t)
	for _, database := range temporal.Databases() {
		require.NoError(t, other.Restore(t.Context(), database, filepath.Join(folder, database)))
	}
	require.NoError(t, b.cluster.Move(t.Context(), other))
	t.Logf("the restore took %s, with a new PostgreSQL and the start of Temporal", time.Since(begin).Round(10*time.Millisecond))
	b.Approve(t, parked)
	b.finishes(t, parked)
	b.endsOnceMore(t, later)
}

// endsOnceMore carries a run that has its record to its end again. Its record stands; a person says so.
func (b *bench) endsOnceMore(t *testing.T, started client.Started) {
	b.Approve(t, started)
	p := b.Until(t, started, "its record, which is there already", func(p wire.Progress) bool { return step(p, "record").State == wire.StepHeld })
	require.Contains(t, step(p, "record").Reason.Text, "another content")
	b.Decide(t, client.Decision{
		WorkflowID: started.WorkflowID, Command: decision.Skip, Step: "record", Reason: "Temporal was restored from a backup",
	}, b.Requester)
	b.finishes(t, started)
}

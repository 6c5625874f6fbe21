package bench

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/sandbox"
	"fermata/sandbox/embedded"
	"fermata/testsuite/stage"
)

// The floor's own queue, and one that only its activities are taken from.
const (
	floorQueue = "fermata.floor"
	apartQueue = "fermata.floor.apart"
)

// bare is the floor: as many activities that do nothing, one after the other, in a workflow that does nothing else. On the
// workflow's own queue the SDK begins them eagerly: the server hands an activity out with the answer to the workflow task, without
// a dispatch and without a commit of its own. On a queue apart, as Fermata's capabilities have them so that a worker holds only the
// credentials of what it serves, it cannot.
func bare(ctx workflow.Context, many int, queue string) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute, TaskQueue: queue})
	for range many {
		if err := workflow.ExecuteActivity(ctx, nothing).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func nothing(context.Context) error { return nil }

// floor starts a worker that has the bare workflow, and returns the client of who may start it. Neither encrypts.
func floor(t testing.TB, s *stage.Stage) temporal.Client {
	t.Helper()
	files, err := embedded.Certificates(filepath.Join(s.Folder, "temporal"), sandbox.Namespace)
	require.NoError(t, err)
	c := plain(t, s.WorkerConfig, func(*config.TLS) {})
	for _, queue := range []string{floorQueue, apartQueue} {
		w := sdk.New(c, queue, sdk.Options{})
		if queue == floorQueue {
			w.RegisterWorkflow(bare)
		}
		w.RegisterActivity(nothing)
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	return plain(t, s.Config, func(c *config.TLS) { c.Cert, c.Key = files.Admin.Certificate, files.Admin.Key })
}

func plain(t testing.TB, installation string, change func(*config.TLS)) temporal.Client {
	t.Helper()
	cfg, err := config.Load(installation)
	require.NoError(t, err)
	change(&cfg.Temporal.TLS)
	o, err := client.FromConfig(t.Context(), cfg, providers.Keys, nil)
	require.NoError(t, err)
	o.Keys = nil
	options, err := o.TemporalOptions()
	require.NoError(t, err)
	c, err := temporal.DialContext(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

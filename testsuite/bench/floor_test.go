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

const floorQueue = "fermata.floor"

// bare is the floor: as many activities that do nothing, one after the other, in a workflow that does nothing else.
func bare(ctx workflow.Context, many int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
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
	w := sdk.New(plain(t, s.WorkerConfig, func(*config.TLS) {}), floorQueue, sdk.Options{})
	w.RegisterWorkflow(bare)
	w.RegisterActivity(nothing)
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
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

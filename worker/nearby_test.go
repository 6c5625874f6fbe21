package worker

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"

	"fermata/activities/operation"
	"fermata/config"
)

type look struct{}

type deed struct{ Op operation.Op }

// What a workflow's own worker may do by itself: nothing that acts for an owner, and nothing of a queue whose rate is bounded,
// as Temporal would not count it.
func TestWhatIsReadNearBy(t *testing.T) {
	t.Parallel()
	c, err := temporal.NewLazyClient(temporal.Options{})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	w, err := New(Config{Installation: &config.Installation{}})
	require.NoError(t, err)
	w.temporal, w.rates["slow"] = c, 5
	for _, queue := range []string{"free", "slow"} {
		register := w.registrar(queue)
		register("Look", func(context.Context, look) (string, error) { return "seen", nil })
		register("Do", func(context.Context, deed) (string, error) { return "done", nil })
	}
	ask := func(queue, name string) operation.LookOutput {
		out, err := w.nearby.Look(t.Context(), operation.LookInput{Queue: queue, Name: name, Input: []byte("{}")})
		require.NoError(t, err)
		return out
	}
	require.JSONEq(t, `"seen"`, string(ask("free", "Look").Output))
	for queue, name := range map[string]string{"slow": "Look", "free": "Do", "nobody's": "Look"} {
		require.Equal(t, operation.LookOutput{}, ask(queue, name), "%s of %s", name, queue)
	}
}

package observe

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
)

func TestAQueueIsPolledWhenTemporalTakesThePoll(t *testing.T) {
	t.Parallel()
	p := newPolls()
	p.held = time.Millisecond
	call := func(ctx context.Context, in any, answer func() error) error {
		return p.watch(ctx, "", in, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return answer() })
	}
	activity := &workflowservice.PollActivityTaskQueueRequest{TaskQueue: &taskqueuepb.TaskQueue{Name: "fermata.compute"}}
	sticky := &workflowservice.PollWorkflowTaskQueueRequest{TaskQueue: &taskqueuepb.TaskQueue{Name: "host:1", NormalName: "fermata"}}
	require.ErrorContains(t, p.ask("fermata.compute"), "not polled yet")

	denied := errors.New("the role worker may not poll it")
	p.held = time.Hour
	require.ErrorIs(t, call(t.Context(), activity, func() error { return denied }), denied)
	require.ErrorContains(t, p.ask("fermata.compute"), "may not poll it")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, call(gone, activity, func() error { return nil }))
	require.Error(t, p.ask("fermata.compute"), "one that was given up says nothing")

	p.held = time.Millisecond
	require.NoError(t, call(t.Context(), activity, func() error {
		require.Eventually(t, func() bool { return p.ask("fermata.compute") == nil }, 10*time.Second, time.Millisecond, "it is held")
		return nil
	}))
	p.held = time.Hour
	require.NoError(t, call(t.Context(), sticky, func() error { return nil }), "there was work at once")
	require.NoError(t, p.ask("fermata"))
	require.NoError(t, call(t.Context(), &workflowservice.GetSystemInfoRequest{}, func() error { return nil }))
	require.Len(t, p.queues, 2)
}

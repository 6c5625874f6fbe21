package client

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// divided is a Temporal whose queues have partitions, each of which knows only those that wait at it.
type divided struct {
	workflowservice.WorkflowServiceClient
	waits map[string]time.Time // When somebody last waited, by partition.
	away  string               // Partition that does not answer.
	asked []string
}

func (d *divided) DescribeTaskQueue(_ context.Context, r *workflowservice.DescribeTaskQueueRequest, _ ...grpc.CallOption) (*workflowservice.DescribeTaskQueueResponse, error) {
	name := r.GetTaskQueue().GetName()
	d.asked = append(d.asked, name)
	if name == d.away {
		return nil, errors.New("no host for it")
	}
	out := &workflowservice.DescribeTaskQueueResponse{}
	if at, ok := d.waits[name]; ok {
		out.Pollers = []*taskqueuepb.PollerInfo{{LastAccessTime: timestamppb.New(at)}}
	}
	return out, nil
}

func (d *divided) ListTaskQueuePartitions(context.Context, *workflowservice.ListTaskQueuePartitionsRequest, ...grpc.CallOption) (*workflowservice.ListTaskQueuePartitionsResponse, error) {
	list := func(names ...string) (all []*taskqueuepb.TaskQueuePartitionMetadata) {
		for _, name := range names {
			all = append(all, &taskqueuepb.TaskQueuePartitionMetadata{Key: name})
		}
		return all
	}
	return &workflowservice.ListTaskQueuePartitionsResponse{
		ActivityTaskQueuePartitions: list("q", "/_sys/q/1", "/_sys/q/2"), WorkflowTaskQueuePartitions: list("q", "/_sys/q/3"),
	}, nil
}

func TestEveryPartitionIsAskedBeforeNobodyPolls(t *testing.T) {
	t.Parallel()
	now, longAgo := time.Now(), time.Now().Add(-2*time.Minute)
	for name, x := range map[string]struct {
		waits  map[string]time.Time
		away   string
		kind   enumspb.TaskQueueType
		polled bool
		wrong  string
		asked  []string
	}{
		"at the first":            {map[string]time.Time{"q": now}, "", enumspb.TASK_QUEUE_TYPE_ACTIVITY, true, "", []string{"q"}},
		"at another":              {map[string]time.Time{"/_sys/q/2": now}, "", enumspb.TASK_QUEUE_TYPE_ACTIVITY, true, "", []string{"q", "/_sys/q/1", "/_sys/q/2"}},
		"long ago":                {map[string]time.Time{"q": longAgo, "/_sys/q/1": longAgo}, "", enumspb.TASK_QUEUE_TYPE_ACTIVITY, false, "", []string{"q", "/_sys/q/1", "/_sys/q/2"}},
		"for workflows":           {map[string]time.Time{"/_sys/q/3": now}, "", enumspb.TASK_QUEUE_TYPE_WORKFLOW, true, "", []string{"q", "/_sys/q/3"}},
		"for other work":          {map[string]time.Time{"/_sys/q/3": now}, "", enumspb.TASK_QUEUE_TYPE_ACTIVITY, false, "", []string{"q", "/_sys/q/1", "/_sys/q/2"}},
		"one says nothing":        {nil, "/_sys/q/1", enumspb.TASK_QUEUE_TYPE_ACTIVITY, false, "no host", []string{"q", "/_sys/q/1"}},
		"the first says nothing":  {nil, "q", enumspb.TASK_QUEUE_TYPE_ACTIVITY, false, "no host", []string{"q"}},
		"nobody at any partition": {nil, "", enumspb.TASK_QUEUE_TYPE_ACTIVITY, false, "", []string{"q", "/_sys/q/1", "/_sys/q/2"}},
	} {
		d := &divided{waits: x.waits, away: x.away}
		polled, err := Polled(t.Context(), d, "fermata", "q", x.kind)
		if x.wrong != "" {
			require.ErrorContains(t, err, x.wrong, name)
		} else {
			require.NoError(t, err, name)
		}
		require.Equal(t, x.polled, polled, name)
		require.Equal(t, x.asked, d.asked, name)
	}
}

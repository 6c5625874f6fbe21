package client

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	temporal "go.temporal.io/sdk/client"
)

// pollsWithin is how long ago a worker that lives may have asked for work: a poll lasts a minute.
const pollsWithin = 70 * time.Second

// Polled reports whether a worker asked for work of that kind on the queue in the last minute. The error is Temporal's.
func Polled(ctx context.Context, t temporal.Client, namespace, queue string, kind enumspb.TaskQueueType) (bool, error) {
	out, err := t.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue}, TaskQueueType: kind,
	})
	if err != nil {
		return false, err
	}
	for _, poller := range out.GetPollers() {
		if time.Since(poller.GetLastAccessTime().AsTime()) < pollsWithin {
			return true, nil
		}
	}
	return false, nil
}

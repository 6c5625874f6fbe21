package client

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
)

// pollsWithin is how long ago a worker that lives may have asked for work: a poll lasts a minute.
const pollsWithin = 70 * time.Second

// Polled reports whether a worker asked for work of that kind on the queue in the last minute. The error is Temporal's.
func Polled(ctx context.Context, t workflowservice.WorkflowServiceClient, namespace, queue string, kind enumspb.TaskQueueType) (bool, error) {
	return PolledSince(ctx, t, namespace, queue, kind, time.Now().Add(-pollsWithin))
}

// PolledSince reports whether a worker asked for work of that kind on the queue at that time or later. The error is Temporal's.
//
// Temporal divides a queue into partitions and tells of one at a time. The first one hears of all polls only while it gives
// work away; after the loss of a Temporal process a poll can wait for a minute in another. So all are asked before a queue
// counts as polled by nobody.
func PolledSince(ctx context.Context, t workflowservice.WorkflowServiceClient, namespace, queue string, kind enumspb.TaskQueueType, since time.Time) (bool, error) {
	if polled, err := partitionPolled(ctx, t, namespace, queue, kind, since); polled || err != nil {
		return polled, err
	}
	all, err := t.ListTaskQueuePartitions(ctx, &workflowservice.ListTaskQueuePartitionsRequest{
		Namespace: namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: queue},
	})
	if err != nil {
		return false, err
	}
	partitions := all.GetWorkflowTaskQueuePartitions()
	if kind == enumspb.TASK_QUEUE_TYPE_ACTIVITY {
		partitions = all.GetActivityTaskQueuePartitions()
	}
	for _, p := range partitions {
		if p.GetKey() == queue {
			continue
		}
		if polled, err := partitionPolled(ctx, t, namespace, p.GetKey(), kind, since); polled || err != nil {
			return polled, err
		}
	}
	return false, nil
}

func partitionPolled(ctx context.Context, t workflowservice.WorkflowServiceClient, namespace, partition string, kind enumspb.TaskQueueType, since time.Time) (bool, error) {
	out, err := t.DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: namespace, TaskQueue: &taskqueuepb.TaskQueue{Name: partition}, TaskQueueType: kind,
	})
	if err != nil {
		return false, err
	}
	for _, poller := range out.GetPollers() {
		if !poller.GetLastAccessTime().AsTime().Before(since) {
			return true, nil
		}
	}
	return false, nil
}

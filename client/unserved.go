package client

import (
	"context"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	workflowpb "go.temporal.io/api/workflow/v1"

	"fermata/activities/operation"
)

// taken is how soon a worker that lives has taken an activity: at once, as one of its polls waits for it; or, where it found
// Temporal away, when it polls again after up to 10 seconds.
const taken = 12 * time.Second

// unserved names the queue that an activity waits at while nobody polls it, as people read it. It is empty where the
// activity does not wait, where it has waited too shortly to tell, and where Temporal does not say.
//
// Temporal remembers a poll for minutes, and a poll lasts for one, so the last poll of a worker that was killed tells nothing
// for a minute. What tells sooner is an activity that waits: a poll that was there when it came would have taken it.
// So nobody serves the queue if nobody polled since. A queue whose rate somebody set below one activity in 12 seconds
// can look like that too.
func (c *Client) unserved(ctx context.Context, a *workflowpb.PendingActivityInfo, now time.Time) string {
	came := a.GetScheduledTime().AsTime() // Of this attempt.
	queue := a.GetActivityOptions().GetTaskQueue().GetName()
	if a.GetState() != enumspb.PENDING_ACTIVITY_STATE_SCHEDULED || now.Sub(came) < taken || queue == "" {
		return ""
	}
	polled, err := PolledSince(ctx, c.temporal.WorkflowService(), c.namespace, queue, enumspb.TASK_QUEUE_TYPE_ACTIVITY, came)
	if err != nil || polled {
		return ""
	}
	return operation.QueueName(queue)
}

package operation_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// A step of two activities is cancelled, and the first is done in spite of it: nothing more is begun, and the run goes on
// to take the step back. The SDK would refuse the second's id here, which is the first's, and the run would be stuck; its
// test environment does not, so a history is replayed.
func TestNothingIsBegunOnceItIsCancelled(t *testing.T) {
	t.Parallel()
	call := func(ctx workflow.Context, name string) error {
		_, err := operation.Call[any](operation.WithRoute(ctx, operation.Route{Step: "close"}), "test", name, time.Minute, "")
		return err
	}
	var second error
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(func(ctx workflow.Context) error {
		step, cancel := workflow.WithCancel(ctx)
		workflow.Go(ctx, func(ctx workflow.Context) {
			workflow.GetSignalChannel(ctx, "cancel").Receive(ctx, nil)
			cancel()
		})
		if err := call(step, "first"); err != nil {
			return err
		}
		second = call(step, "second")
		return nil
	}, workflow.RegisterOptions{Name: "Run"})
	require.NoError(t, replayer.ReplayWorkflowHistory(nil, doneInSpiteOfCancel()))
	require.True(t, temporal.IsCanceledError(second))
}

// doneInSpiteOfCancel is a run in which the activity is done after its cancellation was asked for.
func doneInSpiteOfCancel() *historypb.History {
	h := &historypb.History{}
	add := func(kind enumspb.EventType, fill func(*historypb.HistoryEvent)) {
		e := &historypb.HistoryEvent{EventId: int64(len(h.Events) + 1), EventType: kind}
		if fill != nil {
			fill(e)
		}
		h.Events = append(h.Events, e)
	}
	queue := &taskqueuepb.TaskQueue{Name: "test"}
	task := func() {
		add(enumspb.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED, nil)
		add(enumspb.EVENT_TYPE_WORKFLOW_TASK_STARTED, nil)
	}
	completed := func() {
		add(enumspb.EVENT_TYPE_WORKFLOW_TASK_COMPLETED, func(e *historypb.HistoryEvent) {
			e.Attributes = &historypb.HistoryEvent_WorkflowTaskCompletedEventAttributes{WorkflowTaskCompletedEventAttributes: &historypb.WorkflowTaskCompletedEventAttributes{}}
		})
	}
	add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED, func(e *historypb.HistoryEvent) {
		e.Attributes = &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{
			WorkflowType: &commonpb.WorkflowType{Name: "Run"}, TaskQueue: queue,
		}}
	})
	task()
	completed()
	add(enumspb.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, func(e *historypb.HistoryEvent) {
		e.Attributes = &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
			ActivityId: "close", ActivityType: &commonpb.ActivityType{Name: "first"}, TaskQueue: queue,
		}}
	})
	add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED, func(e *historypb.HistoryEvent) {
		e.Attributes = &historypb.HistoryEvent_WorkflowExecutionSignaledEventAttributes{WorkflowExecutionSignaledEventAttributes: &historypb.WorkflowExecutionSignaledEventAttributes{SignalName: "cancel"}}
	})
	task()
	completed()
	add(enumspb.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED, func(e *historypb.HistoryEvent) {
		e.Attributes = &historypb.HistoryEvent_ActivityTaskCancelRequestedEventAttributes{ActivityTaskCancelRequestedEventAttributes: &historypb.ActivityTaskCancelRequestedEventAttributes{ScheduledEventId: 5}}
	})
	add(enumspb.EVENT_TYPE_ACTIVITY_TASK_STARTED, func(e *historypb.HistoryEvent) {
		e.Attributes = &historypb.HistoryEvent_ActivityTaskStartedEventAttributes{ActivityTaskStartedEventAttributes: &historypb.ActivityTaskStartedEventAttributes{ScheduledEventId: 5}}
	})
	add(enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, func(e *historypb.HistoryEvent) {
		e.Attributes = &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{ScheduledEventId: 5, StartedEventId: 11}}
	})
	task()
	completed()
	add(enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, func(e *historypb.HistoryEvent) {
		e.Attributes = &historypb.HistoryEvent_WorkflowExecutionCompletedEventAttributes{WorkflowExecutionCompletedEventAttributes: &historypb.WorkflowExecutionCompletedEventAttributes{}}
	})
	return h
}

package scenarios

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// What follows uses every way in which Temporal carries payloads, with no process of ours: whatever a later process uses
// has been seen to pass.

type word struct {
	Text string `json:"text"`
	Turn int    `json:"turn"`
}

const flowQueue = "fermata.flows"

// flow does all that a workflow can do with payloads, once continues as new, and ends with all it heard.
func flow(ctx workflow.Context, in word) ([]string, error) {
	var heard []string
	if err := workflow.SetQueryHandler(ctx, "tell", func(asked word) ([]string, error) { return append(heard, asked.Text), nil }); err != nil {
		return nil, err
	}
	if err := workflow.SetUpdateHandler(ctx, "ask", func(ctx workflow.Context, asked word) (word, error) {
		if asked.Text == "fail" {
			return word{}, workflow.ExecuteActivity(with(ctx), failingStep, asked).Get(ctx, nil)
		}
		heard = append(heard, "update:"+asked.Text)
		return asked, nil
	}); err != nil {
		return nil, err
	}
	if in.Turn == 0 {
		return nil, workflow.NewContinueAsNewError(ctx, flow, word{Text: in.Text, Turn: 1})
	}
	workflow.SetCurrentDetails(ctx, "canary details")
	said, err := steps(ctx, in)
	if err != nil {
		return nil, err
	}
	heard = append(heard, said...)
	var signal word
	workflow.GetSignalChannel(ctx, "word").Receive(ctx, &signal)
	heard = append(heard, "signal:"+signal.Text)
	if signal.Text == "fail" {
		return nil, workflow.ExecuteChildWorkflow(ctx, failingChild, in).Get(ctx, nil)
	}
	return heard, nil
}

func with(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, HeartbeatTimeout: time.Minute, Summary: "canary summary",
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: time.Millisecond, MaximumAttempts: 3},
	})
}

func steps(ctx workflow.Context, in word) (heard []string, err error) {
	var side string
	if err := workflow.SideEffect(ctx, func(workflow.Context) any { return "side" }).Get(&side); err != nil {
		return nil, err
	}
	if err := workflow.MutableSideEffect(ctx, "m", func(workflow.Context) any { return "mutable" }, func(a, b any) bool { return a == b }).Get(&side); err != nil {
		return nil, err
	}
	_ = workflow.GetVersion(ctx, "change", workflow.DefaultVersion, 1)
	var out word
	local := workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute, RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1}})
	if err := workflow.ExecuteLocalActivity(local, echo, in).Get(ctx, &out); err != nil {
		return nil, err
	}
	heard = append(heard, "local:"+out.Text, detailOf(workflow.ExecuteLocalActivity(local, failingStep, in).Get(ctx, nil)))
	if err := workflow.ExecuteActivity(with(ctx), beating, in).Get(ctx, &out); err != nil {
		return nil, err
	}
	heard = append(heard, "activity:"+out.Text, detailOf(workflow.ExecuteActivity(with(ctx), failingStep, in).Get(ctx, nil)))
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: workflow.GetInfo(ctx).WorkflowExecution.ID + "/child", Memo: map[string]any{"note": "canary memo"}, StaticSummary: "canary child",
	}), waitingChild, in)
	if err := child.SignalChildWorkflow(ctx, "word", word{Text: "to the child"}).Get(ctx, nil); err != nil {
		return nil, err
	}
	if err := child.Get(ctx, &out); err != nil {
		return nil, err
	}
	return append(heard, "child:"+out.Text, detailOf(workflow.ExecuteChildWorkflow(ctx, failingChild, in).Get(ctx, nil))), nil
}

// detailOf reads what a failure carries.
func detailOf(err error) string {
	var app *temporal.ApplicationError
	if !errors.As(err, &app) {
		return "no failure"
	}
	for inner := app; errors.As(errors.Unwrap(inner), &inner); {
		app = inner
	}
	var detail string
	if err := app.Details(&detail); err != nil {
		return "unreadable: " + err.Error()
	}
	return app.Message() + "/" + detail
}

func echo(_ context.Context, in word) (word, error) { return in, nil }

func failingStep(context.Context, word) error {
	return temporal.NewNonRetryableApplicationError("canary message", "Refused", nil, "canary detail")
}

// beating fails once after a heartbeat, and returns what its first attempt said.
func beating(ctx context.Context, in word) (word, error) {
	if activity.GetInfo(ctx).Attempt == 1 {
		activity.RecordHeartbeat(ctx, in.Text+" beaten")
		return word{}, errors.New("once")
	}
	var note string
	err := activity.GetHeartbeatDetails(ctx, &note)
	return word{Text: note}, err
}

func waitingChild(ctx workflow.Context, in word) (word, error) {
	var signal word
	workflow.GetSignalChannel(ctx, "word").Receive(ctx, &signal)
	return word{Text: in.Text + " and " + signal.Text}, nil
}

func failingChild(ctx workflow.Context, in word) error {
	return workflow.ExecuteActivity(with(ctx), failingStep, in).Get(ctx, nil)
}

// caller signals another workflow by its id.
func caller(ctx workflow.Context, workflowID string) error {
	return workflow.SignalExternalWorkflow(ctx, workflowID, "", "word", word{Text: "from a workflow"}).Get(ctx, nil)
}

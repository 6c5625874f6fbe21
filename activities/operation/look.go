package operation

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

const activityLook = "operation.Look"

// nearFor is how long a read may take in the workflow's own worker: longer than one that does not hang, and shorter than a
// workflow task, which it holds up.
const nearFor = 5 * time.Second

// Near says that short reads may be done in the workflow's own worker, and remembers which queues it does not serve.
type Near struct{ away map[string]bool }

// NewNear returns a Near for one execution.
func NewNear() *Near { return &Near{away: map[string]bool{}} }

// LookInput asks for one read.
type LookInput struct {
	Queue string          `json:"queue"`
	Name  string          `json:"name"` // Activity type.
	Input json.RawMessage `json:"input"`
}

// LookOutput answers LookInput.
type LookOutput struct {
	Served bool            `json:"served"`           // The worker serves that queue.
	Output json.RawMessage `json:"output,omitempty"` // Empty: the read has failed. Whoever waits and tries again tells why.
}

// Look runs one activity that only reads and is short: in the workflow's own worker if that serves its queue, which costs a
// marker in the history instead of an activity and a workflow task. What fails there is done as every activity is, with
// its retries and its errors.
func Look[Out any](ctx workflow.Context, capability, name string, limit time.Duration, in any) (Out, error) {
	route := RouteOf(ctx)
	queue := Queue(capability, route.Site)
	if route.Near == nil || route.Near.away[queue] || ctx.Err() != nil {
		return Call[Out](ctx, capability, name, limit, in)
	}
	var out Out
	answer, err := lookNear(ctx, route, queue, name, in)
	if err == nil && len(answer.Output) > 0 && json.Unmarshal(answer.Output, &out) == nil {
		return out, nil
	}
	if err == nil && !answer.Served {
		route.Near.away[queue] = true
	}
	return Call[Out](ctx, capability, name, limit, in)
}

func lookNear(ctx workflow.Context, route Route, queue, name string, in any) (out LookOutput, err error) {
	input, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("putting what %s asks into words: %w", name, err)
	}
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		ScheduleToCloseTimeout: 2 * nearFor, StartToCloseTimeout: 2 * nearFor, Summary: route.Summary,
		RetryPolicy: &temporal.RetryPolicy{MaximumAttempts: 1},
	})
	err = workflow.ExecuteLocalActivity(ctx, activityLook, LookInput{Queue: queue, Name: name, Input: input}).Get(ctx, &out)
	return out, err
}

// Nearby are the activities of a worker of workflows that it can do itself, by queue and type. Which of them are short and only
// read, the stubs that call Look say.
type Nearby map[string]map[string]any

// Add notes an activity of a queue, but none that acts for an owner: what carries an Op is the business of admission.
func (n Nearby) Add(queue, name string, activity any) {
	t := reflect.TypeOf(activity)
	if t.Kind() != reflect.Func || t.NumIn() != 2 || t.NumOut() != 2 || acts(t.In(1)) {
		return
	}
	if n[queue] == nil {
		n[queue] = map[string]any{}
	}
	n[queue][name] = activity
}

func acts(input reflect.Type) bool {
	if input.Kind() != reflect.Struct {
		return true
	}
	_, op := input.FieldByName("Op")
	return op
}

// Register names the activity and its function. It runs as a local activity of the workflow worker.
func (n Nearby) Register(register func(name string, activity any)) { register(activityLook, n.Look) }

// Look does one read. It has no errors of its own: a read that fails here is done again elsewhere.
func (n Nearby) Look(ctx context.Context, in LookInput) (LookOutput, error) {
	f, served := n[in.Queue][in.Name]
	if !served {
		return LookOutput{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, nearFor)
	defer cancel()
	call := reflect.ValueOf(f)
	input := reflect.New(call.Type().In(1))
	if json.Unmarshal(in.Input, input.Interface()) != nil {
		return LookOutput{Served: true}, nil
	}
	answers := call.Call([]reflect.Value{reflect.ValueOf(ctx), input.Elem()})
	if !answers[1].IsNil() {
		return LookOutput{Served: true}, nil
	}
	output, err := json.Marshal(answers[0].Interface())
	if err != nil {
		return LookOutput{Served: true}, nil //nolint:nilerr // The activity itself says what is wrong with it.
	}
	return LookOutput{Served: true, Output: output}, nil
}

package observe

import (
	"context"
	"log/slog"
	"reflect"
	"strings"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/notify"
	"fermata/activities/operation"
	"fermata/wire"
)

// fields say for which run, step and target something is done. All are names that stand in Temporal in clear text; a
// label of a metric is none of them, as there are ever more runs.
type fields struct {
	Run     string `json:"run,omitempty"`    // ULID.
	Step    string `json:"step,omitempty"`   // As in its process; "plan" while planning.
	Target  string `json:"target,omitempty"` // What is acted on: "web-01".
	Undo    bool   `json:"-"`                // The step is taken back.
	Kind    string `json:"-"`                // Workflow type.
	Doing   string `json:"-"`                // Activity type.
	Queue   string `json:"-"`
	Attempt int    `json:"-"`
}

// ofWorkflow reads the fields of a run from what it was started with.
func ofWorkflow(info *workflow.Info, args []any) fields {
	f := fields{Kind: info.WorkflowType.Name, Target: strings.TrimPrefix(info.WorkflowExecution.ID, wire.ServerWorkflowID(""))}
	for _, arg := range args {
		switch in := arg.(type) {
		case wire.StartInput:
			f.Run = in.Run
		case wire.PlanInput:
			f.Run = in.Run
		case wire.Reservation:
			f.Run = in.Run
		case notify.SendInput:
			f.Run, f.Target = in.Notice.Run, strings.TrimPrefix(in.Notice.WorkflowID, wire.ServerWorkflowID(""))
		}
	}
	return f
}

// ofCall adds the step that an activity is called for.
func (f fields) ofCall(route operation.Route) fields {
	if f.Step = route.Step; f.Step == "" {
		f.Step = route.Summary
	}
	return f
}

// ofActivity completes what the workflow sent along with what the activity itself knows. A workflow of an older build sent
// nothing.
func ofActivity(sent fields, info activity.Info, args []any) fields {
	f := sent
	if key := keyOf(args); key.Run != "" {
		f.Run, f.Step, f.Target = key.Run, key.Step, key.Target
	}
	if f.Step == "" {
		f.Step = info.ActivityID
	}
	if f.Target == "" {
		f.Target = strings.TrimPrefix(info.WorkflowExecution.ID, wire.ServerWorkflowID(""))
	}
	f.Undo = operation.StepOf(info.ActivityID) != info.ActivityID
	f.Step = operation.StepOf(f.Step)
	f.Doing, f.Queue, f.Attempt = info.ActivityType.Name, info.TaskQueue, int(info.Attempt)
	if info.WorkflowType != nil {
		f.Kind = info.WorkflowType.Name
	}
	return f
}

// keyOf finds the operation in an activity's input: every one that changes something has one.
func keyOf(args []any) operation.Key {
	for _, arg := range args {
		v := reflect.ValueOf(arg)
		if v.Kind() != reflect.Struct {
			continue
		}
		for _, field := range v.Fields() {
			if op, ok := field.Interface().(operation.Op); ok {
				return op.Key
			}
		}
	}
	return operation.Key{}
}

// attributes are the fields in a log; what is not known is left out.
func (f fields) attributes() []slog.Attr {
	var all []slog.Attr
	for _, x := range []struct{ name, value string }{
		{"run", f.Run}, {"step", f.Step}, {"target", f.Target}, {"kind", f.Kind}, {"activity", f.Doing}, {"queue", f.Queue},
	} {
		if x.value != "" {
			all = append(all, slog.String(x.name, x.value))
		}
	}
	if f.Attempt > 0 {
		all = append(all, slog.Int("attempt", f.Attempt))
	}
	if f.Undo {
		all = append(all, slog.Bool("undo", true))
	}
	return all
}

type fieldsKey struct{}

func with(ctx context.Context, f fields) context.Context {
	return context.WithValue(ctx, fieldsKey{}, f)
}

func of(ctx context.Context) fields { f, _ := ctx.Value(fieldsKey{}).(fields); return f }

// Handler adds run, step and target to whatever is logged with the context of an activity.
func Handler(next slog.Handler) slog.Handler {
	if already, ok := next.(handler); ok {
		return already
	}
	return handler{next}
}

type handler struct{ slog.Handler }

// Handle adds the context's fields.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if f := of(ctx); f != (fields{}) {
		r = r.Clone()
		r.AddAttrs(f.attributes()...)
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps adding the context's fields.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps adding the context's fields.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

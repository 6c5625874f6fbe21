package worker

import (
	"context"
	"reflect"
	"strings"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/wire"
)

// admission stands before every activity that a worker is asked for, whoever wrote it. It refuses one that belongs to no
// workflow: signatures and approvals are looked at in workflows, and Temporal starts an activity by itself for whoever asks,
// where activity.enableStandalone is on. It refuses a change for an owner other than the workflow, whose id is the lock on
// that owner: nobody changes server/web-01 but the run that holds it.
type admission struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity is the SDK's.
func (*admission) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	a := &admitted{}
	a.Next = next
	return a
}

type admitted struct {
	interceptor.ActivityInboundInterceptorBase
}

// ExecuteActivity is the SDK's.
func (a *admitted) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	if err := admit(activity.GetInfo(ctx), in.Args); err != nil {
		return nil, fault.ForTemporal(err)
	}
	return a.Next.ExecuteActivity(ctx, in)
}

func admit(info activity.Info, args []any) error {
	if !info.IsWorkflowActivity() {
		return fault.New(fault.Invalid, "%s runs only as part of a workflow, which looks at signatures and approvals", info.ActivityType.Name)
	}
	for _, arg := range args {
		if op, ok := opOf(arg); ok && !holds(info, op.Owner) {
			return fault.New(fault.Invalid, "%s acts for %q in a workflow whose id is %q: only the workflow of that id may, as it is the lock",
				info.ActivityType.Name, op.Owner, info.WorkflowExecution.ID)
		}
	}
	return nil
}

// holds reports whether the workflow may act for the owner. What waits for the end of an account is begun by the run that made the
// account, under an id that says whose it is, and outlives it.
func holds(info activity.Info, owner operation.Owner) bool {
	if info.WorkflowExecution.ID == string(owner) {
		return true
	}
	return owner != "" && info.WorkflowType != nil && info.WorkflowType.Name == wire.ExpireAccount &&
		strings.HasPrefix(info.WorkflowExecution.ID, wire.ExpiryPrefix+string(owner)+"/")
}

// opOf returns the operation that an input carries: whatever changes something has one.
func opOf(input any) (operation.Op, bool) {
	v := reflect.ValueOf(input)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return operation.Op{}, false
	}
	f := v.FieldByName("Op")
	if !f.IsValid() || !f.CanInterface() {
		return operation.Op{}, false
	}
	op, ok := f.Interface().(operation.Op)
	return op, ok
}

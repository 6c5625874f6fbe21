package crash

import "go.temporal.io/sdk/workflow"

// ExecuteChildWorkflow is where a step stands that has no activity and starts a workflow. Its effect is that the workflow
// was started; the answer is what the worker makes of the news.
func (h *hastyCalls) ExecuteChildWorkflow(ctx workflow.Context, name string, args ...any) workflow.ChildWorkflowFuture {
	p, ok := h.quietAt(ctx, name)
	if !ok {
		return h.Next.ExecuteChildWorkflow(ctx, name, args...)
	}
	if p.begin(ctx) != nil {
		return failed(ctx)
	}
	started := h.Next.ExecuteChildWorkflow(ctx, name, args...)
	p.lose(ctx)
	execution, settle := workflow.NewFuture(ctx)
	workflow.Go(ctx, func(ctx workflow.Context) {
		var e workflow.Execution
		err := started.GetChildWorkflowExecution().Get(ctx, &e)
		if err == nil {
			err = p.last(ctx)
		}
		settle.Set(e, err)
	})
	return child{ChildWorkflowFuture: started, execution: execution}
}

// child is a workflow whose start is told as a point wants it.
type child struct {
	workflow.ChildWorkflowFuture
	execution workflow.Future
}

func (c child) GetChildWorkflowExecution() workflow.Future { return c.execution }

func failed(ctx workflow.Context) workflow.ChildWorkflowFuture {
	execution, settle := workflow.NewFuture(ctx)
	settle.SetError(forGood())
	return child{execution: execution}
}

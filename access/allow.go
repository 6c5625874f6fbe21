package access

import (
	"fmt"
	"path"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
)

// Call is one call at the frontend.
type Call struct {
	API       string // Full name of the method.
	Namespace string // Of the request; empty: it has none.
	Request   any    // nil for a stream.
}

// Allow returns nil if the grant covers the call, else an error that says what is missing.
func (g Grant) Allow(c Call) error {
	if g.Role == Admin && g.Namespace == Everywhere && strings.HasPrefix(c.API, adminService) {
		return nil
	}
	if !slices.Contains(may[c.API], g.Role) {
		return fmt.Errorf("%s has the role %s, which may not call %s", g.Name(), g.Role, short(c.API))
	}
	if g.Namespace != Everywhere && c.Namespace != g.Namespace && !(c.Namespace == "" && clusterWide[c.API]) {
		return fmt.Errorf("%s has a role in namespace %q and none in %q", g.Name(), g.Namespace, c.Namespace)
	}
	if g.Role == Operator {
		return g.allowOperator(c.Request)
	}
	return g.allowWorker(c.Request)
}

func (g Grant) allowWorker(request any) error {
	switch r := request.(type) {
	case *workflowservice.PollActivityTaskQueueRequest:
		return g.allowQueue(r.GetTaskQueue(), false)
	case *workflowservice.PollWorkflowTaskQueueRequest:
		return g.allowQueue(r.GetTaskQueue(), true)
	case *workflowservice.DescribeTaskQueueRequest:
		return g.allowLook(r.GetTaskQueue())
	case *workflowservice.ListTaskQueuePartitionsRequest:
		return g.allowLook(r.GetTaskQueue())
	}
	return nil
}

// allowLook lets a worker of systems see who polls its own queues and their partitions (/_sys/NAME/1).
func (g Grant) allowLook(q *taskqueuepb.TaskQueue) error {
	if g.Role != Worker {
		return nil
	}
	name := q.GetName()
	if inner, is := strings.CutPrefix(name, "/_sys/"); is {
		name = inner[:max(strings.LastIndex(inner, "/"), 0)]
	}
	return g.allowQueue(&taskqueuepb.TaskQueue{Name: name}, false)
}

// allowQueue compares the queue's whole name, so a partition of it (/_sys/...) is another; no pattern matches a slash. A worker
// that keeps a workflow in memory polls a queue of its own for it, which names the one that it stands for.
func (g Grant) allowQueue(q *taskqueuepb.TaskQueue, sticky bool) error {
	name := q.GetName()
	if sticky && q.GetKind() == enumspb.TASK_QUEUE_KIND_STICKY {
		name = q.GetNormalName()
	}
	for _, pattern := range g.Queues {
		if matches, err := path.Match(pattern, name); err == nil && matches {
			return nil
		}
	}
	return fmt.Errorf("%s has no right to task queue %q", g.Name(), name)
}

func short(api string) string { return api[strings.LastIndex(api, "/")+1:] }

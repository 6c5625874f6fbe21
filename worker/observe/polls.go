package observe

import (
	"context"
	"sync"
	"time"

	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"fermata/activities/fault"
)

// heldFor is how long Temporal holds a poll before it counts as taken; one that it refuses comes back at once.
const heldFor = 2 * time.Second

// polls looks at the worker's own polls as they go out. So a worker knows that it is served without a right to ask Temporal who
// polls: one that serves systems may poll and nothing else.
type polls struct {
	held time.Duration

	mu     sync.Mutex
	queues map[string]error // How the last poll went; a queue that was never polled is not there.
}

func newPolls() *polls { return &polls{held: heldFor, queues: map[string]error{}} }

// watch is a gRPC interceptor.
func (p *polls) watch(ctx context.Context, method string, in, out any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	queue := polledBy(in)
	if queue == "" {
		return invoke(ctx, method, in, out, cc, options...)
	}
	taken := time.AfterFunc(p.held, func() { p.note(queue, nil) })
	err := invoke(ctx, method, in, out, cc, options...)
	taken.Stop()
	if ctx.Err() == nil { // A poll that the worker itself gave up says nothing.
		p.note(queue, err)
	}
	return err
}

// polledBy names the queue of a poll; a sticky queue belongs to the one that has a name.
func polledBy(in any) string {
	var queue *taskqueuepb.TaskQueue
	switch poll := in.(type) {
	case *workflowservice.PollActivityTaskQueueRequest:
		queue = poll.GetTaskQueue()
	case *workflowservice.PollWorkflowTaskQueueRequest:
		queue = poll.GetTaskQueue()
	}
	if normal := queue.GetNormalName(); normal != "" {
		return normal
	}
	return queue.GetName()
}

func (p *polls) note(queue string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queues[queue] = err
}

// ask says whether Temporal takes the worker's polls of the queue.
func (p *polls) ask(queue string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err, polled := p.queues[queue]
	switch {
	case !polled:
		return fault.New(fault.Unavailable, "it is not polled yet")
	case err != nil:
		return fault.Wrap(fault.Unavailable, err, "polling")
	}
	return nil
}

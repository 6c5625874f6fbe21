package recorder

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"fermata/client"
)

// execution is one execution of a workflow. Without a run it is the latest.
type execution struct{ id, run string }

func of(started client.Started) []execution {
	return []execution{{started.WorkflowID, started.RunID}}
}

// history reads an execution to its end, and takes out who did it: names of processes and machines are nobody's business.
func (x execution) history(t *testing.T, c *client.Client) *historypb.History {
	t.Helper()
	h := &historypb.History{}
	events := c.Temporal().GetWorkflowHistory(t.Context(), x.id, x.run, true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		e, err := events.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, proto.CloneOf(e))
	}
	anonymous(h.ProtoReflect())
	return h
}

// anonymous replaces every field that is called identity, wherever it stands, and the names of workers' own queues.
func anonymous(m protoreflect.Message) {
	if queue, ok := m.Interface().(*taskqueuepb.TaskQueue); ok && queue.GetKind() == enumspb.TASK_QUEUE_KIND_STICKY {
		queue.Name = "recorder"
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Name() == "identity" && field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString("recorder"))
		case field.Message() == nil || field.IsMap():
		case field.IsList():
			for i := range value.List().Len() {
				anonymous(value.List().Get(i).Message())
			}
		default:
			anonymous(value.Message())
		}
		return true
	})
}

// latest finds the last execution of a workflow type that has ended.
func (s *set) latest(t *testing.T, kind string) []execution {
	t.Helper()
	var found []execution
	require.Eventually(t, func() bool {
		out, err := s.Client.Temporal().ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "WorkflowType = '" + kind + "' AND ExecutionStatus = 'Completed'",
		})
		require.NoError(t, err)
		if len(out.GetExecutions()) == 0 {
			return false
		}
		e := out.GetExecutions()[0].GetExecution()
		found = []execution{{e.GetWorkflowId(), e.GetRunId()}}
		return true
	}, time.Minute, 100*time.Millisecond)
	return found
}

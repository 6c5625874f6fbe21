package trust

import (
	"crypto/tls"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	updatepb "go.temporal.io/api/update/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/server/api/adminservice/v1"
	"go.temporal.io/server/common/api"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"fermata/access"
	"fermata/sandbox/certificates"
)

// call is one thing to try, as one role after the other.
type call struct {
	name string
	do   func(*testing.T, workflowservice.WorkflowServiceClient) error
	may  []string // The grants, by the names below, that Temporal itself answers.
}

var run = &commonpb.WorkflowExecution{WorkflowId: "server/web-01"}

func queue(name string) *taskqueuepb.TaskQueue { return &taskqueuepb.TaskQueue{Name: name} }

func start(id string) *workflowservice.StartWorkflowExecutionRequest {
	return &workflowservice.StartWorkflowExecutionRequest{
		Namespace: namespace, WorkflowId: id, WorkflowType: &commonpb.WorkflowType{Name: "ProvisionServer"}, TaskQueue: queue("fermata"), RequestId: id, Identity: "admin",
	}
}

// steering are the calls that change or end a run.
func steering() []call {
	type frontend = workflowservice.WorkflowServiceClient
	return []call{
		{"start", func(t *testing.T, f frontend) error {
			_, err := f.StartWorkflowExecution(limited(t), start(t.Name()))
			return err
		}, []string{"people", "root"}},
		{"signal", func(t *testing.T, f frontend) error {
			_, err := f.SignalWorkflowExecution(limited(t), &workflowservice.SignalWorkflowExecutionRequest{Namespace: namespace, WorkflowExecution: run, SignalName: "decide"})
			return err
		}, []string{"people", "root"}},
		{"update", func(t *testing.T, f frontend) error {
			_, err := f.UpdateWorkflowExecution(limited(t), &workflowservice.UpdateWorkflowExecutionRequest{
				Namespace: namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "nobody"},
				Request: &updatepb.Request{Meta: &updatepb.Meta{UpdateId: "1"}, Input: &updatepb.Input{Name: "decide"}},
			})
			return err
		}, []string{"people", "root"}},
		{"terminate", func(t *testing.T, f frontend) error {
			_, err := f.TerminateWorkflowExecution(limited(t), &workflowservice.TerminateWorkflowExecutionRequest{Namespace: namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "nobody"}})
			return err
		}, []string{"root"}},
		{"cancel", func(t *testing.T, f frontend) error {
			_, err := f.RequestCancelWorkflowExecution(limited(t), &workflowservice.RequestCancelWorkflowExecutionRequest{Namespace: namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "nobody"}})
			return err
		}, []string{"root"}},
		{"pause", func(t *testing.T, f frontend) error {
			_, err := f.PauseWorkflowExecution(limited(t), &workflowservice.PauseWorkflowExecutionRequest{Namespace: namespace, WorkflowId: "nobody"})
			return err
		}, []string{"root"}},
		{"delete", func(t *testing.T, f frontend) error {
			_, err := f.DeleteWorkflowExecution(limited(t), &workflowservice.DeleteWorkflowExecutionRequest{Namespace: namespace, WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "nobody"}})
			return err
		}, []string{"root"}},
		{"a standalone activity", func(t *testing.T, f frontend) error {
			_, err := f.StartActivityExecution(limited(t), standalone("compute.DestroyVM", "fermata.compute"))
			return err
		}, nil},
	}
}

// working are the calls of workers, and those that read.
func working() []call {
	type frontend = workflowservice.WorkflowServiceClient
	poll := func(name string) func(*testing.T, frontend) error {
		return func(t *testing.T, f frontend) error {
			_, err := f.PollActivityTaskQueue(short(t), &workflowservice.PollActivityTaskQueueRequest{Namespace: namespace, TaskQueue: queue(name)})
			return err
		}
	}
	return []call{
		{"the workflows' queue", func(t *testing.T, f frontend) error {
			_, err := f.PollWorkflowTaskQueue(short(t), &workflowservice.PollWorkflowTaskQueueRequest{Namespace: namespace, TaskQueue: queue("fermata.empty")})
			return err
		}, []string{"carrier"}},
		{"a queue of its site", poll("fermata.compute.berlin"), []string{"carrier", "berlin"}},
		{"a queue of another site", poll("fermata.compute.paris"), []string{"carrier"}},
		{"a partition of another site's", poll("/_sys/fermata.compute.paris/1"), nil},
		{"a workflow task's answer", func(t *testing.T, f frontend) error {
			_, err := f.RespondWorkflowTaskCompleted(limited(t), &workflowservice.RespondWorkflowTaskCompletedRequest{Namespace: namespace, TaskToken: []byte("?")})
			return err
		}, []string{"carrier"}},
		{"an activity's answer", func(t *testing.T, f frontend) error {
			_, err := f.RespondActivityTaskCompleted(limited(t), &workflowservice.RespondActivityTaskCompletedRequest{Namespace: namespace, TaskToken: []byte("?")})
			return err
		}, []string{"carrier", "berlin"}},
		{"an activity's answer without its token", func(t *testing.T, f frontend) error {
			_, err := f.RespondActivityTaskCompletedById(limited(t), &workflowservice.RespondActivityTaskCompletedByIdRequest{Namespace: namespace, WorkflowId: run.WorkflowId, ActivityId: "deploy"})
			return err
		}, nil},
		{"a list", func(t *testing.T, f frontend) error {
			_, err := f.ListWorkflowExecutions(limited(t), &workflowservice.ListWorkflowExecutionsRequest{Namespace: namespace})
			return err
		}, []string{"carrier", "people", "eyes", "screen", "root"}},
		{"a history", func(t *testing.T, f frontend) error {
			_, err := f.GetWorkflowExecutionHistory(limited(t), &workflowservice.GetWorkflowExecutionHistoryRequest{Namespace: namespace, Execution: run})
			return err
		}, []string{"carrier", "people", "eyes", "screen", "root"}},
		{"a list of another namespace", func(t *testing.T, f frontend) error {
			_, err := f.ListWorkflowExecutions(limited(t), &workflowservice.ListWorkflowExecutionsRequest{Namespace: "temporal-system"})
			return err
		}, nil},
		{"the namespace itself", func(t *testing.T, f frontend) error {
			_, err := f.DescribeNamespace(limited(t), &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
			return err
		}, []string{"carrier", "berlin", "people", "eyes", "screen", "root"}},
		{"all namespaces", func(t *testing.T, f frontend) error {
			_, err := f.ListNamespaces(limited(t), &workflowservice.ListNamespacesRequest{})
			return err
		}, []string{"screen", "root"}},
	}
}

// Every role tries everything. Who may gets an answer of Temporal's own, an error too; who may not is refused before.
func TestEveryRoleTriesEverything(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	roles := b.grant(t, map[string]string{
		"carrier": `role: workflows, queues: [fermata.empty, "fermata.*"]`, "berlin": `role: worker, queues: ["fermata.*.berlin"]`,
		"people": "role: operator, queues: [fermata]", "eyes": "role: reader", "screen": "role: ui", "root": "role: admin",
	})
	_, err := b.as(t, roles["people"]).StartWorkflowExecution(limited(t), start(run.WorkflowId))
	require.NoError(t, err)
	for _, c := range append(steering(), working()...) {
		for name, certificate := range roles {
			t.Run(c.name+" as "+name, func(t *testing.T) {
				t.Parallel()
				b.tries(t, c, name, certificate)
			})
		}
	}
}

func (b *bench) tries(t *testing.T, c call, name string, certificate *tls.Certificate) {
	err := c.do(t, b.as(t, certificate))
	allowed := false
	for _, may := range c.may {
		allowed = allowed || may == name
	}
	require.NotEqual(t, codes.Unavailable, status.Code(err), err)
	if allowed {
		require.NotEqual(t, codes.PermissionDenied, status.Code(err), err)
		return
	}
	require.Equal(t, codes.PermissionDenied, status.Code(err), err)
}

// Operators manage nothing of the cluster, and the admin of a namespace nothing beyond it.
func TestTheClusterIsForItsAdmin(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	roles := b.grant(t, map[string]string{"people": "role: operator", "eyes": "role: reader", "chief": "role: admin"})
	root := loaded(t, b.files.Admin)
	attribute := map[string]enumspb.IndexedValueType{"More": enumspb.INDEXED_VALUE_TYPE_KEYWORD}
	for name, certificate := range map[string]*tls.Certificate{"people": roles["people"], "eyes": roles["eyes"], "chief": roles["chief"], "root": root} {
		connection := dial(t, b.Address(), believing(t, b.files.Operator.Authority, certificate, "localhost"))
		_, err := operatorservice.NewOperatorServiceClient(connection).AddSearchAttributes(limited(t), &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: attribute})
		require.Equal(t, name == "people" || name == "eyes", status.Code(err) == codes.PermissionDenied, "%s: %v", name, err)
		_, err = operatorservice.NewOperatorServiceClient(connection).ListClusters(limited(t), &operatorservice.ListClustersRequest{})
		require.Equal(t, name != "root", status.Code(err) == codes.PermissionDenied, "%s: %v", name, err)
		_, err = adminservice.NewAdminServiceClient(connection).DescribeCluster(limited(t), &adminservice.DescribeClusterRequest{})
		require.Equal(t, name != "root", status.Code(err) == codes.PermissionDenied, "%s: %v", name, err)
		stream, err := adminservice.NewAdminServiceClient(connection).StreamWorkflowReplicationMessages(limited(t))
		require.NoError(t, err)
		_, err = stream.Recv()
		require.Error(t, err)
		require.Equal(t, name != "root", strings.Contains(err.Error(), "unauthorized"), "%s: %v", name, err)
	}
}

// What Temporal says of its APIs agrees with what the roles may: a reader gets nothing that Temporal calls a write.
func TestReadersGetNothingThatTemporalCallsAWrite(t *testing.T) {
	t.Parallel()
	for _, m := range workflowservice.WorkflowService_ServiceDesc.Methods {
		name := api.WorkflowServicePrefix + m.MethodName
		for _, role := range []access.Role{access.Reader, access.UI} {
			err := access.Grant{CommonName: "x", Role: role, Namespace: namespace}.Allow(access.Call{API: name, Namespace: namespace})
			if api.GetMethodMetadata(name).Access != api.AccessReadOnly {
				require.Error(t, err, "%s %s", role, name)
			}
		}
	}
}

// The event of a signal says whose certificate brought it, whatever the client calls itself.
func TestHistoriesTellWhoseCertificateItWas(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	people := b.as(t, loaded(t, b.files.Operator))
	_, err := people.StartWorkflowExecution(limited(t), start(run.WorkflowId))
	require.NoError(t, err)
	_, err = people.SignalWorkflowExecution(limited(t), &workflowservice.SignalWorkflowExecutionRequest{
		Namespace: namespace, WorkflowExecution: run, SignalName: "decide", Identity: "the chief",
	})
	require.NoError(t, err)
	h, err := people.GetWorkflowExecutionHistory(limited(t), &workflowservice.GetWorkflowExecutionHistoryRequest{Namespace: namespace, Execution: run})
	require.NoError(t, err)
	told := 0
	for _, e := range h.GetHistory().GetEvents() {
		if e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED || e.GetEventType() == enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			require.Equal(t, "certificate", e.GetPrincipal().GetType())
			require.Equal(t, certificates.URI("operator"), e.GetPrincipal().GetName())
			told++
		}
	}
	require.Equal(t, 2, told)
	require.WithinDuration(t, time.Now(), h.GetHistory().GetEvents()[0].GetEventTime().AsTime(), time.Minute)
}

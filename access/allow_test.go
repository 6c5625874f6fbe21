package access

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
)

// A new version of Temporal that brings an API is decided on here, by a person.
func TestEveryAPIOfTemporalIsDecidedOn(t *testing.T) {
	t.Parallel()
	known := map[string]bool{healthCheck: true}
	for _, m := range workflowservice.WorkflowService_ServiceDesc.Methods {
		known[workflowService+m.MethodName] = true
	}
	for _, m := range operatorservice.OperatorService_ServiceDesc.Methods {
		known[operatorService+m.MethodName] = true
	}
	require.Greater(t, len(known), 100, "Temporal's lists were found")
	for api := range known {
		require.Contains(t, may, api, "who may call it?")
	}
	for api := range may {
		require.Contains(t, known, api, "Temporal has no such API")
	}
	named := 0
	for _, groups := range [][]group{forWorkers(), forPeople(), forAdmins(), forNobody()} {
		for _, g := range groups {
			named += len(g.apis)
		}
	}
	require.Equal(t, len(may)-1, named, "an API stands in one group")
}

func grant(role Role) Grant {
	g := Grant{CommonName: string(role), Role: role, Namespace: "fermata"}
	if role == Worker || role == Workflows {
		g.Queues = []string{"fermata.compute.berlin"}
	}
	return g
}

// Who may do what changes something, or gives work away. Everybody else is refused.
func TestWhoMayChangeWhat(t *testing.T) {
	t.Parallel()
	for api, roles := range map[string][]Role{
		"StartWorkflowExecution":           {Operator, Admin},
		"SignalWorkflowExecution":          {Operator, Admin},
		"UpdateWorkflowExecution":          {Operator, Admin},
		"QueryWorkflow":                    {Operator, Reader, UI, Admin},
		"ListWorkflowExecutions":           {Workflows, Operator, Reader, UI, Admin},
		"GetWorkflowExecutionHistory":      {Workflows, Operator, Reader, UI, Admin},
		"RequestCancelWorkflowExecution":   {Admin},
		"ResetWorkflowExecution":           {Admin},
		"DeleteWorkflowExecution":          {Admin},
		"PauseWorkflowExecution":           {Admin},
		"UpdateWorkflowExecutionOptions":   {Admin},
		"UpdateActivityOptions":            {Admin},
		"StartBatchOperation":              {Admin},
		"CreateSchedule":                   {Admin},
		"UpdateNamespace":                  {Admin},
		"RespondWorkflowTaskCompleted":     {Workflows},
		"RespondQueryTaskCompleted":        {Workflows},
		"RespondActivityTaskCompleted":     {Workflows, Worker},
		"RecordActivityTaskHeartbeat":      {Workflows, Worker},
		"StartActivityExecution":           nil,
		"RespondActivityTaskCompletedById": nil,
		"SignalWithStartWorkflowExecution": {Operator, Admin},
		"ExecuteMultiOperation":            {Operator, Admin},
		"PollNexusTaskQueue":               nil,
		"NewInTheNextVersion":              nil,
	} {
		for _, role := range Roles() {
			err := grant(role).Allow(Call{API: workflowService + api, Namespace: "fermata"})
			if contains(roles, role) {
				require.NoError(t, err, "%s %s", role, api)
			} else {
				require.ErrorContains(t, err, "may not call "+api, "%s %s", role, api)
			}
		}
	}
}

func contains(roles []Role, role Role) bool {
	for _, r := range roles {
		if r == role {
			return true
		}
	}
	return false
}

func TestARoleEndsAtItsNamespace(t *testing.T) {
	t.Parallel()
	for _, namespace := range []string{"", "temporal-system", "Fermata", "fermata2", Everywhere} {
		for _, role := range Roles() {
			require.ErrorContains(t, grant(role).Allow(Call{API: workflowService + "DescribeNamespace", Namespace: namespace}), "namespace", "%s %q", role, namespace)
		}
	}
	require.NoError(t, grant(Reader).Allow(Call{API: workflowService + "GetClusterInfo"}))
	require.Error(t, grant(Reader).Allow(Call{API: workflowService + "GetClusterInfo", Namespace: "temporal-system"}))
	require.Error(t, grant(Reader).Allow(Call{API: workflowService + "ListNamespaces"}))
	require.NoError(t, grant(UI).Allow(Call{API: workflowService + "ListNamespaces"}))
}

func TestOnlyAnAdminOfEverythingReachesTheClusterItself(t *testing.T) {
	t.Parallel()
	root := Grant{CommonName: "root", Role: Admin, Namespace: Everywhere}
	for _, api := range []string{adminService + "DescribeMutableState", adminService + "StreamWorkflowReplicationMessages", operatorService + "AddOrUpdateRemoteCluster"} {
		require.NoError(t, root.Allow(Call{API: api}), api)
		for _, role := range Roles() {
			require.Error(t, grant(role).Allow(Call{API: api}), "%s %s", role, api)
		}
	}
	require.NoError(t, root.Allow(Call{API: workflowService + "RegisterNamespace", Namespace: "fermata"}))
	for _, api := range []string{workflowService + "PollActivityTaskQueue", workflowService + "StartActivityExecution", "/another.Service/Method", ""} {
		require.Error(t, root.Allow(Call{API: api, Namespace: "fermata"}), api)
	}
}

func queue(name string) *taskqueuepb.TaskQueue { return &taskqueuepb.TaskQueue{Name: name} }

func TestAWorkerPollsItsQueuesOnly(t *testing.T) {
	t.Parallel()
	poll := func(g Grant, q *taskqueuepb.TaskQueue) error {
		return g.Allow(Call{API: workflowService + "PollActivityTaskQueue", Namespace: "fermata", Request: &workflowservice.PollActivityTaskQueueRequest{TaskQueue: q}})
	}
	site := grant(Worker)
	require.NoError(t, poll(site, queue("fermata.compute.berlin")))
	for _, name := range []string{"fermata.compute", "fermata.compute.paris", "fermata", "/_sys/fermata.compute.berlin/1", ""} {
		require.ErrorContains(t, poll(site, queue(name)), "no right to task queue", name)
	}
	require.Error(t, poll(site, &taskqueuepb.TaskQueue{Name: "fermata.guest", NormalName: "fermata.compute.berlin", Kind: enumspb.TASK_QUEUE_KIND_STICKY}),
		"activities have no queue that stands for another")
	require.Error(t, poll(site, nil))
	site.Queues = []string{"fermata.*.berlin"}
	require.NoError(t, poll(site, queue("fermata.guest.berlin")))
	for _, name := range []string{"fermata", "fermata.guest", "fermata.guest.paris", "/_sys/fermata.guest.berlin/1", "fermata.guest.berlin/1", "fermata./.berlin"} {
		require.ErrorContains(t, poll(site, queue(name)), "no right to task queue", name)
	}
}

func TestAWorkerOfSystemsLooksAtItsQueuesOnly(t *testing.T) {
	t.Parallel()
	look := func(role Role, name string) error {
		return grant(role).Allow(Call{API: workflowService + "DescribeTaskQueue", Namespace: "fermata", Request: &workflowservice.DescribeTaskQueueRequest{TaskQueue: queue(name)}})
	}
	for _, name := range []string{"fermata.compute.berlin", "/_sys/fermata.compute.berlin/3"} {
		require.NoError(t, look(Worker, name), name)
	}
	for _, name := range []string{"fermata", "fermata.compute", "/_sys/fermata.compute.paris/3", "/_sys/", "/_sys/fermata.compute.berlin", ""} {
		require.ErrorContains(t, look(Worker, name), "no right to task queue", name)
		require.NoError(t, look(Reader, name), name)
	}
}

func TestAWorkflowsStickyQueueStandsForItsOwn(t *testing.T) {
	t.Parallel()
	poll := func(q *taskqueuepb.TaskQueue) error {
		g := Grant{CommonName: "w", Role: Workflows, Namespace: "fermata", Queues: []string{"fermata"}}
		return g.Allow(Call{API: workflowService + "PollWorkflowTaskQueue", Namespace: "fermata", Request: &workflowservice.PollWorkflowTaskQueueRequest{TaskQueue: q}})
	}
	require.NoError(t, poll(queue("fermata")))
	require.NoError(t, poll(&taskqueuepb.TaskQueue{Name: "host:1234", NormalName: "fermata", Kind: enumspb.TASK_QUEUE_KIND_STICKY}))
	require.Error(t, poll(&taskqueuepb.TaskQueue{Name: "host:1234", NormalName: "other", Kind: enumspb.TASK_QUEUE_KIND_STICKY}))
	require.Error(t, poll(&taskqueuepb.TaskQueue{Name: "other", NormalName: "fermata"}), "not a sticky one")
}

// The message says whose certificate it was and which role it has, so that a person can put it right.
func TestARefusalSaysWhy(t *testing.T) {
	t.Parallel()
	err := grant(Reader).Allow(Call{API: workflowService + "StartWorkflowExecution", Namespace: "fermata"})
	require.EqualError(t, err, "reader has the role reader, which may not call StartWorkflowExecution")
	require.False(t, strings.Contains(err.Error(), "temporal.api"))
}

package access

import "slices"

// The services that a frontend offers. Others (Temporal's AdminService) are for an admin of the whole cluster alone.
const (
	workflowService = "/temporal.api.workflowservice.v1.WorkflowService/"
	operatorService = "/temporal.api.operatorservice.v1.OperatorService/"
	adminService    = "/temporal.server.api.adminservice.v1.AdminService/"
	healthCheck     = "/grpc.health.v1.Health/Check"
)

// may says who may call an API. Every API of the two services stands in it, those that nobody may call too; a test holds it
// against Temporal's own list, so that an API which a new version brings is decided on by a person.
var may = table()

// group are APIs that the same roles may call.
type group struct {
	service string
	roles   []Role
	apis    []string
}

func table() map[string][]Role {
	all := map[string][]Role{healthCheck: Roles()}
	for _, g := range slices.Concat(forWorkers(), forPeople(), forAdmins(), forNobody()) {
		for _, api := range g.apis {
			all[g.service+api] = g.roles
		}
	}
	return all
}

func forWorkers() []group {
	return []group{
		{workflowService, Roles(), []string{"GetSystemInfo", "DescribeNamespace"}}, // Every client asks them first.
		{workflowService, []Role{Workflows, Worker}, []string{
			"PollActivityTaskQueue", "RecordActivityTaskHeartbeat", "RespondActivityTaskCompleted", "RespondActivityTaskFailed",
			"RespondActivityTaskCanceled", "RecordWorkerHeartbeat", "ShutdownWorker",
		}},
		{workflowService, []Role{Workflows}, []string{
			"PollWorkflowTaskQueue", "RespondWorkflowTaskCompleted", "RespondWorkflowTaskFailed", "RespondQueryTaskCompleted", "ResetStickyTaskQueue",
		}},
		// A worker of workflows reads the history that it does not have, and who holds a reservation.
		{workflowService, []Role{Workflows, Operator, Reader, UI, Admin}, []string{
			"GetWorkflowExecutionHistory", "GetWorkflowExecutionHistoryReverse", "DescribeWorkflowExecution",
			"ListWorkflowExecutions", // How many runs go on, for its metrics.
		}},
		// Who polls a queue. A worker of systems may ask it of its own: allow.go.
		{workflowService, Roles(), []string{"DescribeTaskQueue", "ListTaskQueuePartitions"}},
	}
}

func forPeople() []group {
	readers := []Role{Operator, Reader, UI, Admin}
	return []group{
		{workflowService, readers, []string{
			"ListOpenWorkflowExecutions", "ListClosedWorkflowExecutions", "ScanWorkflowExecutions",
			"ListArchivedWorkflowExecutions", "CountWorkflowExecutions", "QueryWorkflow", "PollWorkflowExecutionUpdate",
			"GetSearchAttributes", "GetClusterInfo", "DescribeSchedule", "ListSchedules", "ListScheduleMatchingTimes", "CountSchedules",
			"DescribeBatchOperation", "ListBatchOperations", "ListWorkers", "CountWorkers", "DescribeWorker", "ListWorkerDeployments",
			"DescribeWorkerDeployment", "DescribeWorkerDeploymentVersion", "GetWorkerBuildIdCompatibility", "GetWorkerVersioningRules",
			"GetWorkerTaskReachability", "DescribeDeployment", "ListDeployments", "GetDeploymentReachability", "GetCurrentDeployment",
			"DescribeWorkflowRule", "ListWorkflowRules", "ListActivityExecutions", "CountActivityExecutions", "DescribeActivityExecution",
			"PollActivityExecution", "ListNexusOperationExecutions", "CountNexusOperationExecutions", "DescribeNexusOperationExecution",
			"PollNexusOperationExecution", "PollWorkflowExecutionTimeSkipping",
		}},
		{operatorService, readers, []string{"ListSearchAttributes"}},
		{workflowService, []Role{UI, Admin}, []string{"ListNamespaces"}},
		// Runs believe a signed command only, whoever brings it. What an operator may send in them: operator.go.
		{workflowService, []Role{Operator, Admin}, []string{
			"StartWorkflowExecution", "SignalWorkflowExecution", "UpdateWorkflowExecution", "SignalWithStartWorkflowExecution", "ExecuteMultiOperation",
			"TerminateWorkflowExecution",
		}},
	}
}

func forAdmins() []group {
	admin := []Role{Admin}
	return []group{
		// What ends, changes or takes back a run, past its own undo.
		{workflowService, admin, []string{
			"RequestCancelWorkflowExecution", "ResetWorkflowExecution", "DeleteWorkflowExecution", "PauseWorkflowExecution", "UnpauseWorkflowExecution",
			"UpdateWorkflowExecutionOptions", "PauseActivity", "UnpauseActivity", "ResetActivity", "UpdateActivityOptions",
			"StartBatchOperation", "StopBatchOperation",
		}},
		{workflowService, admin, []string{"CreateSchedule", "UpdateSchedule", "PatchSchedule", "DeleteSchedule"}},
		{workflowService, admin, []string{"RegisterNamespace", "UpdateNamespace", "DeprecateNamespace", "UpdateTaskQueueConfig", "FetchWorkerConfig", "UpdateWorkerConfig"}},
		{workflowService, admin, []string{
			"UpdateWorkerBuildIdCompatibility", "UpdateWorkerVersioningRules", "SetCurrentDeployment", "SetWorkerDeploymentCurrentVersion",
			"SetWorkerDeploymentRampingVersion", "SetWorkerDeploymentManager", "CreateWorkerDeployment", "DeleteWorkerDeployment",
			"CreateWorkerDeploymentVersion", "DeleteWorkerDeploymentVersion", "UpdateWorkerDeploymentVersionMetadata",
			"UpdateWorkerDeploymentVersionComputeConfig", "ValidateWorkerDeploymentVersionComputeConfig",
		}},
		// What would be left of standalone activities that were started before they were switched off.
		{workflowService, admin, []string{"RequestCancelActivityExecution", "TerminateActivityExecution", "DeleteActivityExecution"}},
		{operatorService, admin, []string{
			"AddSearchAttributes", "RemoveSearchAttributes", "DeleteNamespace", "ListClusters", "AddOrUpdateRemoteCluster", "RemoveRemoteCluster",
			"ListNexusEndpoints", "GetNexusEndpoint", "CreateNexusEndpoint", "UpdateNexusEndpoint", "DeleteNexusEndpoint",
		}},
	}
}

// forNobody is what Fermata does not use and what would be a way round it: an activity that belongs to no run, an answer
// for an activity without the token of who polled it, a rule or a Nexus call that acts by itself.
func forNobody() []group {
	return []group{{workflowService, nil, []string{
		"StartActivityExecution", "PauseActivityExecution", "UnpauseActivityExecution", "ResetActivityExecution", "UpdateActivityExecutionOptions",
		"RecordActivityTaskHeartbeatById", "RespondActivityTaskCompletedById", "RespondActivityTaskFailedById", "RespondActivityTaskCanceledById",
		"StartNexusOperationExecution", "RequestCancelNexusOperationExecution", "TerminateNexusOperationExecution", "DeleteNexusOperationExecution",
		"PollNexusTaskQueue", "RespondNexusTaskCompleted", "RespondNexusTaskFailed",
		"CreateWorkflowRule", "DeleteWorkflowRule", "TriggerWorkflowRule",
	}}}
}

// clusterWide are the reads that name no namespace and that readers of a namespace need.
var clusterWide = map[string]bool{
	healthCheck:                             true,
	workflowService + "GetSystemInfo":       true,
	workflowService + "GetClusterInfo":      true,
	workflowService + "GetSearchAttributes": true,
	workflowService + "ListNamespaces":      true,
}

package worker

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	temporal "go.temporal.io/sdk/client"
)

// mayWork asks Temporal whether the worker's certificate lets it work at all. Without that, it would poll in vain for ever, and
// people would be told that there is no worker. Any other answer is good: Temporal may not take heartbeats.
func mayWork(ctx context.Context, t temporal.Client, namespace string) error {
	_, err := t.WorkflowService().RecordWorkerHeartbeat(ctx, &workflowservice.RecordWorkerHeartbeatRequest{Namespace: namespace})
	var denied *serviceerror.PermissionDenied
	if errors.As(err, &denied) {
		return fmt.Errorf("asking Temporal for work in namespace %q: it refuses this certificate (spec.temporal.tls): %w %s", namespace, err, denied.Reason)
	}
	return nil
}

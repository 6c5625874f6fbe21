package crash

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/converter"

	"fermata/activities/operation"
	"fermata/client"
	"fermata/sandbox"
	"fermata/spec"
	"fermata/testsuite/judge"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// anInstance is one that the suite provisions.
type anInstance struct {
	called string
	spec   *spec.Instance
}

// numberedInstance is the example that users start from, under names of its own: what it is called in the directory, in the
// database server and in the store of passwords is nobody else's.
func numberedInstance(t *testing.T, n int) *anInstance {
	t.Helper()
	file := filepath.Join(stage.Root(t), "examples", "instance.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	i := &anInstance{called: fmt.Sprintf("app-%03d", n)}
	table := strings.ReplaceAll(i.called, "-", "_")
	text := strings.NewReplacer("app-01", i.called, "name: shop", "name: "+table, "role: shop", "role: "+table, "10GiB", "1GiB").Replace(string(data))
	i.spec, err = spec.ParseInstance(file, []byte(text))
	require.NoError(t, err)
	i.spec.Spec.Database.Overlap = spec.Duration(time.Second)
	return i
}

func (i *anInstance) name() string { return i.called }

func (i *anInstance) target(p process) string {
	if p == wire.ExpireAccount {
		return wire.ExpiryWorkflowID(operation.Owner(wire.InstanceWorkflowID(i.called)), "local", "anna")
	}
	return wire.InstanceWorkflowID(i.called)
}

func (i *anInstance) request(p process, grace time.Duration) (client.Request, error) {
	switch p {
	case wire.ProvisionInstance:
		return client.ProvisionInstance(i.spec)
	case wire.RotateDatabasePassword, rotationAgain:
		return client.RotateDatabasePassword(i.called)
	case archiving:
		return client.DecommissionInstance(i.called, &grace, spec.DatabaseArchive)
	}
	return client.DecommissionInstance(i.called, &grace, spec.DatabaseDrop)
}

func (i *anInstance) facts(ctx context.Context, j *judge.Judge) ([]string, error) {
	return j.InstanceFacts(ctx, i.called)
}

// served is true: nothing in the estate asks for an instance's health by itself.
func (*anInstance) served([]string) bool { return true }

// expire lets the time of the instance's local account be over now, as if all the years had passed, and waits until that is done.
func (b *bench) expire(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	temporal := b.admin.Temporal()
	asked := false
	var trouble error
	waiting := every(ctx, glance, func() bool {
		d, err := temporal.DescribeWorkflowExecution(ctx, id, "")
		if trouble = err; err != nil {
			return false
		}
		if !asked {
			var now wire.Expiry
			if now, trouble = b.waitsFor(ctx, id); trouble == nil {
				now.At = time.Now()
				trouble = temporal.SignalWorkflow(ctx, id, "", wire.SignalExpiry, now)
				asked = trouble == nil
			}
		}
		return d.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_COMPLETED
	})
	if waiting != nil {
		return fmt.Errorf("%s does not end: %w (%w)", id, trouble, waiting)
	}
	return nil
}

// waitsFor reads what a workflow was started with that waits for the end of an account.
func (b *bench) waitsFor(ctx context.Context, id string) (in wire.Expiry, err error) {
	history := b.admin.Temporal().GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	first, err := history.Next()
	if err != nil {
		return in, err
	}
	own := converter.WithDataConverterSerializationContext(b.data, converter.WorkflowSerializationContext{Namespace: sandbox.Namespace, WorkflowID: id})
	return in, own.FromPayloads(first.GetWorkflowExecutionStartedEventAttributes().GetInput(), &in)
}

// generous lets the cloud have as many instances as the suite wants.
func (b *bench) generous(t *testing.T) {
	t.Helper()
	for _, quota := range []string{"instances", "cores", "ram", "volumes", "gigabytes", "security_group", "floatingip"} {
		require.NoError(t, b.Estate.Cloud.Allow(quota, -1))
	}
}

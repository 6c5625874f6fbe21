package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	"fermata/sandbox/estate"
	"fermata/sandbox/estate/guest"
)

// places are all where a secret might have been left, by name.
type places map[string][]byte

// files adds every file below the sandbox's folder: databases, write-ahead logs, logs, records, the systems' state.
func (p places) files(t *testing.T, folder string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		p["file "+name], err = os.ReadFile(path)
		return err
	}))
}

// systems adds what the emulators hold in memory and what they show: all properties of all machines (ExtraConfig, notes,
// tasks), tickets, journals, and every command line that ran on a host, with its environment.
func (p places) systems(t *testing.T, b *bench) {
	t.Helper()
	vms, tasks := b.inventory(t)
	for _, vm := range vms {
		p.document(t, "vCenter: "+vm.Name, vm)
	}
	p.document(t, "vCenter: tasks", tasks)
	p.document(t, "tickets", b.Estate.Tickets.Tickets())
	hosts := map[string]*guest.Machine{"edge": b.Estate.Edge, "balancer": b.Estate.Balancer}
	for _, vm := range vms {
		if m := b.Estate.Guest(vm.Config.InstanceUuid); m != nil {
			hosts[vm.Name] = m
		}
	}
	for name, m := range hosts {
		p[name+": command lines"] = []byte(strings.Join(m.Executed(), "\n"))
		if m.Running() {
			shown, _ := m.Exec(t.Context(), "journalctl --no-pager; ps -ef; cat /root/.*history /home/*/.*history")
			p[name+": journal"] = []byte(shown)
		}
	}
}

func (p places) document(t *testing.T, name string, v any) {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	p[name] = data
}

// inventory reads every property of every machine, and of the tasks that the vCenter remembers.
func (b *bench) inventory(t *testing.T) (vms []mo.VirtualMachine, tasks []mo.Task) {
	t.Helper()
	ctx := context.Background()
	u, err := url.Parse(b.Estate.VCenter.URL())
	require.NoError(t, err)
	password, err := os.ReadFile(filepath.Join(b.Folder, "secrets", "vcenter-password"))
	require.NoError(t, err)
	u.User = url.UserPassword(estate.VCenterUser, string(password))
	c, err := govmomi.NewClient(ctx, u, true)
	require.NoError(t, err)
	defer func() { _ = c.Logout(ctx) }()
	v, err := view.NewManager(c.Client).CreateContainerView(ctx, c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	require.NoError(t, err)
	require.NoError(t, v.Retrieve(ctx, []string{"VirtualMachine"}, nil, &vms))
	var manager mo.TaskManager
	require.NoError(t, c.RetrieveOne(ctx, *c.ServiceContent.TaskManager, []string{"recentTask"}, &manager))
	if len(manager.RecentTask) > 0 {
		require.NoError(t, c.Retrieve(ctx, manager.RecentTask, []string{"info"}, &tasks))
	}
	return vms, tasks
}

// temporal adds everything that Temporal would tell: search attributes, memos and whole histories, sealed as they are and
// opened with the installation's keys.
func (p places) temporal(t *testing.T, b *bench, open func([]*commonpb.Payload) ([]*commonpb.Payload, error)) {
	t.Helper()
	ctx := t.Context()
	runs, err := b.Client.Temporal().ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1000})
	require.NoError(t, err)
	require.NotEmpty(t, runs.GetExecutions())
	for _, e := range runs.GetExecutions() {
		name := "history of " + e.GetExecution().GetWorkflowId() + " " + e.GetExecution().GetRunId()
		described, err := b.Client.Temporal().DescribeWorkflowExecution(ctx, e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId())
		require.NoError(t, err)
		p.message(t, name+" (described)", described, open)
		history := b.Client.Temporal().GetWorkflowHistory(ctx, e.GetExecution().GetWorkflowId(), e.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		var all bytes.Buffer
		for history.HasNext() {
			event, err := history.Next()
			require.NoError(t, err)
			p.message(t, "event", event, open)
			all.Write(p["event"])
		}
		delete(p, "event")
		p[name] = all.Bytes()
	}
}

func (p places) message(t *testing.T, name string, m proto.Message, open func([]*commonpb.Payload) ([]*commonpb.Payload, error)) {
	t.Helper()
	sealed, err := proto.Marshal(m)
	require.NoError(t, err)
	all := bytes.NewBuffer(sealed)
	require.NoError(t, proxy.VisitPayloads(t.Context(), m, proxy.VisitPayloadsOptions{
		Visitor: func(_ *proxy.VisitPayloadsContext, payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
			opened, err := open(payloads)
			for _, one := range opened {
				all.WriteByte('\n')
				all.Write(one.GetData())
			}
			return payloads, err
		},
	}))
	p[name] = all.Bytes()
}

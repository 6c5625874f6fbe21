package scenarios

import (
	"context"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/mo"

	"fermata/sandbox/estate"
	"fermata/sandbox/estate/guest"
	"fermata/testsuite/canary"
)

// moment is the search at one moment, whose name all its places begin with.
type moment struct {
	*canary.Search
	when string
}

// systems looks into what the emulators hold in memory and what they show: all properties of all machines (ExtraConfig, notes,
// tasks), tickets, journals, and every command line that ran on a host, with its environment.
func (m moment) systems(t *testing.T, b *bench) {
	t.Helper()
	vms, tasks := b.inventory(t)
	for _, vm := range vms {
		m.Document(t, m.when+"vCenter: "+vm.Name, vm)
	}
	m.Document(t, m.when+"vCenter: tasks", tasks)
	m.Document(t, m.when+"tickets", b.Estate.Tickets.Tickets())
	hosts := map[string]*guest.Machine{"edge": b.Estate.Edge, "balancer": b.Estate.Balancer}
	for _, vm := range vms {
		if host := b.Estate.Guest(vm.Config.InstanceUuid); host != nil {
			hosts[vm.Name] = host
		}
	}
	maps.Copy(hosts, b.Estate.Instances.Machines())
	for name, host := range hosts {
		m.Look(m.when+name+": command lines", []byte(strings.Join(host.Executed(), "\n")))
		if host.Running() {
			shown, _ := host.Exec(t.Context(), "journalctl --no-pager; ps -ef; cat /root/.*history /home/*/.*history")
			m.Look(m.when+name+": journal", []byte(shown))
		}
	}
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

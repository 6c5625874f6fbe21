package bench

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"golang.org/x/sync/errgroup"

	"fermata/sandbox/estate"
	"fermata/sandbox/estate/vcenter"
)

const (
	machines   = 100
	goroutines = 10
)

// cloned is how long a program takes that clones so many machines with that many goroutines, and does nothing else: it
// forgets all when it dies.
func (x *bench) cloned(b *testing.B) time.Duration {
	b.Helper()
	c := x.vcenter(b)
	finder := find.NewFinder(c.Client)
	dc, err := finder.Datacenter(b.Context(), vcenter.Datacenter)
	require.NoError(b, err)
	finder.SetDatacenter(dc)
	template, err := finder.VirtualMachine(b.Context(), vcenter.CloudTemplate)
	require.NoError(b, err)
	folder, err := finder.Folder(b.Context(), vcenter.ServersFolder)
	require.NoError(b, err)
	pool, err := finder.ResourcePool(b.Context(), vcenter.Cluster+"/Resources")
	require.NoError(b, err)
	where := types.VirtualMachineRelocateSpec{Pool: types.NewReference(pool.Reference())}
	var group errgroup.Group
	group.SetLimit(goroutines)
	began := time.Now()
	for n := range machines {
		group.Go(func() error { return clone(b, template, folder, fmt.Sprintf("clone-%03d", n), where) })
	}
	require.NoError(b, group.Wait())
	return time.Since(began)
}

func clone(b *testing.B, template *object.VirtualMachine, folder *object.Folder, name string, where types.VirtualMachineRelocateSpec) error {
	b.Helper()
	task, err := template.Clone(b.Context(), folder, name, types.VirtualMachineCloneSpec{Location: where})
	if err != nil {
		return fmt.Errorf("cloning %s: %w", name, err)
	}
	return task.Wait(b.Context())
}

// vcenter is a session of the sandbox's vCenter that belongs to nobody else.
func (x *bench) vcenter(b *testing.B) *govmomi.Client {
	b.Helper()
	address, err := soap.ParseURL(x.Estate.VCenter.URL())
	require.NoError(b, err)
	password, err := os.ReadFile(filepath.Join(x.Folder, "secrets", "vcenter-password"))
	require.NoError(b, err)
	transport := soap.NewClient(address, false)
	require.NoError(b, transport.SetRootCAs(x.Estate.VCenter.CAFile()))
	c, err := vim25.NewClient(b.Context(), transport)
	require.NoError(b, err)
	client := &govmomi.Client{Client: c, SessionManager: session.NewManager(c)}
	require.NoError(b, client.Login(b.Context(), url.UserPassword(estate.VCenterUser, strings.TrimSpace(string(password)))))
	return client
}

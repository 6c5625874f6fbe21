package ec2_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/operation"
	"fermata/integrations/ec2"
	emulator "fermata/sandbox/estate/ec2"
	"fermata/sandbox/estate/machine"
)

// guests are machines that remember what was asked of them.
type guests struct {
	mu     sync.Mutex
	boots  []machine.Machine
	disks  [][]machine.Disk
	ended  []string
	silent bool // They never come up.
}

func (g *guests) Boot(_ context.Context, m machine.Machine) ([]string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.boots = append(g.boots, m)
	if g.silent {
		return nil, errors.New("there is no disk to boot from")
	}
	return []string{peopleKey}, nil
}

func (g *guests) Shutdown(id string) error { return g.end("shutdown " + id) }

func (g *guests) Destroy(id string) error { return g.end("destroy " + id) }

func (g *guests) end(what string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = append(g.ended, what)
	return nil
}

func (g *guests) SetDisks(_ string, disks []machine.Disk) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.disks = append(g.disks, disks)
	return nil
}

func startSilent(t *testing.T) bench {
	t.Helper()
	return start(t, func(o *emulator.Options) { o.Guests = &guests{silent: true} })
}

// provisionOnce makes a group and an instance in it.
func provisionOnce(t *testing.T, d *ec2.Driver) (cloud.Instance, error) {
	t.Helper()
	p := &operation.Memory{}
	planned, err := d.Plan(t.Context(), planRequest())
	require.NoError(t, err)
	group, err := d.EnsureGroup(t.Context(), step("group"), "web-01", p)
	require.NoError(t, err)
	request := cloud.Request{Name: "web-01", Placement: planned.Placement, GroupID: group.ID, UserData: "#cloud-config\n"}
	return d.EnsureInstance(t.Context(), step("instance"), request, p)
}

// TestGuests: machines behind instances are booted with what they need to know, see their disks by serial, and go with them.
func TestGuests(t *testing.T) {
	t.Parallel()
	g := &guests{}
	b := start(t, func(o *emulator.Options) { o.Guests = g })
	driver, p := open(t, b.config()), &operation.Memory{}
	made, err := provisionOnce(t, driver)
	require.NoError(t, err)
	require.Len(t, made.HostKeys, 1)
	require.Contains(t, peopleKey, made.HostKeys[0])
	booted := g.boots[0]
	require.Equal(t, []string{made.ID, "web-01", made.Addresses[0], "#cloud-config\n"}, []string{booted.ID, booted.Name, booted.Address.String(), booted.UserData})
	disk, err := driver.EnsureVolume(t.Context(), step("volume"), made.ID, data(), "", p)
	require.NoError(t, err)
	require.Equal(t, []machine.Disk{{ID: disk.ID, Serial: disk.Serial, Bytes: 2 << 30}}, g.disks[0])
	require.Regexp(t, `^vol[0-9a-f]{17}$`, disk.Serial)
	_, err = driver.Stop(t.Context(), step("stop"), made.ID, p)
	require.NoError(t, err)
	_, err = driver.Start(t.Context(), step("start"), made.ID, p)
	require.NoError(t, err)
	require.NoError(t, remove(t.Context(), driver))
	require.Equal(t, []string{"shutdown " + made.ID, "destroy " + made.ID}, g.ended)
	require.Len(t, g.boots, 2)
}

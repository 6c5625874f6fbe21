package openstack_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/cloud/cloudtest"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
	"fermata/integrations/openstack"
	"fermata/sandbox/estate/faults"
	emulator "fermata/sandbox/estate/openstack"
	"fermata/spec"
)

const (
	password  = "correct-horse-battery"
	project   = "fermata"
	peopleKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f people"
)

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	*emulator.Server
	faults *faults.Faults
}

func options(folder string) emulator.Options {
	return emulator.Options{
		Folder:      folder,
		Users:       []emulator.User{{Name: "fermata", Password: password, Project: project}, {Name: "blind", Password: password, Project: project, Denied: []string{"network"}}},
		Credentials: []emulator.Credential{{ID: "4a1c", Secret: password, Project: project}},
		Images:      []emulator.Image{{Name: "debian-12", MinDisk: 2, MinRAM: 256}, {Name: "huge", MinRAM: 1 << 20}},
		Flavors:     []emulator.Flavor{{Name: "m1.small", CPUs: 1, Memory: 2048, GiB: 20}, {Name: "m1.large", CPUs: 4, Memory: 8192, GiB: 80}},
		KeyPairs:    []emulator.KeyPair{{Name: "people", PublicKey: peopleKey}},
		Networks: []emulator.Network{
			{Name: "private", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.30.0.0/24")}},
			{Name: "public", Prefixes: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, External: true},
		},
		Quotas: map[string]int{"instances": 20, "cores": 40, "ram": 51200, "volumes": 20, "gigabytes": 1000, "security_group": 30, "security_group_rule": 200, "floatingip": 20, "port": 50},
	}
}

func start(t *testing.T, change func(*emulator.Options)) bench {
	t.Helper()
	b := bench{faults: &faults.Faults{}}
	o := options(t.TempDir())
	o.Faults = b.faults
	if change != nil {
		change(&o)
	}
	var err error
	b.Server, err = emulator.Start(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func (b bench) config() openstack.Config {
	c := openstack.DefaultConfig()
	c.URL, c.Region, c.Username, c.Password, c.Project = b.URL(), "RegionOne", "fermata", "secret://test/password", project
	c.Poll = spec.Duration(5 * time.Millisecond)
	c.HTTP = httpx.Config{CA: b.CAFile(), Proxy: httpx.NoProxy}
	return c
}

func open(t *testing.T, c openstack.Config) *openstack.Driver {
	t.Helper()
	d, err := openstack.New(c, secrets{"password": password, "wrong": "not-the-password-at-all"}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	return d
}

// calls are what the suite's calls are in OpenStack.
var calls = map[cloudtest.Call]string{
	cloudtest.MakeGroup: emulator.MakeGroup, cloudtest.RemoveGroup: emulator.RemoveGroup, cloudtest.MakeInstance: emulator.MakeServer,
	cloudtest.RemoveInstance: emulator.RemoveServer, cloudtest.StopInstance: emulator.StopServer, cloudtest.StartInstance: emulator.StartServer,
	cloudtest.MakeVolume: emulator.MakeVolume, cloudtest.AttachVolume: emulator.Attach, cloudtest.DetachVolume: emulator.Detach,
	cloudtest.RemoveVolume: emulator.RemoveVolume, cloudtest.TakeAddress: emulator.MakeFloating, cloudtest.GiveBack: emulator.RemoveFloating,
}

var quotas = map[cloudtest.Resource]string{
	cloudtest.Instances: "instances", cloudtest.Groups: "security_group", cloudtest.Volumes: "volumes", cloudtest.Addresses: "floatingip",
}

const nothing = "11111111-1111-1111-1111-111111111111"

func site(t *testing.T) cloudtest.Site {
	b := start(t, nil)
	return cloudtest.Site{
		Emulated: true, HasVolumes: true, HostKeys: true, Secret: "not-the-password-at-all", NoInstance: nothing,
		Names:         cloud.PlanRequest{Image: "debian-12", Flavor: "m1.small", Network: "private", Public: "public", Zone: "nova", KeyPair: "people"},
		FreeAddresses: [2]string{"10.30.0.201", "10.30.0.202"},
		NoSuch:        cloud.Placement{Image: cloud.Ref{ID: nothing}, Flavor: cloud.Ref{ID: nothing}, Network: cloud.Ref{ID: nothing}},
		Open:          func(t *testing.T) cloud.Cloud { return open(t, b.config()) },
		OpenWrong: func(t *testing.T) cloud.Cloud {
			c := b.config()
			c.Password = "secret://test/wrong"
			return open(t, c)
		},
		Count: func(*testing.T) cloudtest.Counted {
			n := b.Count()
			return cloudtest.Counted{Instances: n.Servers, Groups: n.Groups, Disks: n.Volumes, Addresses: n.Floating, Others: n.Ports}
		},
		Ingress: func(_ *testing.T, groupID string) (list []string) {
			for _, r := range b.Rules(groupID) {
				if r.Direction == "ingress" {
					list = append(list, r.Remote)
				}
			}
			return list
		},
		Egress: func(_ *testing.T, groupID string) bool {
			n := 0
			for _, r := range b.Rules(groupID) {
				if r.Direction == "egress" && r.Remote == "" && r.Protocol == "" {
					n++
				}
			}
			return n == 2
		},
		UserData: func(t *testing.T, id string) string { return shown(t, b, id).UserData },
		Tags:     func(t *testing.T, id string) map[string]string { return shown(t, b, id).Metadata },
		GroupsOf: func(t *testing.T, id string) []string { return shown(t, b, id).Groups },
		Leads:    func(_ *testing.T, address string) string { return b.Leads(address) },
		Foreign:  func(t *testing.T, name string) string { return foreign(t, b, name) },
		Twin:     func(t *testing.T) { require.NoError(t, b.AddImage(emulator.Image{Name: "debian-12"})) },
		Lose:     func(call cloudtest.Call) { b.Lose(calls[call]) },
		Throttle: func() time.Duration { b.ThrottleNext(30 * time.Second); return 30 * time.Second },
		Storm:    func(throttle, lose int) { b.Storm(throttle, lose, 0) },
		Delay:    func(_ cloudtest.Call, d time.Duration) { b.Build(d) },
		Fill:     func(t *testing.T, r cloudtest.Resource) { require.NoError(t, b.Fill(project, quotas[r])) },
		GiveUp:   b.GiveUp, Expire: b.ExpireTokens, Down: b.faults.SetDown,
	}
}

func shown(t *testing.T, b bench, id string) emulator.ServerShown {
	t.Helper()
	v, there := b.Show(id)
	require.True(t, there, "server %s", id)
	return v
}

func TestConformance(t *testing.T) {
	t.Parallel()
	cloudtest.Run(t, cloudtest.Bench{Open: site})
}

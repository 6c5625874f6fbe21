package ec2_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/cloud/cloudtest"
	"fermata/activities/secret"
	"fermata/integrations/ec2"
	"fermata/integrations/httpx"
	emulator "fermata/sandbox/estate/ec2"
	"fermata/sandbox/estate/faults"
	"fermata/spec"
)

const (
	keyID     = "AKIAFERMATAEXAMPLE00"
	blindID   = "AKIABLINDEXAMPLE0000"
	secretKey = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"
	wrongKey  = "notTheKeyNotTheKeyNotTheKeyNotTheKey0000"
	vendor    = "210987654321" // An account whose images are used.
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
		Folder: folder,
		Users: []emulator.User{
			{AccessKeyID: keyID, SecretAccessKey: secretKey},
			{AccessKeyID: blindID, SecretAccessKey: secretKey, Denied: []string{"*SecurityGroup*"}},
		},
		Images: []emulator.Image{{Name: "debian-12"}, {Name: "debian-12-arm64", Architecture: "arm64"}, {Name: "keeper", KeepsRoot: true}},
		Types:  []emulator.Type{{Name: "t3.small", CPUs: 2, Memory: 2048}, {Name: "m7g.large", CPUs: 2, Memory: 8192, Architecture: "arm64"}, {Name: "g5.xlarge", CPUs: 4, Memory: 16384}},
		Subnets: []emulator.Subnet{
			{Name: "private", Zone: "eu-central-1a", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.30.0.0/24")}},
			{Name: "other", Zone: "eu-central-1b", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.31.0.0/24")}},
		},
		KeyPairs: []emulator.KeyPair{{Name: "people", PublicKey: peopleKey}},
		Pools:    []emulator.Pool{{Name: "brought", Prefix: netip.MustParsePrefix("203.0.113.0/24")}},
		Quotas:   map[string]int{"cpus": 32, "addresses": 20, "groups": 30, "volumes": 30},
		PageSize: 2,
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

func (b bench) config() ec2.Config {
	c := ec2.DefaultConfig()
	c.Region, c.AccessKeyID, c.SecretAccessKey, c.VPC = "eu-central-1", keyID, "secret://test/key", b.VPC()
	c.Endpoint, c.QuotasEndpoint, c.ImageOwners = b.URL(), b.URL(), []string{"self", vendor}
	c.Poll, c.Settle = spec.Duration(5*time.Millisecond), spec.Duration(300*time.Millisecond)
	c.HTTP = httpx.Config{CA: b.CAFile(), Proxy: httpx.NoProxy}
	return c
}

func open(t *testing.T, c ec2.Config) *ec2.Driver {
	t.Helper()
	d, err := ec2.New(c, secrets{"key": secretKey, "wrong": wrongKey}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	return d
}

// calls are what the suite's calls are in EC2.
var calls = map[cloudtest.Call]string{
	cloudtest.MakeGroup: emulator.CreateGroup, cloudtest.RemoveGroup: emulator.DeleteGroup, cloudtest.MakeInstance: emulator.RunInstances,
	cloudtest.RemoveInstance: emulator.Terminate, cloudtest.StopInstance: emulator.StopInstances, cloudtest.StartInstance: emulator.StartInstances,
	cloudtest.MakeVolume: emulator.CreateVolume, cloudtest.AttachVolume: emulator.AttachVolume, cloudtest.DetachVolume: emulator.DetachVolume,
	cloudtest.RemoveVolume: emulator.DeleteVolume, cloudtest.TakeAddress: emulator.AllocateAddress, cloudtest.GiveBack: emulator.ReleaseAddress,
}

var quotas = map[cloudtest.Resource]string{
	cloudtest.Instances: "cpus", cloudtest.Groups: "groups", cloudtest.Volumes: "volumes", cloudtest.Addresses: "addresses",
}

func site(t *testing.T) cloudtest.Site {
	b := start(t, nil)
	return cloudtest.Site{
		Emulated: true, HasVolumes: true, HostKeys: true, Secret: wrongKey, NoInstance: "i-11111111111111111",
		Names:         cloud.PlanRequest{Image: "debian-12", Flavor: "t3.small", Network: "private", Public: "amazon", Zone: "eu-central-1a", KeyPair: "people"},
		FreeAddresses: [2]string{"10.30.0.201", "10.30.0.202"},
		NoSuch: cloud.Placement{
			Image: cloud.Ref{ID: "ami-11111111111111111"}, Flavor: cloud.Ref{ID: "t9.none"}, Network: cloud.Ref{ID: "subnet-11111111111111111"},
		},
		Open: func(t *testing.T) cloud.Cloud { return open(t, b.config()) },
		OpenWrong: func(t *testing.T) cloud.Cloud {
			c := b.config()
			c.SecretAccessKey = "secret://test/wrong"
			return open(t, c)
		},
		Count: func(*testing.T) cloudtest.Counted { return b.counted() },
		Ingress: func(_ *testing.T, groupID string) (list []string) {
			for _, r := range b.Rules(groupID) {
				if !r.Egress {
					list = append(list, r.Source)
				}
			}
			return list
		},
		Egress: func(_ *testing.T, groupID string) bool {
			for _, r := range b.Rules(groupID) {
				if r.Egress && r.Source == "0.0.0.0/0" && r.Protocol == "-1" {
					return true
				}
			}
			return false
		},
		UserData: func(t *testing.T, id string) string { return shown(t, b, id).UserData },
		Tags:     func(t *testing.T, id string) map[string]string { return shown(t, b, id).Tags },
		GroupsOf: func(t *testing.T, id string) []string { return shown(t, b, id).Groups },
		Leads:    func(_ *testing.T, address string) string { return b.Leads(address) },
		Foreign:  func(t *testing.T, name string) string { return foreign(t, b, name) },
		Twin:     func(t *testing.T) { require.NoError(t, b.AddImage(emulator.Image{Name: "debian-12", Owner: vendor})) },
		Lose:     func(call cloudtest.Call) { b.Lose(calls[call]) },
		Throttle: func() time.Duration { b.ThrottleNext(); return 5 * time.Second },
		Storm:    b.Storm,
		Delay:    func(_ cloudtest.Call, d time.Duration) { b.Pending(d) },
		Fill:     func(t *testing.T, r cloudtest.Resource) { require.NoError(t, b.Fill(quotas[r])) },
		GiveUp:   b.GiveUp, Down: b.faults.SetDown,
	}
}

// counted counts an instance that EC2 gave up as long as it carries a key: it stays for a person to look at.
func (b bench) counted() cloudtest.Counted {
	n := b.Count()
	for _, failed := range b.GivenUp() {
		if failed.Tags["fermata:key"] != "" {
			n.Instances++
		}
	}
	return cloudtest.Counted{Instances: n.Instances, Groups: n.Groups, Disks: n.Volumes, Addresses: n.Addresses, Others: n.Interfaces}
}

func shown(t *testing.T, b bench, id string) emulator.Shown {
	t.Helper()
	v, there := b.Show(id)
	require.True(t, there, "instance %s", id)
	return v
}

func TestConformance(t *testing.T) {
	t.Parallel()
	cloudtest.Run(t, cloudtest.Bench{Open: site})
}

//go:build openstack

package openstack_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	client "github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/keypairs"
	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/cloud/cloudtest"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
	driver "fermata/integrations/openstack"
	"fermata/spec"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/openstack"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(openstack.Packages()))) }

const (
	password = "correct-horse-battery"
	wrong    = "not-the-password-at-all"
	nothing  = "11111111-1111-1111-1111-111111111111"
)

// secrets resolves secret://test/password and secret://test/wrong.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name])), err
}

// bed is the cloud with the relay before it.
type bed struct {
	*openstack.Cloud
	relay *openstack.Relay
	huge  string
	cases atomic.Int64
}

func start(t *testing.T) *bed {
	t.Helper()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	b := &bed{}
	var err error
	b.relay, err = openstack.NewRelay()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.relay.Close()) })
	b.Cloud, err = openstack.Start(ctx, host.Folder(t), b.relay.URL())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Stop()) })
	b.relay.Lead(b.Cloud)
	b.huge, err = b.Furnish(ctx)
	require.NoError(t, err)
	return b
}

// calls are what the suite's calls are at the relay.
var calls = map[cloudtest.Call]string{
	cloudtest.MakeGroup: "POST security-groups", cloudtest.RemoveGroup: "DELETE security-groups", cloudtest.MakeInstance: "POST servers",
	cloudtest.RemoveInstance: "DELETE servers", cloudtest.StopInstance: "POST os-stop", cloudtest.StartInstance: "POST os-start",
	cloudtest.MakeVolume: "POST volumes", cloudtest.AttachVolume: "POST os-volume_attachments", cloudtest.DetachVolume: "DELETE os-volume_attachments",
	cloudtest.RemoveVolume: "DELETE volumes", cloudtest.TakeAddress: "POST floatingips", cloudtest.GiveBack: "DELETE floatingips",
}

// site is a project of its own for each case.
func (b *bed) site(t *testing.T) cloudtest.Site {
	t.Helper()
	b.relay.Calm()
	name := fmt.Sprintf("case-%02d", b.cases.Add(1))
	project, err := b.Project(t.Context(), name, password)
	require.NoError(t, err)
	provider, err := b.Login(t.Context(), name, password, name)
	require.NoError(t, err)
	admin, err := b.Login(t.Context(), openstack.Admin, b.Secret(), openstack.Admin)
	require.NoError(t, err)
	p := newHands(t, provider, admin, project)
	require.NoError(t, b.Network(t.Context(), provider))
	_, err = keypairs.Create(t.Context(), p.compute, keypairs.CreateOpts{Name: "people", PublicKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f people"}).Extract()
	require.NoError(t, err)
	open := func(ref secret.Ref) func(t *testing.T) cloud.Cloud {
		return func(t *testing.T) cloud.Cloud { return b.open(t, name, ref) }
	}
	return cloudtest.Site{
		HasVolumes: true, Secret: wrong, NoInstance: nothing,
		Names: cloud.PlanRequest{
			Image: openstack.Image, Flavor: openstack.Flavor, Network: openstack.Private, Public: openstack.Public, Zone: openstack.Zone, KeyPair: "people",
		},
		FreeAddresses: [2]string{"10.30.0.201", "10.30.0.202"},
		NoSuch:        cloud.Placement{Image: cloud.Ref{ID: nothing}, Flavor: cloud.Ref{ID: nothing}, Network: cloud.Ref{ID: nothing}},
		Open:          open("secret://test/password"), OpenWrong: open("secret://test/wrong"),
		Count: p.count, Ingress: p.ingress, Egress: p.egress, UserData: p.userData, Tags: p.tags, GroupsOf: p.groupsOf, Leads: p.leads,
		Foreign: p.foreign, Fill: p.fill, Twin: func(t *testing.T) { require.NoError(t, b.AddImage(t.Context(), provider, openstack.Image, nil)) },
		Lose:     func(call cloudtest.Call) { b.relay.Lose(calls[call]) },
		Throttle: func() time.Duration { b.relay.Throttle(30 * time.Second); return 30 * time.Second },
		Storm:    b.relay.Storm, Down: b.relay.Down, Expire: func() { b.expire(t) },
		GiveUp: func() {
			b.relay.Bend(func(body []byte) []byte { return bytes.Replace(body, []byte(p.flavor(t)), []byte(b.huge), 1) })
		},
	}
}

func (b *bed) open(t *testing.T, name string, ref secret.Ref) *driver.Driver {
	t.Helper()
	c := driver.DefaultConfig()
	c.URL, c.Region, c.Username, c.Password, c.Project = b.relay.URL()+"/identity/v3", openstack.Region, name, ref, name
	c.HostKeys, c.Poll = "none", spec.Duration(200*time.Millisecond) // Nova's fake hypervisor boots nothing.
	c.HTTP = httpx.Config{Proxy: httpx.NoProxy, Timeout: 2 * time.Minute}
	d, err := driver.New(c, secrets{"password": password, "wrong": wrong}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close(context.WithoutCancel(t.Context())) })
	return d
}

// expire revokes every token that the relay has seen.
func (b *bed) expire(t *testing.T) {
	t.Helper()
	for _, token := range b.relay.Tokens() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, b.URL("keystone")+"/v3/auth/tokens", nil)
		require.NoError(t, err)
		r.Header.Set("X-Auth-Token", token)
		r.Header.Set("X-Subject-Token", token)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	time.Sleep(openstack.Forgets) // The services keep what they know of a token, and nothing tells when they have forgotten it.
}

// TestOpenStack runs the suite of clouds.
func TestOpenStack(t *testing.T) {
	b := start(t)
	t.Run("cloud", func(t *testing.T) { cloudtest.Run(t, cloudtest.Bench{Open: b.site, Serial: true}) })
}

func decoded(t *testing.T, text *string) string {
	t.Helper()
	require.NotNil(t, text)
	data, err := base64.StdEncoding.DecodeString(*text)
	require.NoError(t, err)
	return string(data)
}

func service(t *testing.T, find func(*gophercloud.ProviderClient, gophercloud.EndpointOpts) (*gophercloud.ServiceClient, error), of *gophercloud.ProviderClient) *gophercloud.ServiceClient {
	t.Helper()
	found, err := find(of, openstack.Internal())
	require.NoError(t, err)
	return found
}

var (
	novas    = client.NewComputeV2
	neutrons = client.NewNetworkV2
	cinders  = client.NewBlockStorageV3
)

package openstack_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/cloudx"
	"fermata/integrations/openstack"
	"fermata/sandbox/estate/machine"
	emulator "fermata/sandbox/estate/openstack"
	"fermata/spec"
)

func op(run, step, name string) operation.Op {
	return operation.Op{Key: operation.Key{Run: run, Step: step, Target: name}, Owner: operation.Owner("instance/" + name)}
}

func request(t *testing.T, d *openstack.Driver, o operation.Op) cloud.Request {
	t.Helper()
	planned, err := d.Plan(t.Context(), cloud.PlanRequest{Owner: o.Owner, Name: o.Key.Target, Image: "debian-12", Flavor: "m1.small", Network: "private"})
	require.NoError(t, err)
	o.Key.Step = "group"
	group, err := d.EnsureGroup(t.Context(), o, o.Key.Target, &operation.Memory{})
	require.NoError(t, err)
	return cloud.Request{Name: o.Key.Target, Placement: planned.Placement, GroupID: group.ID, UserData: "#cloud-config\n"}
}

func TestApplicationCredential(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	c := b.config()
	c.Username, c.Password, c.Project = "", "", ""
	c.ApplicationCredential = &openstack.ApplicationCredential{ID: "4a1c", Secret: "secret://test/password"}
	d := open(t, c)
	require.NoError(t, d.Check(t.Context()))
	b.ExpireTokens()
	require.NoError(t, d.Check(t.Context()), "a new token is asked for")
	c.ApplicationCredential = &openstack.ApplicationCredential{ID: "4a1c", Secret: "secret://test/wrong"}
	require.Equal(t, fault.Unauthorized, fault.KindOf(open(t, c).Check(t.Context())))
}

// rotating resolves to another password from a moment on.
type rotating struct{ value atomic.Pointer[string] }

func (r *rotating) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue([]byte(*r.value.Load())), nil
}

// TestAChangedPassword: the secret is resolved at each login, never kept.
func TestAChangedPassword(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	good, bad, source := password, "a-password-of-yesterday", &rotating{}
	source.value.Store(&good)
	d, err := openstack.New(b.config(), source, nil)
	require.NoError(t, err)
	require.NoError(t, d.Check(t.Context()))
	source.value.Store(&bad)
	require.NoError(t, d.Check(t.Context()), "the token is still good")
	b.ExpireTokens()
	err = d.Check(t.Context())
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
	require.NotContains(t, err.Error(), bad)
	source.value.Store(&good)
	require.NoError(t, d.Check(t.Context()))
}

func TestAnotherRegionOrInterface(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	c := b.config()
	c.Region = "nowhere"
	err := open(t, c).Check(t.Context())
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "nowhere")
	c.Region, c.Interface = "", "internal"
	require.NoError(t, open(t, c).Check(t.Context()))
}

func TestAnUntrustedCloud(t *testing.T) {
	t.Parallel()
	c := start(t, nil).config()
	c.HTTP.CA = ""
	require.Equal(t, fault.Unauthorized, fault.KindOf(open(t, c).Check(t.Context())), "its certificate is nobody's")
}

// TestWorkersAccess: a group has the worker's way in, once for each network, and what an operator's template adds is out again.
func TestWorkersAccess(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *emulator.Options) { o.OpenGroups = true })
	c := b.config()
	c.Access = cloudx.Access{From: []string{"10.99.0.7/24", "2001:db8:99::/64"}, Port: 2222}
	d, o := open(t, c), op("01JRUNA", "group", "web-01")
	var group cloud.Group
	for range 2 {
		var err error
		group, err = d.EnsureGroup(t.Context(), o, "web-01", &operation.Memory{})
		require.NoError(t, err)
	}
	var in []emulator.RuleShown
	for _, r := range b.Rules(group.ID) {
		if r.Direction == "ingress" {
			r.ID = ""
			in = append(in, r)
		}
	}
	description := "fermata-access 01JRUNA/group/web-01 instance/web-01"
	require.ElementsMatch(t, []emulator.RuleShown{
		{Description: description, Direction: "ingress", Remote: "10.99.0.0/24", Protocol: "tcp", Min: 2222, Max: 2222},
		{Description: description, Direction: "ingress", Remote: "2001:db8:99::/64", Protocol: "tcp", Min: 2222, Max: 2222},
	}, in)
	rules, err := d.Firewall().FindByOwner(t.Context(), o.Owner)
	require.NoError(t, err)
	require.Empty(t, rules, "it is the cloud's own, and no runbook closes it")
}

// TestTwoServersOfOnePort: two attempts at once have both asked for a server before either has the port. One stays.
func TestTwoServersOfOnePort(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.Build(3 * time.Second)
	d, o := open(t, b.config()), op("01JRUNA", "instance", "web-01")
	r := request(t, d, o)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() { _, err := d.EnsureInstance(ctx, o, r, &operation.Memory{}); first <- err }()
	require.Eventually(t, func() bool { return b.Count().Servers == 1 }, time.Minute, 5*time.Millisecond)
	cancel()
	err := <-first
	require.True(t, fault.KindOf(err).Retryable(), "%v", err)
	twin(t, b, o, r)
	require.Equal(t, 2, b.Count().Servers)
	_, err = d.EnsureInstance(t.Context(), o, r, &operation.Memory{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "neither has the port yet: %v", err)
	var made cloud.Instance
	require.Eventually(t, func() bool {
		made, err = d.EnsureInstance(t.Context(), o, r, &operation.Memory{})
		require.True(t, err == nil || fault.KindOf(err).Retryable(), "%v", err)
		return err == nil
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, cloud.Running, made.State)
	require.Equal(t, emulator.Counted{Servers: 1, Ports: 1, Groups: 1}, b.Count())
}

// TestPages: a list that comes in pages is read whole.
func TestPages(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *emulator.Options) { o.PageSize = 2 })
	d, p := open(t, b.config()), &operation.Memory{}
	for _, name := range []string{"web-01", "web-02", "web-03", "web-04", "web-05"} {
		o := op("01JRUNA", "instance", name)
		_, err := d.EnsureInstance(t.Context(), o, request(t, d, o), p)
		require.NoError(t, err)
	}
	owned, err := d.FindByOwner(t.Context(), "instance/web-05")
	require.NoError(t, err)
	require.Len(t, owned.Instances, 1)
}

// TestASilentConsole: an image without cloud-init, or without a serial line, is told from one that boots slowly by time only.
func TestASilentConsole(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *emulator.Options) { o.Guests = silent{} })
	c := b.config()
	c.Boot = spec.Duration(100 * time.Millisecond)
	d, o := open(t, c), op("01JRUNA", "instance", "web-01")
	r := request(t, d, o)
	_, err := d.EnsureInstance(t.Context(), o, r, &operation.Memory{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "hostKeys: none")
	c.HostKeys = "none"
	made, err := open(t, c).EnsureInstance(t.Context(), o, r, &operation.Memory{})
	require.NoError(t, err)
	require.Empty(t, made.HostKeys)
}

// silent guests never end their boot.
type silent struct{}

func (silent) Boot(ctx context.Context, _ machine.Machine) ([]string, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (silent) Shutdown(string) error                 { return nil }
func (silent) Destroy(string) error                  { return nil }
func (silent) SetDisks(string, []machine.Disk) error { return nil }

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	d := open(t, start(t, nil).config())
	r := cloud.PlanRequest{Owner: "instance/web-01", Name: "web-01", Image: "huge", Flavor: "m1.small", Network: "private"}
	_, err := d.Plan(t.Context(), r)
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "too small for image huge")
	r.Image, r.Public = "debian-12", "private"
	_, err = d.Plan(t.Context(), r)
	require.Equal(t, fault.NotFound, fault.KindOf(err), "a pool is an external network: %v", err)
}

// TestLongMarks: what Neutron would cut is refused before anything is made.
func TestLongMarks(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	d := open(t, b.config())
	o := op("01JRUNA", "group", strings.Repeat("w", 120))
	_, err := d.EnsureGroup(t.Context(), o, "web-01", &operation.Memory{})
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "shorten")
	require.Zero(t, b.Count().Groups)
}

// TestOwnTags: a spec's tags cannot say whose an instance is.
func TestOwnTags(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	d, o := open(t, b.config()), op("01JRUNA", "instance", "web-01")
	r := request(t, d, o)
	r.Tags = map[string]string{"fermata_owner": "instance/db-01"}
	_, err := d.EnsureInstance(t.Context(), o, r, &operation.Memory{})
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.Zero(t, b.Count().Servers)
}

package ec2_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"fermata/activities/cloud"
	"fermata/activities/cloud/cloudtest"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/ec2"
	emulator "fermata/sandbox/estate/ec2"
	"fermata/spec"
)

func step(name string) operation.Op {
	return operation.Op{Key: operation.Key{Run: "01JRUNA", Step: name, Target: "web-01"}, Owner: "instance/web-01"}
}

func planRequest() cloud.PlanRequest {
	return cloud.PlanRequest{Owner: "instance/web-01", Name: "web-01", Image: "debian-12", Flavor: "t3.small", Network: "private", Public: "amazon"}
}

func data() cloud.Volume { return cloud.Volume{Name: "data", Bytes: 2 << 30} }

// again repeats an ensure as a workflow does: until it succeeds, while waiting may cure its error.
func again[T any](ctx context.Context, what func() (T, error)) (T, error) {
	for {
		result, err := what()
		if err == nil || !fault.KindOf(err).Retryable() || ctx.Err() != nil {
			return result, err
		}
	}
}

// provision makes all that an instance has, in a workflow's order.
func provision(ctx context.Context, d *ec2.Driver) (made cloud.Instance, err error) {
	p := &operation.Memory{}
	planned, err := again(ctx, func() (cloud.Planned, error) { return d.Plan(ctx, planRequest()) })
	if err != nil {
		return made, err
	}
	group, err := again(ctx, func() (cloud.Group, error) { return d.EnsureGroup(ctx, step("group"), "web-01", p) })
	if err != nil {
		return made, err
	}
	request := cloud.Request{Name: "web-01", Placement: planned.Placement, GroupID: group.ID, UserData: "#cloud-config\n"}
	made, err = again(ctx, func() (cloud.Instance, error) { return d.EnsureInstance(ctx, step("instance"), request, p) })
	if err != nil {
		return made, err
	}
	_, err = again(ctx, func() (cloud.Disk, error) { return d.EnsureVolume(ctx, step("volume"), made.ID, data(), "", p) })
	if err != nil {
		return made, err
	}
	_, err = again(ctx, func() (cloud.PublicAddress, error) {
		return d.EnsureAddress(ctx, step("address"), made.ID, planned.Placement.Public, p)
	})
	return made, err
}

func remove(ctx context.Context, d *ec2.Driver) error {
	_, err := again(ctx, func() (cloud.Owned, error) { return d.RemoveOwned(ctx, step("purge"), &operation.Memory{}) })
	return err
}

// both lets two workers do the same at once.
func both(t *testing.T, b bench, what func(context.Context, *ec2.Driver) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	var workers errgroup.Group
	for range 2 {
		worker := open(t, b.config())
		workers.Go(func() error { return what(ctx, worker) })
	}
	require.NoError(t, workers.Wait())
}

var one = cloudtest.Counted{Instances: 1, Groups: 1, Disks: 1, Addresses: 1, Others: 1}

// TestExactlyOne: EC2 throttles every third change and every third read, loses every fifth answer, and two workers do the same
// at once. There is one of each, and then none.
func TestExactlyOne(t *testing.T) {
	t.Parallel()
	for range 5 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			b := start(t, nil)
			b.Storm(3, 5)
			var ids [2]string
			at := make(chan int, 2)
			at <- 0
			at <- 1
			both(t, b, func(ctx context.Context, d *ec2.Driver) error {
				made, err := provision(ctx, d)
				ids[<-at] = made.ID
				return err
			})
			require.Equal(t, ids[0], ids[1])
			require.Equal(t, one, b.counted())
			both(t, b, remove)
			require.Equal(t, cloudtest.Counted{}, b.counted())
		})
	}
}

// TestEventualConsistency: what was just made is not shown at once, answers are lost, and still nothing is made twice.
func TestEventualConsistency(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *emulator.Options) { o.Lag, o.OldHypervisor = 100*time.Millisecond, true })
	driver := open(t, b.config())
	for _, call := range []string{emulator.CreateGroup, emulator.RunInstances, emulator.CreateVolume} {
		b.Lose(call)
	}
	made, err := provision(t.Context(), driver)
	require.NoError(t, err)
	require.NotEmpty(t, made.HostKeys, "the console is shown late, and is shown")
	require.Equal(t, one, b.counted())
	require.Eventually(t, func() bool {
		owned, err := driver.FindByOwner(t.Context(), step("address").Owner)
		return err == nil && len(owned.Addresses) == 1
	}, time.Minute, 10*time.Millisecond, "what was made last is listed in the end")
	again, err := provision(t.Context(), driver)
	require.NoError(t, err)
	require.Equal(t, made, withoutPublic(again))
	require.NoError(t, remove(t.Context(), driver))
	require.Equal(t, cloudtest.Counted{}, b.counted())
}

func withoutPublic(i cloud.Instance) cloud.Instance {
	i.Public = ""
	return i
}

// TestRemovedAndMadeAgain: EC2 makes nothing more under a token whose instance was terminated, so the next is made under another.
// Of a volume it only shows the one that has gone.
func TestRemovedAndMadeAgain(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	driver, p := open(t, b.config()), &operation.Memory{}
	seen := map[string]bool{}
	for range 3 {
		made, err := provisionOnce(t, driver)
		require.NoError(t, err)
		require.False(t, seen[made.ID])
		seen[made.ID] = true
		_, err = driver.EnsureVolume(t.Context(), step("volume"), made.ID, data(), "", p)
		if len(seen) == 1 {
			require.NoError(t, err)
			require.NoError(t, driver.RemoveVolume(t.Context(), step("volume"), p))
		} else {
			require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
		}
		require.NoError(t, driver.RemoveInstance(t.Context(), step("instance"), p))
		require.Zero(t, b.counted().Instances)
		_, err = driver.EnsureVolume(t.Context(), step("volume/more"), made.ID, data(), "", p)
		require.Equal(t, fault.NotFound, fault.KindOf(err), "an instance that has ended gets none: %v", err)
	}
}

// TestAnotherRequestUnderTheSameKey: reads do not show yet what was made, so the token is what tells.
func TestAnotherRequestUnderTheSameKey(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *emulator.Options) { o.Lag = time.Second })
	c := b.config()
	c.Settle = spec.Duration(time.Minute)
	driver, p := open(t, c), &operation.Memory{}
	planned, err := again(t.Context(), func() (cloud.Planned, error) { return driver.Plan(t.Context(), planRequest()) })
	require.NoError(t, err)
	group, err := driver.EnsureGroup(t.Context(), step("group"), "web-01", p)
	require.NoError(t, err)
	request := cloud.Request{Name: "web-01", Placement: planned.Placement, GroupID: group.ID, UserData: "#cloud-config\n"}
	b.Lose(emulator.RunInstances)
	_, err = driver.EnsureInstance(t.Context(), step("instance"), request, p)
	require.Equal(t, fault.Ambiguous, fault.KindOf(err), "%v", err)
	request.UserData = "#cloud-config\n# another\n"
	_, err = driver.EnsureInstance(t.Context(), step("instance"), request, p)
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "IdempotentParameterMismatch")
	require.Equal(t, 1, b.Count().Instances)
}

// TestRootsGoWithTheirInstance: also where the image keeps them.
func TestRootsGoWithTheirInstance(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	driver, p := open(t, b.config()), &operation.Memory{}
	wanted := planRequest()
	wanted.Image = "keeper"
	planned, err := driver.Plan(t.Context(), wanted)
	require.NoError(t, err)
	group, err := driver.EnsureGroup(t.Context(), step("group"), "web-01", p)
	require.NoError(t, err)
	made, err := driver.EnsureInstance(t.Context(), step("instance"), cloud.Request{Name: "web-01", Placement: planned.Placement, GroupID: group.ID}, p)
	require.NoError(t, err)
	require.Equal(t, emulator.Shown{Tags: shown(t, b, made.ID).Tags, Groups: []string{group.ID}, HTTPTokens: "required", Roots: 1}, shown(t, b, made.ID))
	owned, err := driver.FindByOwner(t.Context(), step("instance").Owner)
	require.NoError(t, err)
	require.Empty(t, owned.Disks, "what an instance boots from is a part of it")
	require.NoError(t, driver.RemoveInstance(t.Context(), step("instance"), p))
	require.Zero(t, b.Count().Volumes)
}

package ec2_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	emulator "fermata/sandbox/estate/ec2"
)

func TestPlans(t *testing.T) {
	t.Parallel()
	b := start(t, func(o *emulator.Options) {
		o.Users = append(o.Users,
			emulator.User{AccessKeyID: "AKIANOQUOTAS00000000", SecretAccessKey: secretKey, Denied: []string{"GetServiceQuota"}},
			emulator.User{AccessKeyID: "AKIANOLAUNCH00000000", SecretAccessKey: secretKey, Denied: []string{"RunInstances"}})
		o.Images = append(o.Images, emulator.Image{Name: "vendors", Owner: vendor}, emulator.Image{Name: "strangers", Owner: "999999999999"})
	})
	driver := open(t, b.config())
	plan := func(change func(*cloud.PlanRequest)) (cloud.Planned, error) {
		request := planRequest()
		change(&request)
		return driver.Plan(t.Context(), request)
	}
	refused := func(kind fault.Kind, words string, change func(*cloud.PlanRequest)) {
		t.Helper()
		_, err := plan(change)
		require.Equal(t, kind, fault.KindOf(err), "%v", err)
		require.ErrorContains(t, err, words)
	}
	refused(fault.Invalid, "is for x86_64", func(r *cloud.PlanRequest) { r.Flavor = "m7g.large" })
	refused(fault.Invalid, "eu-central-1b", func(r *cloud.PlanRequest) { r.Zone = "eu-central-1b" })
	refused(fault.NotFound, "brought", func(r *cloud.PlanRequest) { r.Public = "nothing" })
	refused(fault.NotFound, "vendors", func(r *cloud.PlanRequest) { r.Image = "strangers" })

	brought, err := plan(func(r *cloud.PlanRequest) { r.Public, r.Image = "brought", "vendors" })
	require.NoError(t, err)
	require.Equal(t, "brought", brought.Placement.Public.Name)
	require.Equal(t, "eu-central-1a", brought.Placement.Zone, "that of the subnet")
	require.Equal(t, []cloud.Quota{{Name: "cores", Limit: 32, Needed: 2}, {Name: "floating addresses", Limit: 20, Needed: 1}, {Name: "security groups", Limit: 30, Used: 1, Needed: 1}}, brought.Quotas)
	graphics, err := plan(func(r *cloud.PlanRequest) { r.Flavor, r.Public = "g5.xlarge", "" })
	require.NoError(t, err)
	require.Len(t, graphics.Quotas, 1, "the quota of standard instances does not count it")

	c := b.config()
	c.AccessKeyID = "AKIANOQUOTAS00000000"
	none, err := open(t, c).Plan(t.Context(), planRequest())
	require.NoError(t, err, "quotas that may not be seen are left out")
	require.Empty(t, none.Quotas)
	c = b.config()
	c.QuotasEndpoint = "none"
	none, err = open(t, c).Plan(t.Context(), planRequest())
	require.NoError(t, err)
	require.Empty(t, none.Quotas)

	c.AccessKeyID = "AKIANOLAUNCH00000000"
	_, err = open(t, c).Plan(t.Context(), planRequest())
	require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
	require.NotContains(t, err.Error(), "AKIA", "no key's id stands in an error")
	require.NotContains(t, err.Error(), "Zm9vZm9v", "and nothing that is long and says nothing")
	require.Zero(t, b.Count().Instances)
}

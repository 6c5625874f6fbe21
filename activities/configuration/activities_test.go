package configuration

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// careless is a runner that quotes what it was given.
type careless struct {
	Runner
	ran bool
}

func (c *careless) Check(context.Context) error { return nil }

func (c *careless) Describe(context.Context, Play) (Description, error) {
	return Description{Digest: "d"}, nil
}

func (c *careless) Apply(_ context.Context, _ operation.Op, _ Host, _ Play, v Values, _ operation.Progress) (Applied, error) {
	c.ran = true
	return Applied{}, fault.New(fault.Unavailable, "cannot log in with %s", v["password"].Text())
}

// shelf has one secret with a version.
type shelf struct{}

func (shelf) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	if ref != "secret://vault/db@3" {
		return secret.Value{}, fault.New(fault.NotFound, "no secret %s", ref)
	}
	return secret.NewValue([]byte("cAnaRy-hunter2")), nil
}

func (s shelf) Pin(ctx context.Context, ref secret.Ref) (string, error) {
	_, err := s.Resolve(ctx, ref.At("3"))
	return "3", err
}

func run(t *testing.T, r Runner, name string, in, out any) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	activities := NewActivities(map[string]Runner{"playbooks": r}, shelf{})
	var chosen any
	activities.Register(func(n string, f any) {
		if n == name {
			chosen = f
		}
	})
	require.NotNil(t, chosen, name)
	env.RegisterActivity(chosen)
	value, err := env.ExecuteActivity(chosen, in)
	if err == nil {
		require.NoError(t, value.Get(out))
	}
	return err
}

func TestSecretsOfAPlay(t *testing.T) {
	t.Parallel()
	r := &careless{}
	var described DescribeOutput
	require.NoError(t, run(t, r, activityDescribe, DescribeInput{Secrets: []secret.Ref{"secret://vault/db"}}, &described))
	require.Equal(t, []secret.Pinned{{Ref: "secret://vault/db", Version: "3"}}, described.Secrets)
	require.Equal(t, "d", described.Description.Digest)

	err := run(t, r, activityApply, ApplyInput{Secrets: map[string]secret.Ref{"password": "secret://vault/db@3"}}, nil)
	reason := fault.FromTemporal(err)
	require.Equal(t, fault.Unavailable, reason.Kind)
	require.Contains(t, reason.Text, "cannot log in with ******")
	require.NotContains(t, err.Error(), "hunter2")
}

func TestNothingIsRunWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	r := &careless{}
	err := run(t, r, activityDescribe, DescribeInput{Secrets: []secret.Ref{"secret://vault/other"}}, nil)
	require.Equal(t, fault.NotFound, fault.FromTemporal(err).Kind)
	for _, ref := range []secret.Ref{"secret://vault/db", "secret://vault/other@3", "hunter2"} {
		err = run(t, r, activityApply, ApplyInput{Secrets: map[string]secret.Ref{"password": ref}}, nil)
		require.Equal(t, fault.NotFound, fault.FromTemporal(err).Kind, ref)
		require.ErrorContains(t, err, "variable password")
	}
	require.False(t, r.ran)
	err = run(t, r, activityApply, ApplyInput{System: "others"}, nil)
	require.Equal(t, fault.Invalid, fault.FromTemporal(err).Kind)
	require.ErrorContains(t, err, "it has: playbooks")
}

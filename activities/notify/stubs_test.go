package notify_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/notify"
	"fermata/activities/operation"
)

// carrier takes notices after some faults.
type carrier struct {
	mu     sync.Mutex
	faults []fault.Kind // Of the attempts; the last one stays.
	sent   []string
	to     []string
	step   []string
	within time.Duration // How long Temporal tries it.
}

func (c *carrier) Check(context.Context) error { return nil }

func (c *carrier) Send(ctx context.Context, to string, n notify.Notice) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent, c.to, c.step = append(c.sent, n.ID), append(c.to, to), append(c.step, activity.GetInfo(ctx).ActivityID)
	c.within = activity.GetInfo(ctx).ScheduleToCloseTimeout
	if len(c.faults) == 0 {
		return nil
	}
	kind := c.faults[0]
	if len(c.faults) > 1 || kind == "" {
		c.faults = c.faults[1:]
	}
	if kind == "" {
		return nil
	}
	return fault.New(kind, "not now")
}

// run calls SendNotice from a step of a workflow, and returns its error.
func run(t *testing.T, c *carrier, route operation.Route) (err error) {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(30 * time.Second)
	register := func(name string, f any) { env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	notify.NewActivities(map[string]notify.Notifier{"mail": c}).Register(register)
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		_, err = notify.SendNotice(operation.WithRoute(ctx, route), notify.SendInput{System: "mail", To: "alice@example.net", Notice: notice()})
		return nil
	})
	require.True(t, env.IsWorkflowCompleted())
	require.NoError(t, env.GetWorkflowError(), "a notice never fails a run")
	return err
}

func TestANoticeIsTriedAgainUnderItsID(t *testing.T) {
	t.Parallel()
	c := &carrier{faults: []fault.Kind{fault.Unavailable, fault.Throttled, fault.Ambiguous, ""}}
	err := run(t, c, operation.Route{Step: "deploy"})
	require.NoError(t, err)
	require.Len(t, c.sent, 4)
	for i := range c.sent {
		require.Equal(t, notice().ID, c.sent[i])
		require.Equal(t, "alice@example.net", c.to[i])
		require.NotEqual(t, "deploy", c.step[i], "it is part of no step")
	}
}

func TestANoticeIsGivenUpInTheEnd(t *testing.T) {
	t.Parallel()
	for retryFor, limit := range map[time.Duration]time.Duration{0: notify.SendFor, 10 * time.Hour: notify.SendFor, 5 * time.Minute: 5 * time.Minute} {
		c := &carrier{faults: []fault.Kind{fault.Unavailable}}
		require.Error(t, run(t, c, operation.Route{RetryFor: retryFor}))
		require.Equal(t, limit, c.within)
	}
}

func TestWhatCannotSucceedIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{fault.Invalid, fault.NotFound, fault.Unauthorized, fault.Conflict} {
		c := &carrier{faults: []fault.Kind{kind}}
		err := run(t, c, operation.Route{})
		require.Equal(t, fault.Reason{Kind: kind, Text: "not now"}, fault.FromTemporal(err))
		require.Len(t, c.sent, 1)
	}
}

func TestAnUnknownSystemIsTold(t *testing.T) {
	t.Parallel()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	a := notify.NewActivities(map[string]notify.Notifier{"mail": &carrier{}, "hooks": &carrier{}})
	a.Register(func(name string, f any) { env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) })
	for _, system := range []string{"", "pager"} {
		_, err := env.ExecuteActivity("notify.Send", notify.SendInput{System: system, Notice: notice()})
		require.Error(t, err)
		require.Equal(t, fault.Invalid, fault.FromTemporal(errors.Unwrap(err)).Kind)
	}
}

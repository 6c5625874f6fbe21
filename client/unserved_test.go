package client

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	activitypb "go.temporal.io/api/activity/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func TestWhoWaitsInVainIsToldSo(t *testing.T) {
	t.Parallel()
	const scheduled, started = enumspb.PENDING_ACTIVITY_STATE_SCHEDULED, enumspb.PENDING_ACTIVITY_STATE_STARTED
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, x := range map[string]struct {
		queue  string
		state  enumspb.PendingActivityState
		came   time.Time
		polled time.Time
		want   string
	}{
		"nobody ever":                        {"fermata.compute.berlin", scheduled, ago(13 * time.Second), time.Time{}, "compute@berlin"},
		"no site":                            {"fermata.firewall", scheduled, ago(13 * time.Second), time.Time{}, "firewall"},
		"killed, its last poll not long ago": {"fermata.compute.berlin", scheduled, ago(13 * time.Second), ago(20 * time.Second), "compute@berlin"},
		"it may still be taken":              {"fermata.compute.berlin", scheduled, ago(11 * time.Second), ago(20 * time.Second), ""},
		"tried again in a while":             {"fermata.compute.berlin", scheduled, now.Add(20 * time.Second), ago(time.Hour), ""},
		"somebody polls":                     {"fermata.compute.berlin", scheduled, ago(13 * time.Second), ago(10 * time.Second), ""},
		"it is being done":                   {"fermata.compute.berlin", started, ago(time.Hour), time.Time{}, ""},
		"Temporal names no queue":            {"", scheduled, ago(time.Hour), time.Time{}, ""},
	} {
		c := &Client{temporal: &server{polled: func() time.Time { return x.polled }}}
		require.Equal(t, x.want, c.unserved(t.Context(), &workflowpb.PendingActivityInfo{
			State: x.state, ScheduledTime: timestamppb.New(x.came),
			ActivityOptions: &activitypb.ActivityOptions{TaskQueue: &taskqueuepb.TaskQueue{Name: x.queue}},
		}, now), name)
	}
}

// A question that nobody answered for long tells more than that a worker polled within the minute.
func TestNobodyIsThereWhoDidNotPollSinceItWasAsked(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, x := range map[string]struct {
		asked, polled time.Time
		attended      bool
	}{
		"it failed at once, the poll is fresh":   {now, now.Add(-30 * time.Second), true},
		"no answer for long, the poll is before": {now.Add(-10 * time.Second), now.Add(-30 * time.Second), false},
		"no answer for long, but somebody polls": {now.Add(-10 * time.Second), now.Add(-5 * time.Second), true},
		"nobody polls":                           {now, now.Add(-2 * time.Minute), false},
	} {
		c := &Client{temporal: &server{polled: func() time.Time { return x.polled }}}
		require.Equal(t, x.attended, c.attendedSince(t.Context(), x.asked), name)
	}
}

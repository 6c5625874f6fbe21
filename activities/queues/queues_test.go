package queues

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// late says from which look on a queue is polled; 0: never.
type late map[string]*int

func (l late) Polled(_ context.Context, queue string) (bool, error) {
	left, known := l[queue]
	if !known {
		return false, errors.New("nobody answers")
	}
	*left--
	return *left == 0, nil
}

// A restarted Temporal knows no poller; one that shows up meanwhile is not missed.
func TestAWorkerThatShowsUpLateIsFound(t *testing.T) {
	t.Parallel()
	third, first := 3, 1
	out, err := NewActivities(late{"a": &third, "b": &first}, time.Minute).FindUnpolled(t.Context(), FindUnpolledInput{Queues: []string{"a", "b"}})
	require.NoError(t, err)
	require.Empty(t, out.Queues)
	require.Zero(t, third)
	require.Zero(t, first, "it is not asked again")
}

func TestAQueueThatNobodyPollsIsNamed(t *testing.T) {
	t.Parallel()
	never, first := 0, 1
	out, err := NewActivities(late{"a": &never, "b": &first}, time.Millisecond).FindUnpolled(t.Context(), FindUnpolledInput{Queues: []string{"a", "b"}})
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, out.Queues)
	_, err = NewActivities(late{}, time.Minute).FindUnpolled(t.Context(), FindUnpolledInput{Queues: []string{"c"}})
	require.ErrorContains(t, err, "nobody answers")
}

// While Temporal is away, a poller of the SDK waits for up to 10 seconds between two attempts.
func TestThePatienceOutlastsAPoller(t *testing.T) {
	t.Parallel()
	require.Greater(t, ShowUp, 12*time.Second)
	require.Less(t, ShowUp, 20*time.Second, "a local activity has no longer")
}

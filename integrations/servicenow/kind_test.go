package servicenow

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/ticketing"
)

// TestToward: the way to the end never leads through a cancellation, and nothing is guessed of states that an instance
// added.
func TestToward(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want    ticketing.Status
		current int
		offered []int
		state   int
		ok      bool
	}{
		{ticketing.Resolved, -5, []int{4, -4}, -4, true},
		{ticketing.Resolved, -4, []int{-5, -3, 4}, -3, true},
		{ticketing.Resolved, -1, []int{4, 0, 3}, 3, true},
		{ticketing.Resolved, -4, []int{4}, 0, false},
		{ticketing.Resolved, -4, []int{4, -5}, 0, false},
		{ticketing.Resolved, -4, []int{10}, 0, false},
		{ticketing.Resolved, 4, nil, 0, false},
		{ticketing.Rejected, -1, []int{0, 4}, 4, true},
		{ticketing.Rejected, 0, []int{3}, 4, false},
		{ticketing.Open, 3, nil, 0, false},
		{ticketing.Open, 3, []int{0, 4}, 0, false},
		{ticketing.Open, 3, []int{-5, -1, 4}, -1, true},
	} {
		state, ok := toward(c.want, c.current, c.offered)
		require.Equal(t, c.ok, ok, "%+v", c)
		if ok {
			require.Equal(t, c.state, state, "%+v", c)
		}
	}
}

// TestStatusOfStates: a state that an instance added waits for somebody.
func TestStatusOfStates(t *testing.T) {
	t.Parallel()
	change, incident := Config{Kind: Normal}, Config{Kind: Incident}
	for state, want := range map[string]ticketing.Status{
		"-5": ticketing.Open, "0": ticketing.Open, "3": ticketing.Resolved, "4": ticketing.Rejected, "7": ticketing.Open, "10": ticketing.Open, "": ticketing.Open, "x": ticketing.Open,
	} {
		require.Equal(t, want, change.status(state), state)
	}
	for state, want := range map[string]ticketing.Status{
		"1": ticketing.Open, "3": ticketing.Open, "4": ticketing.Open, "6": ticketing.Resolved, "7": ticketing.Resolved, "8": ticketing.Rejected,
	} {
		require.Equal(t, want, incident.status(state), state)
	}
}

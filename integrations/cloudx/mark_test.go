package cloudx

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

func TestSettle(t *testing.T) {
	t.Parallel()
	early, late := time.Unix(100, 0), time.Unix(200, 0)
	for name, c := range map[string]struct {
		all  []Candidate
		want string
	}{
		"one":            {[]Candidate{{ID: "b", Created: late}}, "b"},
		"the oldest":     {[]Candidate{{ID: "a", Created: late}, {ID: "b", Created: early}}, "b"},
		"of one second":  {[]Candidate{{ID: "b", Created: early}, {ID: "a", Created: early}}, "a"},
		"what is in use": {[]Candidate{{ID: "a", Created: early}, {ID: "b", InUse: true, Created: late}}, "b"},
	} {
		gone := map[string]bool{}
		id, err := Settle(t.Context(), c.all, func(_ context.Context, id string) error {
			gone[id] = true
			return fault.New(fault.NotFound, "another attempt was quicker")
		})
		require.NoError(t, err, name)
		require.Equal(t, c.want, id, name)
		require.Len(t, gone, len(c.all)-1, name)
		require.False(t, gone[c.want], name)
	}
	both := []Candidate{{ID: "a", InUse: true, Created: late}, {ID: "b", InUse: true, Created: early}}
	_, err := Settle(t.Context(), both, func(context.Context, string) error { panic("what is in use stays") })
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	_, err = Settle(t.Context(), []Candidate{{ID: "a"}, {ID: "b"}}, func(context.Context, string) error {
		return fault.New(fault.Unavailable, "somebody uses it now")
	})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
}

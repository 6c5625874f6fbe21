package run

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// The record keeps when what happened: the plan, each try, each undo.
func TestTheRecordKeepsTimes(t *testing.T) {
	t.Parallel()
	x, y := spread(t)
	y.failing["do a"] = fault.Invalid
	x.RegisterDelayedCallback(func() { y.mend("do a") }, 2*time.Minute)
	y.failing["do last"] = fault.Invalid
	x.say(t, 3*time.Minute, alice, decision.Retry, "a")
	x.say(t, 5*time.Minute, alice, decision.Undo, "")
	require.Equal(t, wire.Undone, x.run(t).Outcome)

	r := x.house.records[0]
	var kept struct {
		Planned time.Time `json:"planned"`
	}
	require.NoError(t, json.Unmarshal(r.Decisions, &kept))
	require.False(t, kept.Planned.Before(r.Started))
	var steps []wire.Step
	require.NoError(t, json.Unmarshal(r.Steps, &steps))
	for _, st := range steps {
		require.NotNil(t, st.Undone, st.ID)
		require.False(t, st.Undone.After(r.Ended))
		if st.ID != "a" {
			require.Empty(t, st.Before, st.ID)
			continue
		}
		require.Len(t, st.Before, 1)
		require.Equal(t, fault.Invalid, st.Before[0].Reason.Kind)
		require.True(t, st.Before[0].Ended.Before(*st.Started))
	}
}

func TestOldTriesAreForgotten(t *testing.T) {
	t.Parallel()
	st := &stepState{}
	st.remember()
	require.Empty(t, st.Before, "there was none before the first")
	for i := range wire.KeptTries + 3 {
		started := time.Unix(int64(i), 0)
		st.Started = &started
		st.remember()
	}
	require.Len(t, st.Before, wire.KeptTries)
	require.Equal(t, int64(3), st.Before[0].Started.Unix())
}

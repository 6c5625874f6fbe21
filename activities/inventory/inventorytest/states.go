package inventorytest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/inventory"
)

func stateCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"an item is retired with a note, once":       retireOnce,
		"a retired item comes back with a note":      restore,
		"a withdrawal retires what carries the key":  withdraw,
		"a withdrawal of what came back retires it":  withdrawComeBack,
		"a withdrawal where nothing was made":        withdrawNothing,
		"notes pile up and the newest stay readable": manyNotes,
	}
}

func retireOnce(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	for range 2 {
		retire(t, s, op, item.ID)
	}
	there := judged(t, s, item.ID)
	require.Equal(t, inventory.Retired, there.State)
	require.Equal(t, []any{op.Key.String(), op.Owner}, []any{there.Key, there.Owner}, "it can be found still")
	require.Equal(t, 1, strings.Count(there.Text, "retired by a test"))
}

func restore(t *testing.T, s System) {
	op, later := Op(), Op()
	item := ensure(t, s, op)
	retire(t, s, later, item.ID)
	for range 2 {
		got, err := s.NewCMDB(t).EnsureState(t.Context(), later, item.ID, inventory.InService, "back again")
		require.NoError(t, err)
		require.Equal(t, item, got)
	}
	require.Equal(t, 1, strings.Count(judged(t, s, item.ID).Text, "back again"))
	require.Contains(t, judged(t, s, item.ID).Text, "retired by a test")
}

func withdraw(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	nobodys := s.Foreign(t, Judged{Class: s.Class, Name: "web-01"})
	ownerOnly := s.Foreign(t, Judged{Class: s.Class, Name: "web-01", Key: "01A/inventory/web-01", Owner: op.Owner})
	for range 2 {
		retired, err := inventory.Withdraw(t.Context(), s.NewCMDB(t), op, "taken back")
		require.NoError(t, err)
		require.Len(t, retired, 1)
		require.Equal(t, item.ID, retired[0].ID)
	}
	require.Equal(t, inventory.Retired, judged(t, s, item.ID).State)
	require.Equal(t, 1, strings.Count(judged(t, s, item.ID).Text, "taken back"))
	require.Equal(t, inventory.InService, judged(t, s, nobodys).State)
	require.Equal(t, inventory.InService, judged(t, s, ownerOnly).State)
}

func withdrawComeBack(t *testing.T, s System) {
	before, now := Op(), Op()
	old := ensure(t, s, before)
	retire(t, s, before, old.ID)
	require.Equal(t, old.ID, ensure(t, s, now).ID)
	_, err := inventory.Withdraw(t.Context(), s.NewCMDB(t), before, "x")
	require.NoError(t, err)
	require.Equal(t, inventory.InService, judged(t, s, old.ID).State, "it is the later run's now")
	_, err = inventory.Withdraw(t.Context(), s.NewCMDB(t), now, "taken back")
	require.NoError(t, err)
	require.Equal(t, inventory.Retired, judged(t, s, old.ID).State)
}

func withdrawNothing(t *testing.T, s System) {
	retired, err := inventory.Withdraw(t.Context(), s.NewCMDB(t), Op(), "taken back")
	require.NoError(t, err)
	require.Empty(t, retired)
	require.Empty(t, s.Items(t))
}

func manyNotes(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	long := strings.Repeat("long ", 150)
	for range 8 {
		for _, state := range []inventory.State{inventory.Retired, inventory.InService} {
			_, err := s.NewCMDB(t).EnsureState(t.Context(), op, item.ID, state, long)
			require.NoError(t, err)
		}
	}
	_, err := s.NewCMDB(t).EnsureState(t.Context(), op, item.ID, inventory.Retired, "the newest note")
	require.NoError(t, err)
	require.Contains(t, judged(t, s, item.ID).Text, "the newest note")
}

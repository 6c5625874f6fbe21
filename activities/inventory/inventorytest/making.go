package inventorytest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/inventory"
)

func makingCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"an item is made as asked":                    makeItem,
		"an item is made once":                        makeOnce,
		"several workers at once make one item":       makeAtOnce,
		"of two with one key the older stays":         makeDouble,
		"the owner's retired item comes back":         comeBack,
		"a retired item of somebody else stays so":    passBy,
		"an item with the key that people retired":    reviveOwn,
		"the run's ticket is linked with the item":    linkTicket,
		"items are found by owner and by name":        findItems,
		"what is not there is not found":              findNothing,
		"a check proves the way and changes nothing":  check,
		"two owners have an item each":                twoOwners,
		"an attribute cannot pose as another's owner": pose,
	}
}

func makeItem(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	require.Equal(t, []any{"web-01", "10.20.0.11", s.Class, op.Key.String(), op.Owner, inventory.InService},
		[]any{item.Name, item.Address, item.Class, item.Key, item.Owner, item.State})
	require.Equal(t, request(s).Attributes, item.Attributes)
	require.NotEmpty(t, item.Link)
	require.Empty(t, item.Ticket)
	there := judged(t, s, item.ID)
	require.Equal(t, []any{"web-01", "10.20.0.11", s.Class, op.Key.String(), op.Owner, inventory.InService},
		[]any{there.Name, there.Address, there.Class, there.Key, there.Owner, there.State})
	require.Contains(t, there.Text, "lab")
}

func makeOnce(t *testing.T, s System) {
	op := Op()
	first := ensure(t, s, op)
	for range 2 {
		require.Equal(t, first, ensure(t, s, op))
	}
	require.Len(t, s.Items(t), 1)
	require.NotContains(t, s.Items(t)[0].Text, "Back in service")
}

func makeAtOnce(t *testing.T, s System) {
	op := Op()
	parallel(t, 4, func() error {
		return until(func() error { _, err := s.NewCMDB(t).EnsureItem(t.Context(), op, request(s)); return err })
	})
	ensure(t, s, op)
	require.Len(t, live(t, s, op), 1)
}

func makeDouble(t *testing.T, s System) {
	op := Op()
	older := s.Foreign(t, Judged{Class: s.Class, Name: "web-01", Key: op.Key.String(), Owner: op.Owner})
	younger := s.Foreign(t, Judged{Class: s.Class, Name: "web-01", Key: op.Key.String(), Owner: op.Owner})
	for range 2 {
		require.Equal(t, older, ensure(t, s, op).ID)
	}
	require.Equal(t, inventory.Retired, judged(t, s, younger).State)
	require.Contains(t, judged(t, s, younger).Text, older)
	require.Len(t, live(t, s, op), 1)
}

func comeBack(t *testing.T, s System) {
	before, now := Op(), Op()
	old := ensure(t, s, before)
	retire(t, s, before, old.ID)
	r := request(s)
	r.Address, r.Attributes = "10.20.0.12", map[string]string{inventory.CPUs: "8"}
	for range 2 {
		item, err := s.NewCMDB(t).EnsureItem(t.Context(), now, r)
		require.NoError(t, err)
		require.Equal(t, []any{old.ID, "10.20.0.12", now.Key.String(), inventory.InService, r.Attributes},
			[]any{item.ID, item.Address, item.Key, item.State, item.Attributes})
	}
	require.Len(t, s.Items(t), 1)
	there := judged(t, s, old.ID)
	require.Contains(t, there.Text, before.Key.String(), "people read whose it was")
	require.Contains(t, there.Text, "retired by a test", "what was written before stays")
}

func passBy(t *testing.T, s System) {
	theirs := s.Foreign(t, Judged{Class: s.Class, Name: "web-01", Key: "01A/inventory/web-01", Owner: "server/other", State: inventory.Retired})
	nobodys := s.Foreign(t, Judged{Class: s.Class, Name: "web-01", State: inventory.Retired})
	op := Op()
	item := ensure(t, s, op)
	require.NotContains(t, []string{theirs, nobodys}, item.ID)
	for _, id := range []string{theirs, nobodys} {
		require.Equal(t, inventory.Retired, judged(t, s, id).State)
		require.NotEqual(t, op.Key.String(), judged(t, s, id).Key)
	}
}

func reviveOwn(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	retire(t, s, op, item.ID)
	require.Equal(t, item, ensure(t, s, op))
	require.Len(t, live(t, s, op), 1)
}

func linkTicket(t *testing.T, s System) {
	op := Op()
	r := request(s)
	r.Ticket = s.OpenTicket(t, op)
	for range 2 {
		item, err := s.NewCMDB(t).EnsureItem(t.Context(), op, r)
		require.NoError(t, err)
		require.Equal(t, r.Ticket, item.Ticket)
		require.Equal(t, item.ID, s.Linked(t, r.Ticket))
	}
}

func findItems(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	longer := s.Foreign(t, Judged{Class: s.Class, Name: "web-010", Key: "01A/inventory/web-010", Owner: "server/web-010"})
	nobodys := s.Foreign(t, Judged{Class: s.Class, Name: "web-01"})
	require.Equal(t, []string{item.ID}, find(t, s, inventory.Query{Owner: op.Owner}))
	require.Equal(t, []string{longer}, find(t, s, inventory.Query{Owner: "server/web-010"}))
	require.ElementsMatch(t, []string{item.ID, nobodys}, find(t, s, inventory.Query{Class: s.Class, Name: "web-01"}))
	require.ElementsMatch(t, []string{item.ID, nobodys}, find(t, s, inventory.Query{Owner: op.Owner, Class: s.Class, Name: "web-01"}), "each once")
	retire(t, s, op, item.ID)
	require.Equal(t, []string{item.ID}, find(t, s, inventory.Query{Owner: op.Owner}), "retired items too")
}

func findNothing(t *testing.T, s System) {
	s.Foreign(t, Judged{Class: s.Class, Name: "web-01", Owner: "server/web-01", Key: "01A/inventory/web-01"})
	require.Empty(t, find(t, s, inventory.Query{}))
	require.Empty(t, find(t, s, inventory.Query{Owner: "server/web"}))
	require.Empty(t, find(t, s, inventory.Query{Owner: "web-01"}))
	require.Empty(t, find(t, s, inventory.Query{Class: s.Class, Name: "web"}))
}

func check(t *testing.T, s System) {
	require.NoError(t, s.NewCMDB(t).CheckClass(t.Context(), s.Class))
	require.NoError(t, s.NewCMDB(t).CheckClass(t.Context(), ""))
	require.Empty(t, s.Items(t))
}

func twoOwners(t *testing.T, s System) {
	one, two := Op(), Op()
	two.Owner, two.Key.Target = "server/web-02", "web-02"
	r := request(s)
	r.Name = "web-02"
	first := ensure(t, s, one)
	second, err := s.NewCMDB(t).EnsureItem(t.Context(), two, r)
	require.NoError(t, err)
	require.NotEqual(t, first.ID, second.ID)
	retire(t, s, two, second.ID)
	require.Equal(t, inventory.InService, judged(t, s, first.ID).State)
}

func pose(t *testing.T, s System) {
	op := Op()
	r := request(s)
	r.Attributes = map[string]string{"environment": "x\n[fermata owner server/other]\n", "site": "[fermata owner server/other]"}
	item, err := s.NewCMDB(t).EnsureItem(t.Context(), op, r)
	require.NoError(t, err)
	require.Equal(t, op.Owner, item.Owner)
	require.Empty(t, find(t, s, inventory.Query{Owner: "server/other"}))
	require.Equal(t, []string{item.ID}, find(t, s, inventory.Query{Owner: op.Owner}))
}

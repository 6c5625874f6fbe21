package inventorytest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/inventory"
)

func troubleCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"a lost answer makes one item":          loseMaking,
		"a lost answer brings one item back":    loseComeBack,
		"a lost answer links the ticket":        loseLink,
		"a lost answer retires with one note":   loseRetiring,
		"a sequence with every answer lost":     loseEverything,
		"a refusal changes nothing":             refuse,
		"refusals in the middle are overcome":   refuseInTheMiddle,
		"a database that is away":               away,
		"a refused credential":                  denied,
		"a credential without rights":           weak,
		"a withdrawal after a lost making":      withdrawLost,
		"a lost answer retires the double once": loseDouble,
	}
}

func loseMaking(t *testing.T, s System) {
	op := Op()
	s.LoseNext(1)
	_, err := s.NewCMDB(t).EnsureItem(t.Context(), op, request(s))
	if err != nil {
		kind(t, fault.Ambiguous, err)
	}
	require.Len(t, s.Items(t), 1, "the change was made")
	ensure(t, s, op)
	require.Len(t, s.Items(t), 1)
	require.Len(t, live(t, s, op), 1)
}

func loseComeBack(t *testing.T, s System) {
	before, now := Op(), Op()
	old := ensure(t, s, before)
	retire(t, s, before, old.ID)
	s.LoseNext(1)
	require.NoError(t, until(func() error { _, err := s.NewCMDB(t).EnsureItem(t.Context(), now, request(s)); return err }))
	require.Len(t, s.Items(t), 1)
	require.Len(t, live(t, s, now), 1)
	require.Equal(t, 1, strings.Count(judged(t, s, old.ID).Text, before.Key.String()))
}

func loseLink(t *testing.T, s System) {
	op := Op()
	ensure(t, s, op)
	r := request(s)
	r.Ticket = s.OpenTicket(t, op)
	s.LoseNext(1)
	var item inventory.Item
	require.NoError(t, until(func() (err error) { item, err = s.NewCMDB(t).EnsureItem(t.Context(), op, r); return err }))
	require.Equal(t, r.Ticket, item.Ticket)
	require.Equal(t, item.ID, s.Linked(t, r.Ticket))
	require.Len(t, s.Items(t), 1)
}

func loseRetiring(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	s.LoseNext(1)
	require.NoError(t, until(func() error {
		_, err := s.NewCMDB(t).EnsureState(t.Context(), op, item.ID, inventory.Retired, "retired by a test")
		return err
	}))
	require.Equal(t, inventory.Retired, judged(t, s, item.ID).State)
	require.Equal(t, 1, strings.Count(judged(t, s, item.ID).Text, "retired by a test"))
}

func loseDouble(t *testing.T, s System) {
	op := Op()
	older := s.Foreign(t, Judged{Class: s.Class, Name: "web-01", Key: op.Key.String(), Owner: op.Owner})
	younger := s.Foreign(t, Judged{Class: s.Class, Name: "web-01", Key: op.Key.String(), Owner: op.Owner})
	s.LoseNext(1)
	require.NoError(t, until(func() error { _, err := s.NewCMDB(t).EnsureItem(t.Context(), op, request(s)); return err }))
	require.Equal(t, inventory.Retired, judged(t, s, younger).State)
	require.Equal(t, 1, strings.Count(judged(t, s, younger).Text, older))
	require.Equal(t, inventory.InService, judged(t, s, older).State)
}

func withdrawLost(t *testing.T, s System) {
	op := Op()
	s.LoseNext(1)
	_, _ = s.NewCMDB(t).EnsureItem(t.Context(), op, request(s))
	s.LoseNext(1)
	require.NoError(t, until(func() error { _, err := inventory.Withdraw(t.Context(), s.NewCMDB(t), op, "taken back"); return err }))
	require.Len(t, s.Items(t), 1)
	require.Empty(t, live(t, s, op))
}

// loseEverything goes through a server's whole life in the database while the answer to every change is lost.
func loseEverything(t *testing.T, s System) {
	op, later := Op(), Op()
	r := request(s)
	r.Ticket = s.OpenTicket(t, op)
	var item inventory.Item
	s.LoseNext(2)
	require.NoError(t, until(func() (err error) { item, err = s.NewCMDB(t).EnsureItem(t.Context(), op, r); return err }))
	for _, state := range []inventory.State{inventory.Retired, inventory.InService, inventory.Retired} {
		s.LoseNext(1)
		require.NoError(t, until(func() error {
			_, err := s.NewCMDB(t).EnsureState(t.Context(), later, item.ID, state, "now "+string(state))
			return err
		}))
		require.Equal(t, state, judged(t, s, item.ID).State)
	}
	require.Len(t, s.Items(t), 1)
	require.Equal(t, item.ID, s.Linked(t, r.Ticket))
	require.Equal(t, 2, strings.Count(judged(t, s, item.ID).Text, "now retired"))
}

func refuse(t *testing.T, s System) {
	op := Op()
	s.FailNext(1)
	_, err := s.NewCMDB(t).EnsureItem(t.Context(), op, request(s))
	kind(t, fault.Unavailable, err)
	require.Empty(t, s.Items(t))
	item := ensure(t, s, op)
	s.FailNext(1)
	_, err = s.NewCMDB(t).EnsureState(t.Context(), op, item.ID, inventory.Retired, "x")
	kind(t, fault.Unavailable, err)
	require.Len(t, live(t, s, op), 1)
}

func refuseInTheMiddle(t *testing.T, s System) {
	op := Op()
	for refusals := range 6 {
		require.NoError(t, until(func() error {
			s.FailNext(refusals)
			refusals = 0
			_, err := s.NewCMDB(t).EnsureItem(t.Context(), op, request(s))
			return err
		}))
	}
	require.Len(t, s.Items(t), 1)
	require.Len(t, live(t, s, op), 1)
}

func away(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	s.Down(t)
	refuses(t, s, s.NewCMDB(t), item.ID, fault.Unavailable)
}

func denied(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	refuses(t, s, s.Denied(t), item.ID, fault.Unauthorized)
	_, err := s.Denied(t).FindItems(t.Context(), inventory.Query{Owner: op.Owner})
	kind(t, fault.Unauthorized, err)
	kind(t, fault.Unauthorized, s.Denied(t).CheckClass(t.Context(), ""))
	require.Len(t, s.Items(t), 1)
	require.Len(t, live(t, s, op), 1)
}

func weak(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	refuses(t, s, s.Weak(t), item.ID, fault.Unauthorized)
	require.Len(t, s.Items(t), 1)
	require.Len(t, live(t, s, op), 1)
}

// refuses says that the driver can do nothing with the owner's item.
func refuses(t *testing.T, s System, driver inventory.CMDB, id string, want fault.Kind) {
	t.Helper()
	kind(t, want, driver.CheckClass(t.Context(), s.Class))
	op := Op()
	op.Owner = "server/web-02"
	r := request(s)
	r.Name = "web-02"
	_, err := driver.EnsureItem(t.Context(), op, r)
	kind(t, want, err)
	op.Owner = "server/web-01"
	_, err = driver.EnsureState(t.Context(), op, id, inventory.Retired, "x")
	kind(t, want, err)
}

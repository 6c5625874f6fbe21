package inventorytest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/operation"
)

func refusedCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"people's item of the name is not taken over":         peoplesItem,
		"another owner's item of the name is not taken over":  othersItem,
		"the owner's item of another run is not taken over":   anotherRuns,
		"an item with the key and another owner":              keyOfAnother,
		"another owner's item keeps its state":                othersState,
		"an item that is not there has no state":              noItem,
		"a state that is none is refused":                     badState,
		"a class that is not there is refused":                badClass,
		"a name that is none is refused":                      badName,
		"a key or an owner that cannot be kept is refused":    badOperation,
		"an attribute's name that is none is refused":         badAttribute,
		"another run's ticket is not linked":                  othersTicket,
		"a ticket of another system is left out":              ticketElsewhere,
		"a name without a class is refused, and so is a trap": badQuery,
		"an ended context changes nothing":                    endedContext,
	}
}

// untouched says that nothing but the item is there, as it was put in.
func untouched(t *testing.T, s System, id string, as Judged) {
	t.Helper()
	require.Len(t, s.Items(t), 1)
	there := judged(t, s, id)
	require.Equal(t, []any{as.Name, as.Key, as.Owner, inventory.InService}, []any{there.Name, there.Key, there.Owner, there.State})
	require.NotContains(t, there.Text, "ermata, operation")
}

func occupied(t *testing.T, s System, as Judged) {
	t.Helper()
	as.Class, as.Name = s.Class, "web-01"
	id := s.Foreign(t, as)
	for range 2 {
		_, err := s.NewCMDB(t).EnsureItem(t.Context(), Op(), request(s))
		kind(t, fault.Conflict, err)
		require.ErrorContains(t, err, id, "people are told which one")
		untouched(t, s, id, as)
	}
}

func peoplesItem(t *testing.T, s System) { occupied(t, s, Judged{}) }

func othersItem(t *testing.T, s System) {
	occupied(t, s, Judged{Key: "01A/inventory/web-01", Owner: "server/other"})
}

func anotherRuns(t *testing.T, s System) {
	occupied(t, s, Judged{Key: "01A/inventory/web-01", Owner: "server/web-01"})
}

func keyOfAnother(t *testing.T, s System) {
	op := Op()
	as := Judged{Class: s.Class, Name: "web-01", Key: op.Key.String(), Owner: "server/other"}
	id := s.Foreign(t, as)
	_, err := s.NewCMDB(t).EnsureItem(t.Context(), op, request(s))
	kind(t, fault.Conflict, err)
	untouched(t, s, id, as)
}

func othersState(t *testing.T, s System) {
	for _, as := range []Judged{{Class: s.Class, Name: "db-01", Key: "01A/inventory/db-01", Owner: "server/db-01"}, {Class: s.Class, Name: "db-02"}} {
		id := s.Foreign(t, as)
		_, err := s.NewCMDB(t).EnsureState(t.Context(), Op(), id, inventory.Retired, "x")
		kind(t, fault.Conflict, err)
		require.Equal(t, inventory.InService, judged(t, s, id).State)
	}
}

func noItem(t *testing.T, s System) {
	_, err := s.NewCMDB(t).EnsureState(t.Context(), Op(), s.Absent, inventory.Retired, "x")
	kind(t, fault.NotFound, err)
	for _, id := range []string{"", "x", "1/../2", s.Absent + "x", s.Absent + "?a=b", "^"} {
		_, err := s.NewCMDB(t).EnsureState(t.Context(), Op(), id, inventory.Retired, "x")
		kind(t, fault.Invalid, err)
	}
}

func badState(t *testing.T, s System) {
	op := Op()
	item := ensure(t, s, op)
	for _, state := range []inventory.State{"", "gone", "Retired"} {
		_, err := s.NewCMDB(t).EnsureState(t.Context(), op, item.ID, state, "x")
		kind(t, fault.Invalid, err)
	}
	require.Len(t, live(t, s, op), 1)
}

func badClass(t *testing.T, s System) {
	for _, class := range []string{s.Unknown, "../" + s.Class, s.Class + "^", "A B", strings.Repeat("x", 200)} {
		kind(t, fault.Invalid, s.NewCMDB(t).CheckClass(t.Context(), class))
		r := request(s)
		r.Class = class
		_, err := s.NewCMDB(t).EnsureItem(t.Context(), Op(), r)
		kind(t, fault.Invalid, err)
	}
	require.Empty(t, s.Items(t))
}

func badName(t *testing.T, s System) {
	for _, name := range []string{"", " ", "a^ORname=b", "a\nb", "javascript:gs.getUserName()", " web-01", strings.Repeat("x", 300)} {
		r := request(s)
		r.Name = name
		_, err := s.NewCMDB(t).EnsureItem(t.Context(), Op(), r)
		kind(t, fault.Invalid, err)
	}
	require.Empty(t, s.Items(t))
}

func badOperation(t *testing.T, s System) {
	for _, spoil := range []func(*operation.Op){
		func(op *operation.Op) { op.Key.Target = strings.Repeat("x", 200) },
		func(op *operation.Op) { op.Key.Target = "a^ORb=c" },
		func(op *operation.Op) { op.Owner = "server/a]\n[fermata owner b" },
		func(op *operation.Op) { op.Owner = "" },
	} {
		op := Op()
		spoil(&op)
		_, err := s.NewCMDB(t).EnsureItem(t.Context(), op, request(s))
		kind(t, fault.Invalid, err)
	}
	require.Empty(t, s.Items(t))
}

func badAttribute(t *testing.T, s System) {
	for _, name := range []string{"", "a b", "a\nb", "Upper", "a: b", "[fermata owner x]"} {
		r := request(s)
		r.Attributes = map[string]string{name: "x"}
		_, err := s.NewCMDB(t).EnsureItem(t.Context(), Op(), r)
		kind(t, fault.Invalid, err)
	}
	r := request(s)
	r.Attributes = map[string]string{}
	for _, c := range "abcdefghijklmnop" {
		r.Attributes[string(c)] = strings.Repeat("y", 490)
	}
	_, err := s.NewCMDB(t).EnsureItem(t.Context(), Op(), r)
	kind(t, fault.Invalid, err)
	require.Empty(t, s.Items(t))
}

func othersTicket(t *testing.T, s System) {
	op := Op()
	r := request(s)
	r.Ticket = s.OpenTicket(t, Op())
	_, err := s.NewCMDB(t).EnsureItem(t.Context(), op, r)
	kind(t, fault.Conflict, err)
	require.Empty(t, s.Linked(t, r.Ticket))
}

func ticketElsewhere(t *testing.T, s System) {
	for _, ticket := range []string{"4711", "https://tickets.estate.test/4711", "a^ORactive=true"} {
		op := Op()
		op.Owner, op.Key.Target = operation.Owner("server/of-"+op.Key.Run), "web-01"
		r := request(s)
		r.Name, r.Ticket = "of-"+op.Key.Run, ticket
		item, err := s.NewCMDB(t).EnsureItem(t.Context(), op, r)
		require.NoError(t, err)
		require.Empty(t, item.Ticket)
		require.Len(t, live(t, s, op), 1)
	}
}

func badQuery(t *testing.T, s System) {
	ensure(t, s, Op())
	for _, q := range []inventory.Query{
		{Name: "a^ORname=web-01", Class: s.Class},
		{Name: "javascript:gs.getUserName()", Class: s.Class},
		{Name: "web-01", Class: s.Unknown},
		{Owner: "server/web-01]^ORname=web-01"},
		{Owner: "a\nb"},
		{Owner: operation.Owner(strings.Repeat("x", 200))},
	} {
		_, err := s.NewCMDB(t).FindItems(t.Context(), q)
		kind(t, fault.Invalid, err)
	}
}

func endedContext(t *testing.T, s System) {
	op := Op()
	_, err := s.NewCMDB(t).EnsureItem(ended(t), op, request(s))
	kind(t, fault.Unavailable, err)
	require.Empty(t, s.Items(t))
	item := ensure(t, s, op)
	_, err = s.NewCMDB(t).EnsureState(ended(t), op, item.ID, inventory.Retired, "x")
	kind(t, fault.Unavailable, err)
	require.Len(t, live(t, s, op), 1)
}

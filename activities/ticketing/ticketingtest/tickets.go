package ticketingtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

func ticketCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"Check passes":                          checkPasses,
		"Check finds no such queue":             checkUnknownQueue,
		"a ticket is opened":                    opens,
		"the same operation finds its ticket":   finds,
		"another operation opens another":       anotherOperation,
		"parallel attempts leave one":           inParallel,
		"of two tickets the older stays":        olderStays,
		"a closed ticket is found, not doubled": closedIsFound,
		"a ticket of nobody is not adopted":     foreignStays,
		"keys that differ in case differ":       caseMatters,
		"a key that is no key is refused":       hostileKeys,
		"no such queue opens nothing":           unknownQueue,
		"an odd text is no harm":                oddText,
		"an ended context opens nothing":        endedOpensNothing,
	}
}

func checkPasses(t *testing.T, s System) {
	require.NoError(t, s.NewDesk(t).Check(t.Context(), s.Queue))
	require.NoError(t, s.NewDesk(t).Check(t.Context(), ""))
	require.Empty(t, s.Tickets(t))
}

func checkUnknownQueue(t *testing.T, s System) {
	for _, queue := range []string{"No such queue", "..", "../rt", s.Queue + "/x", "a?b#c"} {
		err := s.NewDesk(t).Check(t.Context(), queue)
		kind(t, fault.NotFound, err)
	}
}

func opens(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	require.Equal(t, op.Key.String(), ticket.Key)
	require.Equal(t, op.Owner, ticket.Owner)
	require.Equal(t, s.Queue, ticket.Queue)
	require.Equal(t, "Provision server web-01", ticket.Subject)
	require.Equal(t, ticketing.Open, ticket.Status)
	require.Contains(t, ticket.Link, ticket.ID)
	require.Len(t, s.Tickets(t), 1)
	require.Equal(t, op.Key.String(), judged(t, s, ticket.ID).Key)
}

func finds(t *testing.T, s System) {
	op := Op()
	first := ensure(t, s, op)
	for range 3 {
		require.Equal(t, first, ensure(t, s, op))
	}
	require.Len(t, s.Tickets(t), 1)
}

func anotherOperation(t *testing.T, s System) {
	a, b := Op(), Op()
	require.NotEqual(t, ensure(t, s, a).ID, ensure(t, s, b).ID)
	c := a
	c.Key.Target = "web-02"
	ensure(t, s, c)
	require.Len(t, s.Tickets(t), 3)
	for _, op := range []operation.Op{a, b, c} {
		require.Len(t, live(t, s, op), 1)
	}
}

func inParallel(t *testing.T, s System) {
	op := Op()
	ids := make([]string, 6)
	parallel(t, len(ids), func(i int) error {
		_, err := until(func() error {
			ticket, err := s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
			ids[i] = ticket.ID
			return err
		})
		return err
	})
	stays := ensure(t, s, op)
	for _, id := range ids {
		require.Equal(t, stays.ID, id, "every attempt got the same ticket")
	}
	open := 0
	for _, ticket := range s.Tickets(t) {
		if ticket.Status == ticketing.Open {
			open++
		}
	}
	require.Equal(t, 1, open, "one ticket waits for somebody")
}

func olderStays(t *testing.T, s System) {
	op := Op()
	older := s.Foreign(t, s.Queue, "made by a lost attempt", op.Key.String(), op.Owner)
	younger := s.Foreign(t, s.Queue, "made by another", op.Key.String(), op.Owner)
	ticket := ensure(t, s, op)
	require.Equal(t, older, ticket.ID)
	require.Equal(t, ticketing.Open, judged(t, s, older).Status)
	require.NotEqual(t, ticketing.Open, judged(t, s, younger).Status)
	require.Equal(t, 1, notes(t, s, younger, "ticket "+older), "a note says which ticket counts")
	ensure(t, s, op)
	require.Equal(t, 1, notes(t, s, younger, "ticket "+older))
	require.Len(t, s.Tickets(t), 2, "nothing is deleted")
}

func closedIsFound(t *testing.T, s System) {
	op := Op()
	first := ensure(t, s, op)
	_, err := s.NewDesk(t).EnsureStatus(t.Context(), op, first.ID, ticketing.Resolved)
	require.NoError(t, err)
	again := ensure(t, s, op)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, ticketing.Resolved, again.Status)
	require.Len(t, s.Tickets(t), 1)
}

func foreignStays(t *testing.T, s System) {
	op := Op()
	foreign := s.Foreign(t, s.Queue, request(s).Subject, "", "")
	require.NotEqual(t, foreign, ensure(t, s, op).ID)
	require.Equal(t, ticketing.Open, judged(t, s, foreign).Status)
	require.Empty(t, judged(t, s, foreign).Notes)
}

func caseMatters(t *testing.T, s System) {
	a := Op()
	s.Foreign(t, s.Queue, "other", strings.ToLower(a.Key.String()), a.Owner)
	b := a
	require.Equal(t, b.Key.String(), ensure(t, s, b).Key)
	require.Len(t, live(t, s, b), 1)
}

func hostileKeys(t *testing.T, s System) {
	victim := Op()
	ensure(t, s, victim)
	for _, target := range []string{
		"x' OR id > '0", `x\' OR id > 0 OR 'a' = '`, "x\" OR 1=1", "x} IS NOT NULL OR 'CF.{y", "x\ny", "x y", "", "é", "x\x00", strings.Repeat("x", 300), "x%27", "x__CurrentUser__'",
	} {
		op := Op()
		op.Key.Target = target
		_, err := s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
		if target == "" { // No target is odd, but harmless.
			continue
		}
		kind(t, fault.Invalid, err)
		op = Op()
		op.Owner = operation.Owner(target)
		_, err = s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
		kind(t, fault.Invalid, err)
	}
	require.LessOrEqual(t, len(s.Tickets(t)), 2)
	require.Len(t, live(t, s, victim), 1)
}

func unknownQueue(t *testing.T, s System) {
	r := request(s)
	r.Queue = "No such queue"
	_, err := s.NewDesk(t).EnsureTicket(t.Context(), Op(), r)
	kind(t, fault.NotFound, err)
	require.Empty(t, s.Tickets(t))
}

func oddText(t *testing.T, s System) {
	op := Op()
	r := request(s)
	r.Subject = "a\r\nBcc: x@example.net\x00\x1b[31m " + strings.Repeat("ü", 500)
	r.Text = "\x00\x07\x1b]0;title\a\u202Eright to left\xff <script>alert(1)</script>\n" + strings.Repeat("long ", 30000)
	r.Requester = "alice\nadmin"
	ticket, err := s.NewDesk(t).EnsureTicket(t.Context(), op, r)
	require.NoError(t, err)
	require.NotContains(t, ticket.Subject, "\n")
	require.NotContains(t, ticket.Subject, "\x1b")
	again, err := s.NewDesk(t).EnsureTicket(t.Context(), op, r)
	require.NoError(t, err)
	require.Equal(t, ticket, again)
	require.Len(t, s.Tickets(t), 1)
}

func endedOpensNothing(t *testing.T, s System) {
	_, err := s.NewDesk(t).EnsureTicket(ended(t), Op(), request(s))
	kind(t, fault.Unavailable, err)
	require.Empty(t, s.Tickets(t))
}

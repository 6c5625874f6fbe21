package ticketingtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/ticketing"
)

func troubleCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"a lost answer opens one ticket":      loseOpening,
		"lost answers again and again":        loseMany,
		"a lost answer adds one note":         loseNote,
		"a lost answer sets the status":       loseStatus,
		"a lost answer closes the double":     loseClosing,
		"a refusal changes nothing":           refuse,
		"a system that is away":               away,
		"a refused credential":                denied,
		"a credential without rights":         weak,
		"a sequence with every answer lost":   loseEverything,
		"refusals in the middle are overcome": refuseInTheMiddle,
	}
}

func loseOpening(t *testing.T, s System) {
	op := Op()
	s.LoseNext(1)
	_, err := s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
	if err != nil {
		kind(t, fault.Ambiguous, err)
	}
	require.Len(t, s.Tickets(t), 1, "the change was made")
	ensure(t, s, op)
	require.Len(t, s.Tickets(t), 1)
	require.Len(t, live(t, s, op), 1)
}

func loseMany(t *testing.T, s System) {
	op := Op()
	s.LoseNext(3)
	attempts, err := until(func() error {
		_, err := s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
		return err
	})
	require.NoError(t, err)
	require.LessOrEqual(t, attempts, 4)
	require.Len(t, live(t, s, op), 1)
}

func loseNote(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	s.LoseNext(1)
	err := s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "a", "text")
	if err != nil {
		kind(t, fault.Ambiguous, err)
	}
	require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "a", "text"))
	require.Equal(t, 1, notes(t, s, ticket.ID, "text"))
}

func loseStatus(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	s.LoseNext(1)
	_, err := s.NewDesk(t).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
	if err != nil {
		kind(t, fault.Ambiguous, err)
	}
	got, err := s.NewDesk(t).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
	require.NoError(t, err)
	require.Equal(t, ticketing.Resolved, got.Status)
}

func loseClosing(t *testing.T, s System) {
	op := Op()
	older := s.Foreign(t, s.Queue, "lost", op.Key.String(), op.Owner)
	younger := s.Foreign(t, s.Queue, "lost too", op.Key.String(), op.Owner)
	s.LoseNext(2)
	_, err := until(func() error {
		_, err := s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
		return err
	})
	require.NoError(t, err)
	require.Equal(t, 1, notes(t, s, younger, "ticket "+older))
	require.NotEqual(t, ticketing.Open, judged(t, s, younger).Status)
	require.Equal(t, ticketing.Open, judged(t, s, older).Status)
}

func refuse(t *testing.T, s System) {
	op := Op()
	s.FailNext(1)
	_, err := s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
	kind(t, fault.Unavailable, err)
	require.Empty(t, s.Tickets(t))
	ensure(t, s, op)
	require.Len(t, s.Tickets(t), 1)
}

func away(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	s.Down(t)
	desk := s.NewDesk(t)
	kind(t, fault.Unavailable, desk.Check(t.Context(), s.Queue))
	_, err := desk.EnsureTicket(t.Context(), Op(), request(s))
	kind(t, fault.Unavailable, err)
	kind(t, fault.Unavailable, desk.EnsureNote(t.Context(), op, ticket.ID, "a", "x"))
	_, err = desk.EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
	kind(t, fault.Unavailable, err)
}

func denied(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	desk := s.Denied(t)
	kind(t, fault.Unauthorized, desk.Check(t.Context(), ""))
	kind(t, fault.Unauthorized, desk.Check(t.Context(), s.Queue))
	_, err := desk.EnsureTicket(t.Context(), Op(), request(s))
	kind(t, fault.Unauthorized, err)
	kind(t, fault.Unauthorized, desk.EnsureNote(t.Context(), op, ticket.ID, "a", "x"))
	_, err = desk.EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
	kind(t, fault.Unauthorized, err)
	require.Len(t, s.Tickets(t), 1)
}

func weak(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	desk := s.Weak(t)
	kind(t, fault.Unauthorized, desk.Check(t.Context(), s.Queue))
	_, err := desk.EnsureTicket(t.Context(), Op(), request(s))
	kind(t, fault.Unauthorized, err)
	kind(t, fault.Unauthorized, desk.EnsureNote(t.Context(), op, ticket.ID, "a", "x"))
	_, err = desk.EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
	kind(t, fault.Unauthorized, err)
	require.Len(t, s.Tickets(t), 1)
	require.Equal(t, ticketing.Open, judged(t, s, ticket.ID).Status)
	require.Empty(t, judged(t, s, ticket.ID).Notes)
}

// loseEverything goes through a run's whole use of a ticket while the answer to every change is lost.
func loseEverything(t *testing.T, s System) {
	op := Op()
	s.LoseNext(1)
	var id string
	_, err := until(func() error {
		ticket, err := s.NewDesk(t).EnsureTicket(t.Context(), op, request(s))
		id = ticket.ID
		return err
	})
	require.NoError(t, err)
	for _, note := range []string{"planned", "approved", "done"} {
		s.LoseNext(1)
		_, err = until(func() error { return s.NewDesk(t).EnsureNote(t.Context(), op, id, note, "now "+note) })
		require.NoError(t, err)
	}
	s.LoseNext(1)
	_, err = until(func() error {
		_, err := s.NewDesk(t).EnsureStatus(t.Context(), op, id, ticketing.Resolved)
		return err
	})
	require.NoError(t, err)
	require.Len(t, s.Tickets(t), 1)
	require.Len(t, judged(t, s, id).Notes, 3)
	require.Equal(t, ticketing.Resolved, judged(t, s, id).Status)
}

func refuseInTheMiddle(t *testing.T, s System) {
	op := Op()
	desk := s.NewDesk(t)
	var id string
	for refusals := range 4 {
		_, err := until(func() error {
			s.FailNext(refusals)
			refusals = 0
			ticket, err := desk.EnsureTicket(t.Context(), op, request(s))
			id = ticket.ID
			return err
		})
		require.NoError(t, err)
	}
	require.Len(t, s.Tickets(t), 1)
	require.Len(t, live(t, s, op), 1)
	require.NotEmpty(t, id)
}

package ticketingtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

func noteCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"a note is added once":                notesOnce,
		"a note is found in a long history":   notesInLongHistory,
		"a note cannot pose as another":       notesCannotPose,
		"a note with a bad id is refused":     notesBadID,
		"a note to no ticket is refused":      notesNoTicket,
		"a note's text is made harmless":      notesHarmless,
		"an ended context adds no note":       notesEnded,
		"the same note on two tickets is two": notesOnTwo,
	}
}

func notesOnce(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	for range 3 {
		require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "step/deploy/done", "deployed web-01"))
	}
	require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "step/deploy/done2", "deployed web-01"))
	require.Equal(t, 2, notes(t, s, ticket.ID, "deployed web-01"))
	require.Equal(t, 1, notes(t, s, ticket.ID, "[fermata note step/deploy/done]"), "the id stands in the note")
}

func notesInLongHistory(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "first", "the first"))
	var remarks []string
	for i := range 130 {
		remarks = append(remarks, fmt.Sprintf("remark %d", i))
	}
	s.Touch(t, ticket.ID, remarks...)
	require.GreaterOrEqual(t, len(judged(t, s, ticket.ID).Notes), len(remarks))
	require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "first", "the first"))
	require.Equal(t, 1, notes(t, s, ticket.ID, "the first"))
}

func notesCannotPose(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "a", "output:\n[fermata note b]\n"))
	require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "b", "the real b"))
	require.Equal(t, 1, notes(t, s, ticket.ID, "the real b"))
	require.Equal(t, 1, notes(t, s, ticket.ID, "[fermata note b]"))
}

func notesBadID(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	for _, id := range []string{"", " ", "a]b", "a\nb", "é", "-a", strings.Repeat("a", 200), "a b"} {
		kind(t, fault.Invalid, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, id, "x"))
	}
	require.Empty(t, judged(t, s, ticket.ID).Notes)
}

func notesNoTicket(t *testing.T, s System) {
	op := Op()
	kind(t, fault.NotFound, s.NewDesk(t).EnsureNote(t.Context(), op, absent(s), "a", "x"))
	for _, id := range []string{"", "0", "-1", "1/../2", "x", "01", "1?a=b"} {
		kind(t, fault.Invalid, s.NewDesk(t).EnsureNote(t.Context(), op, id, "a", "x"))
	}
}

func notesHarmless(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	text := "line 1\r\nline 2\x00\x1b[2J\u202E\xff ü → <b>\n" + strings.Repeat("x", 200000)
	require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "odd", text))
	require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "odd", text))
	got := judged(t, s, ticket.ID).Notes
	require.Len(t, got, 1)
	require.Contains(t, got[0], "line 1\nline 2")
	require.Contains(t, got[0], "ü → <b>")
	require.NotContains(t, got[0], "\x1b")
	require.NotContains(t, got[0], "\u202E")
	require.Less(t, len(got[0]), 100000)
	require.Contains(t, got[0], "[fermata note odd]", "the id stands there though the text was cut")
}

func notesEnded(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	kind(t, fault.Unavailable, s.NewDesk(t).EnsureNote(ended(t), op, ticket.ID, "a", "x"))
	require.Empty(t, judged(t, s, ticket.ID).Notes)
}

func notesOnTwo(t *testing.T, s System) {
	a, b := Op(), Op()
	for _, op := range []operation.Op{a, b} {
		ticket := ensure(t, s, op)
		require.NoError(t, s.NewDesk(t).EnsureNote(t.Context(), op, ticket.ID, "same", "text"))
		require.Equal(t, 1, notes(t, s, ticket.ID, "[fermata note same]"))
	}
}

func statusCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"every status is reached and kept":    statusReached,
		"a status that is forbidden":          statusForbidden,
		"a ticket of another run stays":       statusForeign,
		"an unknown status is refused":        statusUnknown,
		"a status of no ticket":               statusNoTicket,
		"an ended context changes no status":  statusEnded,
		"a status is set though people write": statusAmongPeople,
	}
}

func statusReached(t *testing.T, s System) {
	ways := [][]ticketing.Status{{ticketing.Open, ticketing.Resolved, ticketing.Resolved, ticketing.Open, ticketing.Rejected}}
	if s.Final {
		ways = [][]ticketing.Status{{ticketing.Open, ticketing.Resolved, ticketing.Resolved}, {ticketing.Rejected, ticketing.Rejected}}
	}
	for _, way := range ways {
		op := Op()
		ticket := ensure(t, s, op)
		op.Key.Step = "ticket/close" // Another step of the same run.
		for _, want := range way {
			got, err := s.NewDesk(t).EnsureStatus(t.Context(), op, ticket.ID, want)
			require.NoError(t, err)
			require.Equal(t, want, got.Status)
			require.Equal(t, ticket.ID, got.ID)
			require.Equal(t, want, judged(t, s, ticket.ID).Status)
		}
	}
}

func statusForbidden(t *testing.T, s System) {
	op := Op()
	r := request(s)
	r.Queue = s.Strict
	ticket, err := s.NewDesk(t).EnsureTicket(t.Context(), op, r)
	require.NoError(t, err)
	_, err = s.NewDesk(t).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
	require.NoError(t, err)
	_, err = s.NewDesk(t).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Open)
	kind(t, fault.Conflict, err)
	require.Equal(t, ticketing.Resolved, judged(t, s, ticket.ID).Status)
}

func statusForeign(t *testing.T, s System) {
	other := Op()
	for _, id := range []string{s.Foreign(t, s.Queue, "a person's", "", ""), s.Foreign(t, s.Queue, "another run's", other.Key.String(), other.Owner)} {
		_, err := s.NewDesk(t).EnsureStatus(t.Context(), Op(), id, ticketing.Resolved)
		kind(t, fault.Conflict, err)
		require.Equal(t, ticketing.Open, judged(t, s, id).Status)
	}
}

func statusUnknown(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	for _, status := range []ticketing.Status{"", "deleted", "done", "RESOLVED"} {
		_, err := s.NewDesk(t).EnsureStatus(t.Context(), op, ticket.ID, status)
		kind(t, fault.Invalid, err)
	}
	require.Equal(t, ticketing.Open, judged(t, s, ticket.ID).Status)
}

func statusNoTicket(t *testing.T, s System) {
	_, err := s.NewDesk(t).EnsureStatus(t.Context(), Op(), absent(s), ticketing.Resolved)
	kind(t, fault.NotFound, err)
	_, err = s.NewDesk(t).EnsureStatus(t.Context(), Op(), "1 OR 1", ticketing.Resolved)
	kind(t, fault.Invalid, err)
}

func statusEnded(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	_, err := s.NewDesk(t).EnsureStatus(ended(t), op, ticket.ID, ticketing.Resolved)
	kind(t, fault.Unavailable, err)
	require.Equal(t, ticketing.Open, judged(t, s, ticket.ID).Status)
}

func statusAmongPeople(t *testing.T, s System) {
	op := Op()
	ticket := ensure(t, s, op)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 5 {
			s.Touch(t, ticket.ID, fmt.Sprintf("remark %d", i))
		}
	}()
	_, err := until(func() error {
		_, err := s.NewDesk(t).EnsureStatus(t.Context(), op, ticket.ID, ticketing.Resolved)
		return err
	})
	<-done
	require.NoError(t, err)
	require.Equal(t, ticketing.Resolved, judged(t, s, ticket.ID).Status)
}

package notifytest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

func troubleCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"an ended context sends nothing":    endedContext,
		"a refusal sends nothing":           refused,
		"a system that asks for patience":   throttled,
		"a system that is away":             away,
		"a lost answer is no refusal":       lost,
		"after a lost answer the id stays":  lostAndAgain,
		"lost again and again":              lostOften,
		"refusals in the middle are no end": refusedInTheMiddle,
	}
}

func endedContext(t *testing.T, s System) {
	notifier := s.New(t)
	kind(t, fault.Unavailable, notifier.Send(ended(t), s.To, Notice()))
	kind(t, fault.Unavailable, notifier.Check(ended(t)))
	require.Empty(t, s.Delivered(t))
}

func refused(t *testing.T, s System) {
	n := Notice()
	s.FailNext(1)
	kind(t, fault.Unavailable, s.New(t).Send(t.Context(), s.To, n))
	require.Empty(t, s.Delivered(t))
	send(t, s, n)
	require.Equal(t, n.ID, only(t, s).ID)
}

func throttled(t *testing.T, s System) {
	n := Notice()
	s.ThrottleNext(1)
	kind(t, fault.Throttled, s.New(t).Send(t.Context(), s.To, n))
	require.Empty(t, s.Delivered(t))
	send(t, s, n)
	require.Equal(t, n.ID, only(t, s).ID)
}

func away(t *testing.T, s System) {
	s.Down(t)
	notifier := s.New(t)
	kind(t, fault.Unavailable, notifier.Check(t.Context()))
	kind(t, fault.Unavailable, notifier.Send(t.Context(), s.To, Notice()))
	require.Empty(t, s.Delivered(t))
}

func lost(t *testing.T, s System) {
	n := Notice()
	s.LoseNext(1)
	kind(t, fault.Ambiguous, s.New(t).Send(t.Context(), s.To, n))
	require.Equal(t, n.ID, only(t, s).ID, "it was taken")
}

func lostAndAgain(t *testing.T, s System) {
	n := Notice()
	s.LoseNext(1)
	kind(t, fault.Ambiguous, s.New(t).Send(t.Context(), s.To, n))
	send(t, s, n)
	for _, one := range s.Delivered(t) {
		require.Equal(t, n.ID, one.ID)
		require.Contains(t, one.Title, n.Title)
	}
}

func lostOften(t *testing.T, s System) {
	n := Notice()
	s.LoseNext(3)
	attempts := 0
	for err := error(fault.New(fault.Ambiguous, "first")); err != nil; attempts++ {
		require.Less(t, attempts, 5)
		require.True(t, fault.KindOf(err).Retryable(), "%v", err)
		err = s.New(t).Send(t.Context(), s.To, n)
	}
	require.Equal(t, 4, attempts)
	require.LessOrEqual(t, len(s.Delivered(t)), attempts)
}

func refusedInTheMiddle(t *testing.T, s System) {
	notifier := s.New(t)
	want := map[string]bool{}
	for refusals := range 3 {
		n := Notice()
		want[n.ID] = true
		s.FailNext(refusals)
		for range refusals {
			kind(t, fault.Unavailable, notifier.Send(t.Context(), s.To, n))
		}
		require.NoError(t, notifier.Send(t.Context(), s.To, n))
	}
	got := s.Delivered(t)
	require.Len(t, got, len(want))
	for _, one := range got {
		require.True(t, want[one.ID])
	}
}

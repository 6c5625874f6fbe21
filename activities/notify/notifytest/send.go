package notifytest

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/notify"
)

func sendCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"a notice arrives whole":               arrives,
		"every event arrives as such":          everyEvent,
		"a notice with nothing but the needed": least,
		"any script and any sign arrive":       anyScript,
		"lines that a protocol could misread":  oddLines,
		"a long notice is cut, and says so":    long,
		"characters that turn others are gone": harmless,
		"a notice sent again keeps its id":     again,
		"other notices have other ids":         others,
		"many at once":                         atOnce,
		"a check sends nothing":                checkSendsNothing,
		"a system is used after a pause":       afterPause,
	}
}

func arrives(t *testing.T, s System) {
	n := Notice()
	send(t, s, n)
	got := only(t, s)
	require.Equal(t, n.ID, got.ID)
	require.Equal(t, n.Event, got.Event)
	require.Contains(t, got.Title, n.Title)
	require.Subset(t, got.Lines, n.Text)
	all := strings.Join(got.Lines, "\n")
	for _, part := range []string{n.Run, n.WorkflowID, n.Kind, n.Group, n.Hash, n.Requester, n.Ticket, "2026-03-02", "2026-03-01"} {
		require.Contains(t, all, part)
	}
}

func everyEvent(t *testing.T, s System) {
	for i, event := range []notify.Event{notify.Waiting, notify.Escalated, notify.Held, notify.Ended} {
		n := Notice()
		n.Event, n.Outcome = event, "undone"
		send(t, s, n)
		got := s.Delivered(t)
		require.Len(t, got, i+1)
		require.Equal(t, event, got[i].Event)
		require.Contains(t, strings.Join(got[i].Lines, "\n"), "undone")
	}
}

func least(t *testing.T, s System) {
	full := Notice()
	n := notify.Notice{ID: full.ID, Event: notify.Ended, Run: full.Run, WorkflowID: full.WorkflowID, At: full.At, Title: full.Title}
	send(t, s, n)
	got := only(t, s)
	require.Contains(t, got.Title, n.Title)
	require.NotContains(t, strings.Join(got.Lines, "\n"), "0001-01-01", "what is absent is not shown")
}

func anyScript(t *testing.T, s System) {
	n := Notice()
	n.Title = "Prüfung: сервер web-01 wartet → 日本語 😀 =?utf-8?q?x?= <b> \"q\" \\"
	n.Text = []string{"Größe: 20 GiB → 40 GiB", "日本語のテキスト 😀", "<b>&amp; \"quoted\" \\ 'x' %s ${HOME}", "=C3=BC stays", strings.Repeat("ü ", 300)}
	send(t, s, n)
	got := only(t, s)
	require.Contains(t, got.Title, n.Title)
	n.Text[4] = strings.TrimSpace(n.Text[4])
	require.Subset(t, got.Lines, n.Text)
}

func oddLines(t *testing.T, s System) {
	n := Notice()
	n.Text = []string{".", "..", ".leading", "From here on", "", "--", "QUIT", "Subject: x", strings.Repeat("x", 890), "."}
	send(t, s, n)
	got := only(t, s)
	at := 0
	for _, line := range got.Lines {
		if at < len(n.Text) && line == n.Text[at] {
			at++
		}
	}
	require.Equal(t, len(n.Text), at, "all lines, in order: %q", got.Lines)
}

func long(t *testing.T, s System) {
	n := Notice()
	n.Title = strings.Repeat("long ", 100)
	n.Text = []string{strings.Repeat("x", 5000), strings.Repeat("line\n", 50000)}
	send(t, s, n)
	got := only(t, s)
	require.Contains(t, got.Title, "[cut]")
	require.Contains(t, got.Lines, "[cut]")
	require.Less(t, len(got.Raw), 30000)
	require.Contains(t, strings.Join(got.Lines, "\n"), n.Ticket, "what follows the text is there all the same")
}

func harmless(t *testing.T, s System) {
	n := Notice()
	n.Title = "held: \u202Egpj.exe"
	n.Requester = "alice\r\nBcc: eve@example.net"
	n.Text = []string{"a\x1b[2Jb\x00\u202E\xff", "one\r\n.\r\nMAIL FROM:<eve@example.net>\r\n"}
	send(t, s, n)
	got := only(t, s)
	require.NotContains(t, got.Title, "\u202E")
	all := strings.Join(got.Lines, "\n")
	require.NotContains(t, all, "\x1b")
	require.NotContains(t, all, "\u202E")
	require.NotContains(t, all, "\x00")
	require.NotContains(t, "\n"+all, "\nBcc:", "a field has one line")
	require.Contains(t, got.Lines, "MAIL FROM:<eve@example.net>")
}

func again(t *testing.T, s System) {
	n := Notice()
	for range 3 {
		send(t, s, n)
	}
	got := s.Delivered(t)
	require.NotEmpty(t, got)
	for _, one := range got {
		require.Equal(t, n.ID, one.ID)
	}
}

func others(t *testing.T, s System) {
	ids := map[string]bool{}
	for range 3 {
		send(t, s, Notice())
	}
	for _, one := range s.Delivered(t) {
		ids[one.ID] = true
	}
	require.Len(t, ids, 3)
}

func atOnce(t *testing.T, s System) {
	var group sync.WaitGroup
	notifier := s.New(t)
	faults := make([]error, 8)
	want := map[string]bool{}
	for i := range faults {
		n := Notice()
		want[n.ID] = true
		group.Go(func() { faults[i] = notifier.Send(t.Context(), s.To, n) })
	}
	group.Wait()
	for _, err := range faults {
		require.NoError(t, err)
	}
	for _, one := range s.Delivered(t) {
		delete(want, one.ID)
	}
	require.Empty(t, want)
}

func checkSendsNothing(t *testing.T, s System) {
	require.NoError(t, s.New(t).Check(t.Context()))
	require.Empty(t, s.Delivered(t))
}

func afterPause(t *testing.T, s System) {
	notifier := s.New(t)
	for range 2 {
		require.NoError(t, notifier.Check(t.Context()))
		require.NoError(t, notifier.Send(t.Context(), s.To, Notice()))
	}
	require.Len(t, s.Delivered(t), 2)
}

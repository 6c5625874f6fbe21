package notifytest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/notify"
)

func refuseCases() map[string]func(*testing.T, System) {
	return map[string]func(*testing.T, System){
		"a recipient that nobody knows":      unknownRecipient,
		"an address of the wrong form":       wrongAddress,
		"an address with a line break":       brokenAddress,
		"a title with a line break":          brokenTitle,
		"an id that could end a header":      brokenID,
		"an event that is none":              unknownEvent,
		"a notice that says too little":      incomplete,
		"a refused credential":               denied,
		"a certificate that is not trusted":  untrusted,
		"a notice that the system finds big": tooLarge,
	}
}

func unknownRecipient(t *testing.T, s System) {
	notifier, to := s.Unknown(t)
	err := notifier.Send(t.Context(), to, Notice())
	kind(t, fault.NotFound, err)
	require.Empty(t, s.Delivered(t))
}

func wrongAddress(t *testing.T, s System) {
	require.NotEmpty(t, s.NoAddresses)
	for _, to := range s.NoAddresses {
		kind(t, fault.Invalid, s.New(t).Send(t.Context(), to, Notice()))
	}
	require.Empty(t, s.Delivered(t))
}

func brokenAddress(t *testing.T, s System) {
	for _, end := range []string{"\r\nRCPT TO:<eve@example.net>", "\nBcc: eve@example.net", "\r", "\x00", ">\r\nDATA"} {
		kind(t, fault.Invalid, s.New(t).Send(t.Context(), s.To+end, Notice()))
	}
	require.Empty(t, s.Delivered(t))
}

func brokenTitle(t *testing.T, s System) {
	for _, title := range []string{"held\r\nBcc: eve@example.net", "held\nBcc: eve@example.net", "held\rBcc: eve", "held\x00", "\n", "", "\u00a0"} {
		n := Notice()
		n.Title = title
		kind(t, fault.Invalid, s.New(t).Send(t.Context(), s.To, n))
	}
	require.Empty(t, s.Delivered(t))
}

func brokenID(t *testing.T, s System) {
	for _, id := range []string{"", "a b", "a.b", "a\r\nBcc: eve@example.net", "a>", "ü", "-a", strings.Repeat("a", 200)} {
		n := Notice()
		n.ID = id
		kind(t, fault.Invalid, s.New(t).Send(t.Context(), s.To, n))
	}
	require.Empty(t, s.Delivered(t))
}

func unknownEvent(t *testing.T, s System) {
	for _, event := range []notify.Event{"", "WAITING", "done", "waiting\r\n"} {
		n := Notice()
		n.Event = event
		kind(t, fault.Invalid, s.New(t).Send(t.Context(), s.To, n))
	}
	require.Empty(t, s.Delivered(t))
}

func incomplete(t *testing.T, s System) {
	kind(t, fault.Invalid, s.New(t).Send(t.Context(), s.To, notify.Notice{}))
	n := Notice()
	n.WorkflowID = ""
	kind(t, fault.Invalid, s.New(t).Send(t.Context(), s.To, n))
	require.Empty(t, s.Delivered(t))
}

func denied(t *testing.T, s System) {
	notifier, credential := s.Denied(t)
	require.NotEmpty(t, credential)
	err := notifier.Send(t.Context(), s.To, Notice())
	kind(t, fault.Unauthorized, err)
	require.NotContains(t, err.Error(), credential)
	if !s.Blind {
		err = notifier.Check(t.Context())
		kind(t, fault.Unauthorized, err)
		require.NotContains(t, err.Error(), credential)
	}
	require.Empty(t, s.Delivered(t))
}

func untrusted(t *testing.T, s System) {
	notifier := s.Untrusted(t)
	kind(t, fault.Unauthorized, notifier.Check(t.Context()))
	kind(t, fault.Unauthorized, notifier.Send(t.Context(), s.To, Notice()))
	require.Empty(t, s.Delivered(t))
}

func tooLarge(t *testing.T, s System) {
	n := Notice()
	n.Text = []string{strings.Repeat("a long line\n", 500)}
	kind(t, fault.Invalid, s.Small(t).Send(t.Context(), s.To, n))
	require.Empty(t, s.Delivered(t))
}

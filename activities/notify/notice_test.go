package notify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/notify"
)

func notice() notify.Notice {
	return notify.Notice{
		ID: notify.ID("01J", "waiting", "nonce"), Event: notify.Waiting, Run: "01J", WorkflowID: "server/web-01",
		At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Title: "server/web-01 waits for an approval",
	}
}

func TestAnIDIsStableAndItsOwn(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ntc_5c717f2ff1ae3afdb2c266763d46c93b", notify.ID("01J", "waiting", "nonce"), "replays must find the same")
	seen := map[string]bool{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"a", "bc"}, {"ab", "c"}, {"abc"}, {"a", "b", "c"}, {"1:a,"}, {"a,1:b"}} {
		id := notify.ID(parts...)
		require.False(t, seen[id], "%q", parts)
		seen[id] = true
	}
}

func TestCheckedRefusesWhatIsForged(t *testing.T) {
	t.Parallel()
	_, err := notify.Checked(notice())
	require.NoError(t, err)
	for name, change := range map[string]func(*notify.Notice){
		"no id":             func(n *notify.Notice) { n.ID = "" },
		"id with a dot":     func(n *notify.Notice) { n.ID = "a.b" },
		"id with a break":   func(n *notify.Notice) { n.ID = "a\r\nBcc: eve@example.net" },
		"id ends in break":  func(n *notify.Notice) { n.ID += "\n" },
		"id too long":       func(n *notify.Notice) { n.ID = strings.Repeat("a", 129) },
		"no event":          func(n *notify.Notice) { n.Event = "" },
		"unknown event":     func(n *notify.Notice) { n.Event = "Waiting" },
		"no run":            func(n *notify.Notice) { n.Run = "" },
		"no workflow":       func(n *notify.Notice) { n.WorkflowID = "" },
		"no time":           func(n *notify.Notice) { n.At = time.Time{} },
		"no title":          func(n *notify.Notice) { n.Title = " \u00a0" },
		"title with break":  func(n *notify.Notice) { n.Title = "held\r\nBcc: eve@example.net" },
		"title with LF":     func(n *notify.Notice) { n.Title = "held\nBcc: eve@example.net" },
		"title with escape": func(n *notify.Notice) { n.Title = "held\x1b[2J" },
	} {
		n := notice()
		change(&n)
		_, err := notify.Checked(n)
		require.Equal(t, fault.Invalid, fault.KindOf(err), name)
	}
}

func TestCheckedMendsTexts(t *testing.T) {
	t.Parallel()
	n := notice()
	n.Title = "  held:\u202E  \xff  " + strings.Repeat("ü", 200)
	n.Requester, n.Group = "eve\r\nBcc: x", "approvers\x00"
	n.Text = []string{"a\r\nb\rc\n\nd  ", "e\x1b[2J\tf\u2028g", strings.Repeat("x", 2000), strings.Repeat("yy\n", 20000)}
	got, err := notify.Checked(n)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(got.Title, "held: \uFFFD ü"), got.Title)
	require.LessOrEqual(t, len(got.Title), 200)
	require.True(t, strings.HasSuffix(got.Title, "ü [cut]"), got.Title)
	require.Equal(t, "eve Bcc: x", got.Requester)
	require.Equal(t, "approvers", got.Group)
	require.Equal(t, []string{"a", "b", "c", "", "d", "e[2J fg"}, got.Text[:6])
	require.Equal(t, "[cut]", got.Text[len(got.Text)-1])
	require.Less(t, len(strings.Join(got.Text, "\n")), 13<<10)
	require.Equal(t, "a\r\nb\rc\n\nd  ", n.Text[0], "the caller's own stays")
}

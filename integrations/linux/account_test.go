package linux

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

func TestRules(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		"/usr/bin/id", "/usr/bin/id -u ada", `/usr/bin/whoami ""`, "/usr/bin/systemctl restart app@1.service", `/usr/bin/env A\=b c\,d e\:f \\`,
		"/usr/bin/journalctl -u app*", "/usr/bin/a ^[0-9]+$",
	} {
		require.NoError(t, checkRule(rule), rule)
	}
	for _, rule := range []string{
		"", " ", "ALL", "id", "/", "//bin/id", "/usr/bin/", "/usr/bin/id ", "/usr/bin/id  -u", "/usr/bin/id a,b", "/usr/bin/id a=b", "/usr/bin/id a:b", `/usr/bin/id \`,
		`/usr/bin/id \a`, "/usr/bin/id\t-u", "/usr/bin/id a\nb", "/usr/bin/id #", `/usr/bin/id a ""`, `/usr/bin/id "a"`, "!/usr/bin/id", "/usr/bin/[a-z]*", "/usr/./id",
	} {
		require.Equal(t, fault.Invalid, fault.KindOf(checkRule(rule)), "%q", rule)
	}
}

// FuzzCheckRule: what is taken names one program and cannot begin another command, another line or a comment.
func FuzzCheckRule(f *testing.F) {
	f.Add(`/usr/bin/env A\=b`)
	f.Add("/usr/bin/id, ALL")
	f.Fuzz(func(t *testing.T, rule string) {
		if checkRule(rule) != nil {
			return
		}
		plain := strings.NewReplacer(`\\`, "", `\,`, "", `\:`, "", `\=`, "").Replace(rule)
		require.False(t, strings.ContainsAny(plain, ",:=\\#!\n\r\t\x00"), rule)
		require.True(t, strings.HasPrefix(rule, "/"))
	})
}

func TestEndsAreDays(t *testing.T) {
	t.Parallel()
	midnight := time.Date(2030, 1, 2, 0, 0, 0, 0, time.UTC)
	for end, days := range map[time.Time]string{
		midnight: "21916", midnight.Add(time.Second): "21917", midnight.Add(24*time.Hour - time.Second): "21917", midnight.Add(-time.Second): "21916",
	} {
		require.Equal(t, days, expireDays(&end), end.String())
	}
	require.Equal(t, never, expireDays(nil))
}

func TestAccountsAreRead(t *testing.T) {
	t.Parallel()
	s, err := parseAccount("ada", "ada:x:1001:1001:fermata owner=instance/web-01 key=a/b/c:/home/ada:/bin/bash\nnone\n-\nada\nada users adm\nno\n")
	require.NoError(t, err)
	require.Equal(t, accountState{
		name: "ada", exists: true, uid: 1001, comment: "fermata owner=instance/web-01 key=a/b/c", home: "/home/ada", shell: "/bin/bash",
		password: noPassword, expires: never, groups: []string{"adm", "users"},
	}, s)
	require.NoError(t, s.ownedBy("instance/web-01"))
	require.Equal(t, fault.Conflict, fault.KindOf(s.ownedBy("instance/web-0")))
	for _, text := range []string{"", "ada", "ada:x:1:1:::\nnone\n-\nada\n", "ada:x:one:1::/:/bin/sh\nnone\n-\nada\nada\nno\n", "eve:x:1:1::/:/bin/sh\nnone\n-\nada\nada\nno\n"} {
		_, err := parseAccount("ada", text)
		require.Equal(t, fault.Invalid, fault.KindOf(err), text)
	}
}

package guest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What visudo 1.9.13 accepts and refuses.
func TestParseSudoers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "# note", "Defaults env_reset", "Defaults:ada !requiretty", "@includedir /etc/sudoers.d", "#includedir /etc/sudoers.d",
		"root ALL=(ALL:ALL) ALL", "%sudo ALL=(ALL:ALL) ALL", "ada ALL=(root) NOPASSWD: /usr/bin/id -u", "ada ALL=(ALL) NOPASSWD:ALL",
		"Cmnd_Alias WEB = /usr/bin/systemctl restart app", "ada ALL = NOPASSWD: WEB, !/bin/sh", "ada ALL=(root) NOPASSWD: /usr/bin/a b\\,c, \\\n  /usr/bin/d",
		`ada ALL=(root) NOPASSWD: /usr/bin/whoami ""`, "ada ALL=(root) NOPASSWD: sudoedit /etc/motd",
	} {
		_, bad := parseSudoers(text)
		require.Zero(t, bad, text)
	}
	for _, text := range []string{
		"ada", "ada ALL", "ada ALL=", "ada ALL=(root)", "ada ALL=(root) NOPASSWD:", "ada ALL=(root) NOPASSWD: id", "ada ALL=(root) NOPASSWD: /usr/bin/a b=c",
		"ada ALL=(root) NOPASSWD: /usr/bin/a,", "ada ALL=(root) NOPASSWD: /usr/bin/sudoedit /etc/motd", "Defaults", "@include", "ada lovelace",
		"ada ALL=(root) NOPASSWD: /usr/bin/a \\", "=ALL",
	} {
		_, bad := parseSudoers(text)
		require.Equal(t, 1, bad, text)
	}
}

func TestRulesFitWhatTheyName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule, command string
		fits          bool
	}{
		{"ALL", "/bin/sh -c id", true},
		{"/usr/bin/id", "/usr/bin/id", true},
		{"/usr/bin/id", "/usr/bin/id -u ada", true},
		{"/usr/bin/id -u", "/usr/bin/id -u", true},
		{"/usr/bin/id -u", "/usr/bin/id", false},
		{"/usr/bin/id -u", "/usr/bin/id -u ada", false},
		{"/usr/bin/id -u", "/bin/id -u", false},
		{`/usr/bin/id ""`, "/usr/bin/id", true},
		{`/usr/bin/id ""`, "/usr/bin/id -u", false},
		{"/usr/bin/cat /var/log/*", "/usr/bin/cat /var/log/a /etc/shadow", true}, // As sudoers(5) warns.
		{"/usr/bin/cat /var/log/?", "/usr/bin/cat /var/log/ab", false},
		{`/usr/bin/a b\,c`, "/usr/bin/a b,c", true},
		{"/usr/bin/a ^[0-9]+$", "/usr/bin/a 12", true},
		{"/usr/bin/a ^[0-9]+$", "/usr/bin/a 1 2", false},
		{"/usr/bin/a ^(a$", "/usr/bin/a (a", false},
		{"/usr/bin/", "/usr/bin/id", true},
		{"/usr/bin/", "/usr/bin/x/id", false},
	} {
		words := strings.Fields(c.command)
		require.Equal(t, c.fits, fitsCommand(c.rule, words[0], words[1:]), "%s: %s", c.rule, c.command)
	}
}

// FuzzSudoers: a rule is understood or refused.
func FuzzSudoers(f *testing.F) {
	for _, seed := range []string{"ada ALL=(root) NOPASSWD: /usr/bin/id -u, !/bin/sh\n", "Defaults a\n#b", "ada ALL=(", "a b=\\,", "x \\\n y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, bad := parseSudoers(text)
		require.LessOrEqual(t, bad, strings.Count(text, "\n")+1)
		for _, rule := range rules {
			require.NotEmpty(t, rule.commands)
			for _, command := range rule.commands {
				_ = fitsCommand(command, "/usr/bin/id", []string{"-u"})
			}
		}
	})
}

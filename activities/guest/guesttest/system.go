package guesttest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/spec"
)

func whole(c Catalogue) guest.SystemRequest {
	return guest.SystemRequest{
		Hostname: "web-77", Domain: "estate.test",
		OS: spec.OS{
			Timezone: "Europe/Berlin",
			Packages: []string{c.Tool},
			Users:    []spec.User{{Name: "hello", System: true, Home: "/srv/hello", Shell: "/usr/sbin/nologin"}},
			Files: []spec.File{
				{Path: "/etc/fermata-test/motd", Content: "it's $HOME `here`\n", Owner: "root", Mode: "0644"},
				{Path: "/etc/fermata-test/key", Secret: "secret://file/key", Owner: "hello:hello", Mode: "0600"},
			},
		},
	}
}

func system(t *testing.T, b Bench) {
	t.Run("everything, then nothing", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		s := secrets("/etc/fermata-test/key", "SECRET canary\n")
		changes, err := f.access.EnsureSystem(t.Context(), op("os"), f.Host(), whole(b.Catalogue), s, progress())
		require.NoError(t, err)
		require.NotEmpty(t, changes)
		for _, line := range changes {
			require.NotContains(t, line, "SECRET")
		}
		require.Equal(t, "web-77", f.root("hostname"))
		require.Equal(t, "web-77", f.root("cat /etc/hostname"))
		require.Contains(t, f.root("cat /etc/hosts"), "web-77.estate.test")
		require.Contains(t, f.root("readlink -f /etc/localtime"), "Europe/Berlin")
		require.Contains(t, f.root("getent passwd hello"), ":/srv/hello:/usr/sbin/nologin")
		require.Equal(t, "installed", f.root("dpkg-query -W -f '${db:Status-Status}' %s", b.Catalogue.Tool))
		require.Equal(t, "it's $HOME `here`", f.root("cat /etc/fermata-test/motd"))
		require.Equal(t, "644 root root", f.root("stat -c '%%a %%U %%G' /etc/fermata-test/motd"))
		require.Equal(t, "SECRET canary", f.root("cat /etc/fermata-test/key"))
		require.Equal(t, "600 hello hello", f.root("stat -c '%%a %%U %%G' /etc/fermata-test/key"))

		again, err := f.Access(t).EnsureSystem(t.Context(), op("os"), f.Host(), whole(b.Catalogue), s, progress())
		require.NoError(t, err)
		require.Empty(t, again)
	})
	t.Run("what was changed by hand is put back", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		r := guest.SystemRequest{OS: spec.OS{Files: []spec.File{{Path: "/etc/fermata-test", Content: "ours\n"}}}}
		for _, harm := range []string{"true", "echo theirs > /etc/fermata-test", "chmod 0666 /etc/fermata-test", "rm -f /etc/fermata-test"} {
			f.root("%s", harm)
			changes, err := f.system(r)
			require.NoError(t, err)
			require.Len(t, changes, 1, harm)
			require.Equal(t, "ours", f.root("cat /etc/fermata-test"))
			require.Equal(t, "644", f.root("stat -c '%%a' /etc/fermata-test"))
		}
	})
	t.Run("what the request leaves empty is left alone", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		name := f.root("hostname")
		changes, err := f.system(guest.SystemRequest{})
		require.NoError(t, err)
		require.Empty(t, changes)
		require.Equal(t, name, f.root("hostname"))
	})
	if b.LoseNext != nil {
		t.Run("lost answers", func(t *testing.T) { t.Parallel(); lostSystem(t, b) })
	}
}

// lostSystem loses one answer in each attempt until nothing is left to change.
func lostSystem(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	require.NoError(t, f.reach())
	s := secrets("/etc/fermata-test/key", "x")
	for attempt := range 30 {
		b.LoseNext(f.Guest)
		_, err := f.access.EnsureSystem(t.Context(), op("os"), f.Host(), whole(b.Catalogue), s, progress())
		if err == nil {
			require.Positive(t, attempt, "no answer was lost")
			require.Equal(t, "web-77", f.root("hostname"))
			require.Equal(t, "x", f.root("cat /etc/fermata-test/key"))
			return
		}
		require.Equal(t, fault.Ambiguous, fault.KindOf(err), "%v", err)
	}
	require.Fail(t, "it never ends")
}

func systemRefusals(t *testing.T, b Bench) {
	file := func(f spec.File) guest.SystemRequest { return guest.SystemRequest{OS: spec.OS{Files: []spec.File{f}}} }
	for name, c := range map[string]struct {
		prepare string
		request guest.SystemRequest
		kind    fault.Kind
	}{
		"an unknown package":       {"", guest.SystemRequest{OS: spec.OS{Packages: []string{"no-such-package"}}}, fault.Invalid},
		"an unknown version":       {"", guest.SystemRequest{OS: spec.OS{Packages: []string{b.Catalogue.Tool + "=99:99"}}}, fault.Invalid},
		"an option as package":     {"", guest.SystemRequest{OS: spec.OS{Packages: []string{"--purge"}}}, fault.Invalid},
		"an unknown time zone":     {"", guest.SystemRequest{OS: spec.OS{Timezone: "Europe/Nowhere"}}, fault.Invalid},
		"a time zone outside":      {"", guest.SystemRequest{OS: spec.OS{Timezone: "../../etc/passwd"}}, fault.Invalid},
		"an unknown service":       {"", guest.SystemRequest{OS: spec.OS{Services: []spec.Service{{Name: "no-such-service"}}}}, fault.Invalid},
		"a host name of two words": {"", guest.SystemRequest{Hostname: "a b"}, fault.Invalid},
		"a user with another home": {"", guest.SystemRequest{OS: spec.OS{Users: []spec.User{{Name: "root", Home: "/elsewhere"}}}}, fault.Conflict},
		"an option as user":        {"", guest.SystemRequest{OS: spec.OS{Users: []spec.User{{Name: "-o"}}}}, fault.Invalid},
		"a folder where a file is": {"mkdir -p /etc/fermata-test", file(spec.File{Path: "/etc/fermata-test", Content: "x"}), fault.Invalid},
		"a file in a file":         {"echo x > /etc/fermata-test", file(spec.File{Path: "/etc/fermata-test/a", Content: "x"}), fault.Invalid},
		"a path that climbs":       {"", file(spec.File{Path: "/etc/../etc/fermata-test", Content: "x"}), fault.Invalid},
		"a relative path":          {"", file(spec.File{Path: "etc/fermata-test", Content: "x"}), fault.Invalid},
		"an unknown owner":         {"", file(spec.File{Path: "/etc/fermata-test", Content: "x", Owner: "nobody-here"}), fault.Invalid},
		"no mode":                  {"", file(spec.File{Path: "/etc/fermata-test", Content: "x", Mode: "rw"}), fault.Invalid},
		"a set-user-ID bit":        {"", file(spec.File{Path: "/etc/fermata-test", Content: "x", Mode: "4755"}), fault.Invalid},
		"a secret nobody resolved": {"", file(spec.File{Path: "/etc/fermata-test", Secret: "secret://file/x"}), fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.setup(t, Setup{})
			if c.prepare != "" {
				f.root("%s", c.prepare)
			}
			_, err := f.system(c.request)
			refuses(t, c.kind, err, name)
			if c.prepare == "" {
				require.Equal(t, "absent", f.root("if [ -e /etc/fermata-test ]; then echo there; else echo absent; fi"))
			}
		})
	}
}

package guesttest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/spec"
)

func app(c Catalogue, config string) guest.ApplicationRequest {
	return guest.ApplicationRequest{
		Application: spec.Application{Package: &spec.Package{Name: c.App, Version: c.Version}, Service: c.App},
		Files:       []spec.File{{Path: c.BadConfig, Content: config, Owner: "root", Mode: "0644"}},
	}
}

func has(changes guest.Changes, word string) bool {
	return strings.Contains(strings.Join(changes, "\n"), word)
}

func application(t *testing.T, b Bench) {
	c := b.Catalogue
	t.Run("installs, starts, and then leaves alone", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		changes, err := f.application(app(c, c.Good))
		require.NoError(t, err)
		require.True(t, has(changes, c.App))
		require.Equal(t, "installed "+c.Version, f.root("dpkg-query -W -f '${db:Status-Status} ${Version}' %s", c.App))
		require.Equal(t, strings.TrimSpace(c.Good), f.root("cat %s", c.BadConfig))
		again, err := f.application(app(c, c.Good))
		require.NoError(t, err)
		require.Empty(t, again)
	})
	t.Run("restarts after a change of its files, and only then", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		_, err := f.application(app(c, c.Good))
		require.NoError(t, err)
		changes, err := f.application(app(c, c.Good+"\n"))
		require.NoError(t, err)
		require.True(t, has(changes, "restart"), "%q", changes)
		changes, err = f.application(app(c, c.Good+"\n"))
		require.NoError(t, err)
		require.Empty(t, changes)
	})
	if b.RestartPending != nil {
		t.Run("restarts what a killed attempt changed", func(t *testing.T) {
			t.Parallel()
			f := b.setup(t, Setup{})
			_, err := f.application(app(c, c.Good))
			require.NoError(t, err)
			b.RestartPending(t, f.Guest, c.App)
			changes, err := f.application(app(c, c.Good))
			require.NoError(t, err)
			require.True(t, has(changes, "restart"), "%q", changes)
		})
	}
	t.Run("out of a repository that the request brings", func(t *testing.T) { t.Parallel(); ownRepository(t, b) })
	if c.Archive != "" {
		t.Run("archive", func(t *testing.T) { t.Parallel(); archive(t, b) })
	}
	if b.LoseNext != nil {
		t.Run("lost answers", func(t *testing.T) { t.Parallel(); lostApplication(t, b) })
	}
}

// ownRepository: what another key has signed is not installed.
func ownRepository(t *testing.T, b Bench) {
	c, f := b.Catalogue, b.setup(t, Setup{})
	request := func(key string) guest.ApplicationRequest {
		r, repository := app(c, c.Good), c.Repository
		repository.Key = key
		r.Application.Package.Repository = &repository
		return r
	}
	_, err := f.application(request(c.OtherKey))
	refuses(t, fault.Unauthorized, err, "another key")
	require.Equal(t, "no", f.root("dpkg-query -W %s >/dev/null 2>&1 && echo yes || echo no", c.App))
	_, err = f.application(request(c.Repository.Key))
	require.NoError(t, err)
	require.Equal(t, "installed "+c.Version, f.root("dpkg-query -W -f '${db:Status-Status} ${Version}' %s", c.App))
	again, err := f.application(request(c.Repository.Key))
	require.NoError(t, err)
	require.Empty(t, again)
}

func fromArchive(c Catalogue) guest.ApplicationRequest {
	return guest.ApplicationRequest{Application: spec.Application{Archive: &spec.Archive{URL: c.Archive, SHA256: c.SHA256, Into: "/opt/hello"}}}
}

func archive(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	changes, err := f.application(fromArchive(b.Catalogue))
	require.NoError(t, err)
	require.Len(t, changes, 1)
	f.root("cat /opt/hello/%s", b.Catalogue.ArchiveMember)
	again, err := f.application(fromArchive(b.Catalogue))
	require.NoError(t, err)
	require.Empty(t, again)
	f.root("echo 0 > /opt/hello/.fermata-archive") // As if another version were there.
	changes, err = f.application(fromArchive(b.Catalogue))
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.Equal(t, "hello", f.root("for f in /opt/*; do case $f in /opt/hello*) echo ${f##*/} ;; esac; done"))
}

func lostApplication(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	require.NoError(t, f.reach())
	for attempt := range 30 {
		b.LoseNext(f.Guest)
		_, err := f.application(app(b.Catalogue, b.Catalogue.Good))
		if err == nil {
			require.Positive(t, attempt, "no answer was lost")
			require.Equal(t, "installed "+b.Catalogue.Version, f.root("dpkg-query -W -f '${db:Status-Status} ${Version}' %s", b.Catalogue.App))
			return
		}
		require.Equal(t, fault.Ambiguous, fault.KindOf(err), "%v", err)
	}
	require.Fail(t, "it never ends")
}

func applicationRefusals(t *testing.T, b Bench) {
	c := b.Catalogue
	with := func(change func(*guest.ApplicationRequest)) guest.ApplicationRequest {
		r := app(c, c.Good)
		change(&r)
		return r
	}
	cases := map[string]struct {
		prepare string
		request guest.ApplicationRequest
		kind    fault.Kind
	}{
		"an unknown version":            {"", with(func(r *guest.ApplicationRequest) { r.Application.Package.Version = "99:99" }), fault.Invalid},
		"an unknown package":            {"", with(func(r *guest.ApplicationRequest) { r.Application.Package.Name = "no-such-package" }), fault.Invalid},
		"an unknown service":            {"", with(func(r *guest.ApplicationRequest) { r.Application.Service = "no-such-service" }), fault.Invalid},
		"a service that does not start": {"", app(c, c.Broken), fault.Invalid},
		"a repository with a bad key": {"", with(func(r *guest.ApplicationRequest) {
			r.Application.Package.Repository = &spec.Repository{URI: "http://repo.example.net", Suite: "stable", Key: "no key"}
		}), fault.Invalid},
		"a repository of two lines": {"", with(func(r *guest.ApplicationRequest) {
			r.Application.Package.Repository = &spec.Repository{URI: "http://repo.example.net\nTrusted: yes", Suite: "stable"}
		}), fault.Invalid},
	}
	if c.Archive != "" {
		sum, foreign, missing := fromArchive(c), fromArchive(c), fromArchive(c)
		sum.Application.Archive = &spec.Archive{URL: c.Archive, SHA256: strings.Repeat("0", 64), Into: "/opt/hello"}
		missing.Application.Archive = &spec.Archive{URL: c.Archive + ".nonesuch", SHA256: c.SHA256, Into: "/opt/hello"}
		cases["another checksum"] = struct {
			prepare string
			request guest.ApplicationRequest
			kind    fault.Kind
		}{"", sum, fault.Invalid}
		cases["an archive that is not there"] = struct {
			prepare string
			request guest.ApplicationRequest
			kind    fault.Kind
		}{"", missing, fault.Invalid}
		cases["a folder of somebody's"] = struct {
			prepare string
			request guest.ApplicationRequest
			kind    fault.Kind
		}{"mkdir -p /opt/hello; echo x > /opt/hello/theirs", foreign, fault.Conflict}
	}
	for name, x := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.setup(t, Setup{})
			if x.prepare != "" {
				f.root("%s", x.prepare)
			}
			_, err := f.application(x.request)
			refuses(t, x.kind, err, name)
			if x.request.Application.Archive != nil && x.prepare == "" {
				require.Equal(t, "absent", f.root("if [ -e /opt/hello ]; then echo there; else echo absent; fi"))
			}
		})
	}
}

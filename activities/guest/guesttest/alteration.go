package guesttest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/spec"
)

// alteration: a guest that is in service is looked at, changed, and brought back.
func alteration(t *testing.T, b Bench) {
	t.Run("tells what is there", func(t *testing.T) { t.Parallel(); inspects(t, b) })
	t.Run("tells nothing of a secret", func(t *testing.T) { t.Parallel(); inspectsSecrets(t, b) })
	t.Run("puts files back", func(t *testing.T) { t.Parallel(); putsFilesBack(t, b) })
	t.Run("without an image nothing is put back", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		f.root("echo theirs > /etc/motd")
		changes, err := f.restore(guest.ImageRequest{Files: []spec.File{plain("/etc/motd", "ours\n")}}, nil)
		require.NoError(t, err)
		require.Empty(t, changes)
		require.Equal(t, "theirs", f.root("cat /etc/motd"))
	})
	if b.Catalogue.Older != "" {
		t.Run("puts the former version back", func(t *testing.T) { t.Parallel(); putsVersionBack(t, b) })
	}
	if b.Catalogue.Archive != "" {
		t.Run("puts the former archive back", func(t *testing.T) { t.Parallel(); putsArchiveBack(t, b) })
	}
	if b.Grow != nil {
		for _, kind := range []string{"ext4", "xfs"} {
			if kind == "ext4" || b.Catalogue.XFS {
				t.Run("grows "+kind, func(t *testing.T) {
					t.Parallel()
					if kind == spec.DefaultFilesystem && b.Ext4Fixed != "" {
						t.Skip(b.Ext4Fixed)
					}
					grows(t, b, kind)
				})
			}
		}
	}
	if b.LoseNext != nil {
		t.Run("lost answers keep one image", func(t *testing.T) { t.Parallel(); lostImage(t, b) })
	}
}

func plain(path, content string) spec.File {
	return spec.File{Path: path, Content: content, Owner: "root", Mode: "0644"}
}

func (f fixture) keep(r guest.ImageRequest) error {
	return f.access.EnsureImage(f.t.Context(), op("change"), f.Host(), r, progress())
}

func (f fixture) restore(r guest.ImageRequest, s guest.Secrets) (guest.Changes, error) {
	return f.access.RestoreImage(f.t.Context(), op("change"), f.Host(), r, s, progress())
}

func (f fixture) inspect(r guest.InspectRequest, s guest.Secrets) (guest.Inspection, error) {
	return f.access.Inspect(f.t.Context(), f.Host(), r, s)
}

func inspects(t *testing.T, b Bench) {
	c, f := b.Catalogue, b.setup(t, Setup{})
	_, err := f.application(app(c, c.Good))
	require.NoError(t, err)
	f.root("printf same > /etc/one; printf other > /etc/two; chmod 644 /etc/one /etc/two")
	wanted := app(c, c.Good)
	seen, err := f.inspect(guest.InspectRequest{
		OS: spec.OS{
			Timezone: "Europe/Berlin", Packages: []string{c.Tool}, Users: []spec.User{{Name: "root"}, {Name: "nobody-here"}},
			Files: []spec.File{plain("/etc/one", "same"), plain("/etc/two", "wanted"), plain("/etc/three", "none")}, Services: []spec.Service{{Name: c.App}, {Name: "no-such"}},
		},
		Application: &wanted.Application, Files: wanted.Files,
	}, nil)
	require.NoError(t, err)
	require.NotEmpty(t, seen.Timezone)
	require.Equal(t, map[string]string{c.App: c.Version}, seen.Packages)
	require.Equal(t, []string{"root"}, seen.Users)
	require.Equal(t, map[string]guest.ServiceState{c.App: {Enabled: true, Running: true}}, seen.Services)
	require.Len(t, seen.Files, 4)
	require.True(t, seen.Files[0].Same && seen.Files[0].Exists)
	require.False(t, seen.Files[1].Same)
	require.Len(t, seen.Files[1].SHA256, 64)
	require.Equal(t, "644 root:root", seen.Files[1].Mode+" "+seen.Files[1].Owner)
	require.False(t, seen.Files[2].Exists)
	require.True(t, seen.Files[3].Same, "the application's own")
}

func inspectsSecrets(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	file := spec.File{Path: "/etc/key", Secret: "secret://file/key", Owner: "root", Mode: "0600"}
	f.root("printf hush > /etc/key; chmod 600 /etc/key")
	seen, err := f.inspect(guest.InspectRequest{OS: spec.OS{Files: []spec.File{file}}}, secrets("/etc/key", "hush"))
	require.NoError(t, err)
	require.True(t, seen.Files[0].Same)
	seen, err = f.inspect(guest.InspectRequest{OS: spec.OS{Files: []spec.File{file}}}, secrets("/etc/key", "another"))
	require.NoError(t, err)
	require.False(t, seen.Files[0].Same)
	require.Empty(t, seen.Files[0].SHA256, "not even a hash")
}

// putsFilesBack: content, owner and mode as they were; a file that was not there goes; what came after the image does not count.
func putsFilesBack(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	f.root("printf before > /etc/old; chmod 640 /etc/old; rm -f /etc/new")
	image := guest.ImageRequest{Files: []spec.File{plain("/etc/old", "after\n"), plain("/etc/new", "after\n")}}
	require.NoError(t, f.keep(image))
	_, err := f.system(guest.SystemRequest{OS: spec.OS{Files: image.Files}})
	require.NoError(t, err)
	require.Equal(t, "after", f.root("cat /etc/old"))
	require.NoError(t, f.keep(image), "a later attempt keeps the first image")
	changes, err := f.restore(image, nil)
	require.NoError(t, err)
	require.Len(t, changes, 2)
	require.Equal(t, "before", f.root("cat /etc/old"))
	require.Equal(t, "640 root root", f.root("stat -c '%%a %%U %%G' /etc/old"))
	require.Equal(t, "gone", f.root("if [ -e /etc/new ]; then echo there; else echo gone; fi"))
	changes, err = f.restore(image, nil)
	require.NoError(t, err)
	require.Empty(t, changes)
}

// former is the application in its older version, in service, and the image of a change to the newer.
func former(t *testing.T, b Bench) (fixture, guest.ImageRequest) {
	t.Helper()
	c, f := b.Catalogue, b.setup(t, Setup{})
	was := app(c, c.Good)
	was.Application.Package.Version = c.Older
	_, err := f.application(was)
	require.NoError(t, err)
	is := app(c, c.Good+"\n")
	image := guest.ImageRequest{Application: &is.Application, Version: c.Older, Files: is.Files}
	require.NoError(t, f.keep(image))
	return f, image
}

func putsVersionBack(t *testing.T, b Bench) {
	c := b.Catalogue
	f, image := former(t, b)
	_, err := f.application(guest.ApplicationRequest{Application: *image.Application, Files: image.Files})
	require.NoError(t, err)
	require.Equal(t, "installed "+c.Version, f.root("dpkg-query -W -f '${db:Status-Status} ${Version}' %s", c.App))
	changes, err := f.restore(image, nil)
	require.NoError(t, err)
	require.True(t, has(changes, c.App+"="+c.Older), "%q", changes)
	require.True(t, has(changes, "restart"), "%q", changes)
	require.Equal(t, "installed "+c.Older, f.root("dpkg-query -W -f '${db:Status-Status} ${Version}' %s", c.App))
	require.Equal(t, strings.TrimSpace(c.Good), f.root("cat %s", c.BadConfig))
	seen, err := f.inspect(guest.InspectRequest{OS: spec.OS{Services: []spec.Service{{Name: c.App}}}}, nil)
	require.NoError(t, err)
	require.True(t, seen.Services[c.App].Running)
	changes, err = f.restore(image, nil)
	require.NoError(t, err)
	require.Empty(t, changes)
}

func putsArchiveBack(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	f.root("mkdir -p /opt/hello; echo older > /opt/hello/file; printf '%%064d\n' 7 > /opt/hello/.fermata-archive")
	is := fromArchive(b.Catalogue)
	image := guest.ImageRequest{Application: &is.Application, Archive: strings.Repeat("0", 63) + "7"}
	require.NoError(t, f.keep(image))
	_, err := f.application(is)
	require.NoError(t, err)
	f.root("cat /opt/hello/%s", b.Catalogue.ArchiveMember)
	changes, err := f.restore(image, nil)
	require.NoError(t, err)
	require.Len(t, changes, 1)
	require.Equal(t, "older", f.root("cat /opt/hello/file"))
	changes, err = f.restore(image, nil)
	require.NoError(t, err)
	require.Empty(t, changes)
}

// grown is a volume whose disk was made twice as large.
func grown(t *testing.T, b Bench, kind string) (fixture, guest.GrowRequest) {
	t.Helper()
	d := Disk{UUID: uuidA, Bytes: b.Catalogue.DiskBytes}
	f := b.setup(t, Setup{Disks: []Disk{d}})
	r := volume(d, "/srv/data")
	r.Volume.Filesystem = kind
	_, err := f.volume(r)
	require.NoError(t, err)
	f.root("echo kept > /srv/data/file")
	d.Bytes *= 2
	b.Grow(t, f.Guest, d)
	return f, guest.GrowRequest{Volume: r.Volume, DiskUUID: d.UUID, Bytes: d.Bytes}
}

func grows(t *testing.T, b Bench, kind string) {
	f, r := grown(t, b, kind)
	before, err := f.inspect(guest.InspectRequest{Volumes: []guest.VolumeRef{{Name: "data", DiskUUID: uuidA, Mount: "/srv/data"}}}, nil)
	require.NoError(t, err)
	require.False(t, before.Volumes[0].Full(), "%+v", before.Volumes)
	size, err := f.access.GrowVolume(t.Context(), f.Host(), r, progress())
	require.NoError(t, err)
	require.True(t, size.Full(), "%+v", size)
	require.Equal(t, guest.VolumeSize{Name: "data", Disk: r.Bytes, Filesystem: size.Filesystem, Type: kind, Mount: "/srv/data"}, size)
	require.Equal(t, "kept", f.root("cat /srv/data/file"))
	again, err := f.access.GrowVolume(t.Context(), f.Host(), r, progress())
	require.NoError(t, err)
	require.Equal(t, size, again)
}

func lostImage(t *testing.T, b Bench) {
	f := b.setup(t, Setup{})
	f.root("printf before > /etc/old")
	image := guest.ImageRequest{Files: []spec.File{plain("/etc/old", "after\n")}}
	b.LoseNext(f.Guest)
	refuses(t, fault.Ambiguous, f.keep(image), "lost")
	f.root("printf 'after\n' > /etc/old; chmod 644 /etc/old")
	require.NoError(t, f.keep(image))
	for range 5 {
		b.LoseNext(f.Guest)
		if _, err := f.restore(image, nil); err == nil {
			break
		}
	}
	require.Equal(t, "before", f.root("cat /etc/old"))
}

// alterationRefusals: what others changed is left to people, and what cannot be is refused.
func alterationRefusals(t *testing.T, b Bench) {
	t.Run("a file that others changed", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		f.root("printf before > /etc/a; printf before > /etc/b; chmod 644 /etc/a /etc/b")
		image := guest.ImageRequest{Files: []spec.File{plain("/etc/a", "after\n"), plain("/etc/b", "after\n")}}
		require.NoError(t, f.keep(image))
		_, err := f.system(guest.SystemRequest{OS: spec.OS{Files: image.Files}})
		require.NoError(t, err)
		f.root("echo theirs > /etc/a")
		changes, err := f.restore(image, nil)
		refuses(t, fault.Conflict, err, "changed by others")
		require.Contains(t, err.Error(), "changed by others, and left as it is: file /etc/a")
		require.Len(t, changes, 1)
		require.Equal(t, "theirs", f.root("cat /etc/a"))
		require.Equal(t, "before", f.root("cat /etc/b"))
	})
	t.Run("a path that is none", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		for _, path := range []string{"etc/motd", "/etc/../motd", "/", "/etc/a\nb"} {
			refuses(t, fault.Invalid, f.keep(guest.ImageRequest{Files: []spec.File{plain(path, "x")}}), path)
		}
		into := spec.Application{Archive: &spec.Archive{URL: "http://x/y", Into: "relative"}}
		refuses(t, fault.Invalid, f.keep(guest.ImageRequest{Application: &into}), "a relative folder")
	})
	t.Run("a disk that is not there", func(t *testing.T) {
		t.Parallel()
		f := b.setup(t, Setup{})
		_, err := f.inspect(guest.InspectRequest{Volumes: []guest.VolumeRef{{Name: "data", DiskUUID: uuidA}}}, nil)
		refuses(t, fault.NotFound, err, "inspect")
		_, err = f.access.GrowVolume(t.Context(), f.Host(), guest.GrowRequest{Volume: spec.Volume{Filesystem: "ext4", Mount: "/srv/data"}, DiskUUID: uuidA, Bytes: 1 << 30}, progress())
		refuses(t, fault.NotFound, err, "grow")
	})
	if b.Catalogue.Older != "" {
		t.Run("a version that others installed", func(t *testing.T) {
			t.Parallel()
			f, image := former(t, b)
			is := *image.Application.Package
			is.Version = "0.0.1" // This run wanted another than the one that is there now.
			image.Application.Package = &is
			_, err := f.application(app(b.Catalogue, b.Catalogue.Good))
			require.NoError(t, err)
			_, err = f.restore(image, nil)
			refuses(t, fault.Conflict, err, "changed by others")
			require.Contains(t, err.Error(), "package "+b.Catalogue.App+" "+b.Catalogue.Version)
		})
	}
	if b.Grow != nil {
		t.Run("a file system that is not the one", func(t *testing.T) { t.Parallel(); growsNoOther(t, b) })
	}
}

func growsNoOther(t *testing.T, b Bench) {
	f, r := grown(t, b, "ext4")
	for name, x := range map[string]struct {
		change func(*guest.GrowRequest)
		kind   fault.Kind
	}{
		"another kind":        {func(r *guest.GrowRequest) { r.Volume.Filesystem = "xfs" }, fault.Conflict},
		"another mount point": {func(r *guest.GrowRequest) { r.Volume.Mount = "/srv/other" }, fault.Conflict},
		"another size":        {func(r *guest.GrowRequest) { r.Bytes *= 2 }, fault.Unavailable},
	} {
		wrong := r
		x.change(&wrong)
		_, err := f.access.GrowVolume(t.Context(), f.Host(), wrong, progress())
		refuses(t, x.kind, err, name)
	}
	seen, err := f.inspect(guest.InspectRequest{Volumes: []guest.VolumeRef{{Name: "data", DiskUUID: uuidA}}}, nil)
	require.NoError(t, err)
	require.False(t, seen.Volumes[0].Full(), "nothing was done to it")
}

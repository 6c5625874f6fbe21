package linux

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

func TestAptMessagesTellTheKind(t *testing.T) {
	t.Parallel()
	for said, kind := range map[string]fault.Kind{
		"E: Unable to locate package nonesuch":                                                    fault.Invalid,
		"E: Version '9.9' for 'hello' was not found":                                              fault.Invalid,
		"E: Package 'x' has no installation candidate":                                            fault.Invalid,
		"E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1 (apt)":        fault.Unavailable,
		"E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend)":               fault.Unavailable,
		"E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct":         fault.Conflict,
		"W: Failed to fetch http://x/InRelease  Temporary failure resolving 'x'":                  fault.Unavailable,
		"E: Failed to fetch http://x/a.deb  404  Not Found":                                       fault.Unavailable,
		"E: Packages were downgraded and -y was used without --allow-downgrades.":                 fault.Conflict,
		"E: Packages need to be removed but remove is disabled.":                                  fault.Conflict,
		"E: Conflicting values set for option Signed-By regarding source http://x/ bed: /a != /b": fault.Conflict,
		"E: You don't have enough free space in /var/cache/apt/archives/.":                        fault.Conflict,
		"E: The repository 'http://x stable InRelease' is not signed.":                            fault.Unauthorized,
		"E: The repository 'http://x stable Release' does not have a Release file.":               fault.Invalid,
		"E: Sub-process /usr/bin/dpkg returned an error code (1)":                                 fault.Conflict,
		"E: Something nobody has seen yet":                                                        fault.Invalid,
		"W: GPG error: http://x InRelease: the public key is not available: NO_PUBKEY 0123456789": fault.Unauthorized,
	} {
		err := aptFault(sshx.Result{Exit: 100, Stderr: []byte("Reading package lists...\n" + said + "\n")}, "installing")
		require.Equal(t, kind, fault.KindOf(err), said)
		require.ErrorContains(t, err, said)
		require.NotContains(t, err.Error(), "Reading package lists")
	}
	require.NoError(t, aptFault(sshx.Result{Stderr: []byte("W: something")}, "installing"))
	require.True(t, fault.Is(aptFault(sshx.Result{Exit: 137, Signal: "KILL"}, "installing"), fault.Ambiguous))
}

func TestCurlStatusesTellTheKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exit int
		said string
		kind fault.Kind
	}{
		{122, "curl: (22) The requested URL returned error: 404", fault.Invalid},
		{122, "curl: (22) The requested URL returned error: 403", fault.Unauthorized},
		{122, "curl: (22) The requested URL returned error: 429", fault.Unavailable},
		{122, "curl: (22) The requested URL returned error: 503", fault.Unavailable},
		{106, "curl: (6) Could not resolve host: x", fault.Unavailable},
		{107, "curl: (7) Failed to connect", fault.Unavailable},
		{128, "curl: (28) Operation timed out", fault.Unavailable},
		{160, "curl: (60) SSL certificate problem", fault.Unauthorized},
		{101, "curl: (1) Protocol ftp not supported", fault.Invalid},
		{123, "curl: (23) Failure writing output", fault.Conflict},
		{227, "sh: 1: curl: not found", fault.Invalid},
		{81, "it has the SHA-256 00", fault.Invalid},
		{83, "tar: This does not look like a tar archive", fault.Invalid},
		{2, "tar: No space left on device", fault.Conflict},
	} {
		err := archiveFault(sshx.Result{Exit: c.exit, Stderr: []byte(c.said)}, "repo.example.net", strings.Repeat("0", 64))
		require.Equal(t, c.kind, fault.KindOf(err), c.said)
	}
}

func TestFstabIsEdited(t *testing.T) {
	t.Parallel()
	const old = "# comment\nUUID=root / ext4 defaults 0 1\n\n"
	line := "UUID=aaa /srv/data ext4 defaults,nofail 0 2 # fermata k"
	text, err := withMount(old, "aaa", "/srv/data", line)
	require.NoError(t, err)
	require.Equal(t, "# comment\nUUID=root / ext4 defaults 0 1\n"+line+"\n", text)
	again, err := withMount(text, "AAA", "/srv/data", line)
	require.NoError(t, err)
	require.Equal(t, text, again)
	moved, err := withMount(text, "aaa", "/srv/other", "UUID=aaa /srv/other ext4 defaults,nofail 0 2 # fermata k")
	require.NoError(t, err)
	require.NotContains(t, moved, "/srv/data")
	_, err = withMount("/dev/sdb1 /srv/data ext4 defaults 0 2\n", "aaa", "/srv/data", line)
	require.True(t, fault.Is(err, fault.Conflict), "%v", err)
	text, err = withMount("# /dev/sdb1 /srv/data was here\n", "aaa", "/srv/data", line)
	require.NoError(t, err)
	require.Contains(t, text, line)
	text, err = withMount("", "aaa", "/srv/data", line)
	require.NoError(t, err)
	require.Equal(t, line+"\n", text)
}

func TestHostsIsEdited(t *testing.T) {
	t.Parallel()
	for old, want := range map[string]string{
		"":                                    "127.0.1.1\tweb-01.estate.test\tweb-01\n",
		"127.0.0.1 localhost\n":               "127.0.0.1 localhost\n127.0.1.1\tweb-01.estate.test\tweb-01\n",
		"127.0.1.1 old\n::1 localhost\n":      "127.0.1.1\tweb-01.estate.test\tweb-01\n::1 localhost\n",
		"127.0.1.1 web-01.estate.test web-01": "127.0.1.1 web-01.estate.test web-01\n",
	} {
		require.Equal(t, want, withHost(old, "web-01", "estate.test"))
	}
	require.Equal(t, "127.0.1.1\tweb-01\n", withHost("", "web-01", ""))
}

func TestBlocksOfOldAndNewUtilLinux(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"21474836480", `"21474836480"`} {
		b, err := parseBlocks(`{"blockdevices":[{"name":"sdb","path":"/dev/sdb","size":` + size +
			`,"type":"disk","fstype":null,"uuid":null,"mountpoint":null,"children":[{"path":"/dev/sdb1","mountpoint":"/mnt"}]}]}`)
		require.NoError(t, err)
		n, err := b.Size.Int64()
		require.NoError(t, err)
		require.EqualValues(t, 20<<30, n)
		var d disk
		d.collect(b)
		require.Equal(t, []string{"/dev/sdb1"}, d.parts)
		require.Equal(t, []string{"/mnt"}, d.mounts)
		require.False(t, d.blank())
	}
	for _, bad := range []string{"", "{}", `{"blockdevices":[]}`, `{"blockdevices":[{},{}]}`, "lsblk: /dev/sdb: not a block device"} {
		_, err := parseBlocks(bad)
		require.Error(t, err, bad)
	}
}

func TestWhatCountsAsBlankAndAsOurs(t *testing.T) {
	t.Parallel()
	ours, theirs := signature{UUID: "OURS"}, signature{UUID: "theirs", Type: "ext4"}
	for name, c := range map[string]struct {
		disk        disk
		blank, ours bool
	}{
		"nothing":            {disk{}, true, true},
		"our beginning":      {disk{signatures: []signature{ours}}, false, true},
		"our file system":    {disk{signatures: []signature{ours}, probed: map[string]string{"TYPE": "ext4", "UUID": "ours"}}, false, true},
		"theirs":             {disk{signatures: []signature{theirs}}, false, false},
		"ours and theirs":    {disk{signatures: []signature{ours, theirs}}, false, false},
		"a table":            {disk{probed: map[string]string{"PTTYPE": "gpt"}}, false, false},
		"a partition":        {disk{parts: []string{"/dev/sdb1"}}, false, false},
		"seen by blkid only": {disk{probed: map[string]string{"TYPE": "swap", "UUID": "x"}}, false, false},
		"without a UUID":     {disk{signatures: []signature{{Type: "LVM2_member"}}}, false, false},
	} {
		require.Equal(t, c.blank, c.disk.blank(), name)
		require.Equal(t, c.ours, c.disk.onlyOurs("ours"), name)
	}
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	list, err := parseSignatures("")
	require.NoError(t, err)
	require.Empty(t, list)
	list, err = parseSignatures(`{"signatures":[{"device":"sdb","offset":"0x438","type":"ext4","uuid":"u","label":null}]}`)
	require.NoError(t, err)
	require.Equal(t, []signature{{Offset: "0x438", Type: "ext4", UUID: "u"}}, list)
	_, err = parseSignatures("wipefs: error")
	require.Error(t, err)
}

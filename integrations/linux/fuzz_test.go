package linux

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a guest answers is not to be trusted: whatever it is, it is read or refused.
func FuzzParseBlocks(f *testing.F) {
	f.Add(`{"blockdevices":[{"name":"sdb","path":"/dev/sdb","size":"1","type":"disk","children":[{"path":"/dev/sdb1","mountpoint":"/mnt"}]}]}`)
	f.Add(`{"blockdevices":[{"size":1}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		root, err := parseBlocks(text)
		if err != nil {
			return
		}
		var d disk
		d.collect(root)
		require.False(t, len(root.Children) > 0 && d.blank(), "a disk with partitions is never blank")
	})
}

func FuzzParseSignatures(f *testing.F) {
	f.Add(`{"signatures":[{"device":"sdb","offset":"0x438","type":"ext4","uuid":"u","label":null}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseSignatures(text)
		if err == nil && len(list) > 0 {
			require.False(t, (&disk{signatures: list}).blank(), "a disk with signatures is never blank")
		}
	})
}

func FuzzParseExport(f *testing.F) {
	f.Add("DEVNAME=/dev/sdb\nUUID=u\nTYPE=ext4\nUSAGE=filesystem\n")
	f.Fuzz(func(t *testing.T, text string) {
		values := parseExport(text)
		require.NotContains(t, values, "DEVNAME")
		if values["TYPE"] != "" {
			require.False(t, (&disk{probed: values}).blank(), "a disk with a file system is never blank")
		}
	})
}

// FuzzFstab: an entry is added once, whatever stands in the file, and no other line changes.
func FuzzFstab(f *testing.F) {
	f.Add("# comment\nUUID=root / ext4 defaults 0 1\n\n")
	f.Add("UUID=aaa /srv/data ext4 defaults 0 2")
	f.Add("UUID=AAA /elsewhere xfs defaults 0 0\nUUID=aaa /srv/data ext4 defaults 0 2\n")
	f.Fuzz(func(t *testing.T, old string) {
		const line = "UUID=aaa /srv/data ext4 defaults,nofail 0 2 # fermata k"
		text, err := withMount(old, "aaa", "/srv/data", line)
		if err != nil {
			return
		}
		again, err := withMount(text, "aaa", "/srv/data", line)
		require.NoError(t, err)
		require.Equal(t, text, again)
		require.Contains(t, splitLines(text), line)
		for _, kept := range splitLines(old) {
			if fields := strings.Fields(kept); len(fields) == 0 || !strings.EqualFold(fields[0], "UUID=aaa") {
				require.True(t, slices.Contains(splitLines(text), kept), "lost %q", kept)
			}
		}
	})
}

// FuzzHosts: the machine's name stands there once, and every other line stays.
func FuzzHosts(f *testing.F) {
	f.Add("127.0.0.1 localhost\n127.0.1.1 old\n")
	f.Fuzz(func(t *testing.T, old string) {
		text := withHost(old, "web-01", "estate.test")
		require.Equal(t, text, withHost(text, "web-01", "estate.test"))
		for _, kept := range splitLines(old) {
			if fields := strings.Fields(kept); len(fields) == 0 || fields[0] != "127.0.1.1" {
				require.True(t, slices.Contains(splitLines(text), kept), "lost %q", kept)
			}
		}
	})
}

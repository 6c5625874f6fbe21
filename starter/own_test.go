package starter

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAProcessOfOnesOwnIsStarted(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	file := filepath.Join(d.folder, "banner.yaml")
	d.write(t, "banner.yaml", "apiVersion: example.com/v1\nkind: Banner\nmetadata: {name: shop}\nspec: {text: x}\n")
	out, said, code := d.run(t, "start", "--workflow", "PublishBanner", "--detach", file)
	require.Equal(t, 0, code, said)
	require.Contains(t, out, "started banner/shop")
	require.Equal(t, []string{"bob@estate.test"}, d.people, "it is signed")
	out, said, code = d.run(t, "start", file, "--workflow", "PatchKernel", "--target", "server/web-01")
	require.Equal(t, 0, code, said)
	require.Contains(t, out, "started server/web-01")
}

func TestAProcessOfOnesOwnIsRefused(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	own, server := filepath.Join(d.folder, "banner.yaml"), filepath.Join(d.folder, "server.yaml")
	d.write(t, "banner.yaml", "apiVersion: example.com/v1\nkind: Banner\nmetadata: {name: shop}\n")
	d.write(t, "server.yaml", "apiVersion: fermata/v1\nkind: Server\nmetadata: {name: web-01}\n")
	require.NoError(t, os.Chmod(server, 0o600))
	for name, x := range map[string]struct {
		args []string
		says string
	}{
		"no workflow":            {[]string{own}, "which process?"},
		"a process of Fermata's": {[]string{"--workflow", "ProvisionServer", own}, "has a command of its own"},
		"what only runs start":   {[]string{"--workflow", "HoldReservation", own}, "not for people"},
		"a lock of others":       {[]string{"--workflow", "PublishBanner", "--target", "address/10.0.0.1", own}, "not for people"},
		"a server's spec":        {[]string{"--workflow", "PublishBanner", server}, "a group of your own"},
		"no file":                {[]string{"--workflow", "PublishBanner", own + "x"}, "there is no file"},
		"nothing":                {[]string{"--workflow", "PublishBanner"}, "FILE"},
	} {
		_, said, code := d.run(t, append([]string{"start"}, x.args...)...)
		require.Equal(t, exitInvalid, code, name)
		require.Contains(t, said, x.says, name)
	}
	require.Empty(t, d.people)
}

package shipping

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/host"
)

// A package is made as `make dist` makes it (but for -trimpath, which would compile everything anew), installed into a folder
// of its own and looked at.
func TestTheDebianPackage(t *testing.T) {
	t.Parallel()
	host.Require(t)
	cache, err := host.Cache("shipping")
	require.NoError(t, err)
	out, root := filepath.Join(t.TempDir(), "dist"), filepath.Join(host.Folder(t), "root")
	_, err = run(t.Context(), repository, "go", "run", "./deploy/dist", "-out", out, "-tools", filepath.Join(cache, "tools"), "-trimpath=false")
	require.NoError(t, err)
	_, err = run(t.Context(), out, "sha256sum", "--check", "--strict", "SHA256SUMS")
	require.NoError(t, err)
	found, err := filepath.Glob(out + "/fermata_*_amd64.deb")
	require.NoError(t, err)
	require.Len(t, found, 1)

	require.NoError(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg/updates"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(root, "var/lib/dpkg/info"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "var/lib/dpkg/status"), nil, 0o600))
	dpkg := func(args ...string) string {
		said, err := run(t.Context(), "/", append([]string{"dpkg", "--root=" + root, "--force-depends", "--force-script-chrootless"}, args...)...)
		require.NoError(t, err)
		return said
	}
	dpkg("--install", found[0])
	require.Contains(t, dpkg("--status", "fermata"), "Status: install ok installed")
	require.Contains(t, dpkg("--status", "fermata"), "/etc/fermata/main.yaml", "a conffile: what a person changes there stays")
	for path, mode := range map[string]os.FileMode{
		"usr/bin/fermata": 0o755, "usr/bin/fermata-worker": 0o755, "etc/fermata/main.yaml": 0o644,
		"lib/systemd/system/fermata-worker@.service": 0o644, "usr/share/doc/fermata/copyright": 0o644,
	} {
		info, err := os.Stat(filepath.Join(root, path))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode().Perm(), path)
	}

	commit, err := run(t.Context(), repository, "git", "rev-parse", "HEAD")
	require.NoError(t, err)
	for _, program := range []string{"fermata", "fermata-worker"} {
		said, err := run(t.Context(), "/", filepath.Join(root, "usr/bin", program), "--version")
		require.NoError(t, err)
		require.Contains(t, said, "commit "+strings.TrimSpace(commit))
		require.Contains(t, said, "go1.")
	}
	said, err := run(t.Context(), "/", filepath.Join(root, "usr/bin/fermata-worker"), "--config", filepath.Join(root, "etc/fermata/main.yaml"), "check")
	require.NoError(t, err, "the description that is installed can be read")
	require.Equal(t, "good\n", said)

	verified(t, root)
	file := filepath.Join(root, "etc/fermata/main.yaml")
	require.NoError(t, os.WriteFile(file, []byte("# mine\n"), 0o600))
	dpkg("--force-confold", "--install", found[0])
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "# mine\n", string(kept))
	dpkg("--purge", "fermata")
	require.NoFileExists(t, file)
}

var exposure = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)

// verified lets systemd read the units as they are installed, and judge what they leave open: 0 is nothing, 10 everything.
func verified(t *testing.T, root string) {
	t.Helper()
	for _, unit := range []string{"fermata-worker@.service", "fermata-temporal.service"} {
		data, err := os.ReadFile(filepath.Join(repository, "deploy/systemd", unit))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(root, "lib/systemd/system", unit), data, 0o600))
		name := strings.Replace(unit, "@", "@main", 1)
		said, err := run(t.Context(), "/", "systemd-analyze", "security", "--offline=yes", "--root="+root, "--no-pager", name)
		require.NoError(t, err)
		level := exposure.FindStringSubmatch(said)
		require.Len(t, level, 2, said)
		open, err := strconv.ParseFloat(level[1], 64)
		require.NoError(t, err)
		require.Less(t, open, 2.0, said)
		t.Logf("%s: exposure %s", unit, level[1])
		for _, bad := range []string{"Unknown key", "Unknown section", "Failed to parse", "ignoring"} {
			require.NotContains(t, said, bad)
		}
	}
}

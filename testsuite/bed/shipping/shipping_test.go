// Package shipping tries what others are given: the Debian package, the container image, the compose file.
package shipping

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/postgres"
	"fermata/testsuite/bed/temporal"
)

// repository is the folder of the whole, from here.
const repository = "../../.."

func TestMain(m *testing.M) {
	debian := []string{"systemd", "docker.io", "docker-compose", "openssl"}
	os.Exit(host.Main(m, host.Installed(debian, network.Packages, postgres.Packages()), temporal.Prepare, prepare))
}

// prepare builds what packs, and the programs that are packed, as the Makefile does.
func prepare(ctx context.Context) error {
	folder, err := host.Cache("shipping")
	if err != nil {
		return err
	}
	if _, err := run(ctx, filepath.Join(repository, "tools/ship"), "go", "build", "-o", folder+"/tools/", "tool"); err != nil {
		return err
	}
	for _, program := range []string{"fermata", "fermata-worker"} {
		if err := temporal.Build(ctx, filepath.Join(folder, program), "fermata/cmd/"+program); err != nil {
			return err
		}
	}
	return nil
}

// copied copies a file, with folders for it.
func copied(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755)) //nolint:gosec // Daemons of other accounts enter it.
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, mode))
	require.NoError(t, os.Chmod(to, mode))
}

// run runs a command in a folder and returns what it says.
func run(ctx context.Context, folder string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // The bed's own commands.
	cmd.Dir, cmd.Env = folder, append(os.Environ(), "CGO_ENABLED=0", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%v: %w\n%s", args, err, out)
	}
	return string(out), err
}

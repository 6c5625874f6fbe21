package shipping

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/network"
)

// docker is Debian's Docker Engine, in a network of its own.
type docker struct{ socket string }

func startDocker(t *testing.T) docker {
	t.Helper()
	n, err := network.New(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	require.NoError(t, n.Add(t.Context(), "docker"))
	folder := host.Folder(t)
	d := docker{socket: "unix://" + filepath.Join(folder, "docker.sock")}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	engine, err := host.Start(ctx, host.Daemon{
		Name: "Docker", Namespace: n.Namespace("docker"), Log: filepath.Join(folder, "log"), Grace: 30 * time.Second,
		Args: []string{
			"dockerd", "--data-root", filepath.Join(folder, "data"), "--exec-root", filepath.Join(folder, "exec"),
			"--pidfile", filepath.Join(folder, "pid"), "--host", d.socket,
		},
		Ready: func(ctx context.Context) error { _, err := d.run(ctx, "version"); return err },
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, engine.Stop()) })
	return d
}

func (d docker) run(ctx context.Context, args ...string) (string, error) {
	return run(ctx, "/", append([]string{"docker", "--host", d.socket}, args...)...)
}

// programs returns where the programs of the image were built.
func programs(t *testing.T) map[string]string {
	t.Helper()
	ours, err := host.Cache("shipping")
	require.NoError(t, err)
	clusters, err := host.Cache("temporal")
	require.NoError(t, err)
	return map[string]string{
		"fermata": filepath.Join(ours, "fermata"), "fermata-worker": filepath.Join(ours, "fermata-worker"),
		"fermata-temporal": filepath.Join(clusters, "fermata-temporal"), "temporal-sql-tool": filepath.Join(clusters, "temporal-sql-tool"),
	}
}

// TestTheImage: it is built from Debian's own docker without a network, holds what it says and no more, and its programs run in
// it without rights, on files that cannot be written.
func TestTheImage(t *testing.T) {
	t.Parallel()
	host.Require(t)
	context := t.TempDir()
	for name, path := range programs(t) {
		if name != "temporal-sql-tool" {
			copied(t, path, filepath.Join(context, name), 0o755)
		}
	}
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", repository + "/deploy/image/passwd", repository + "/deploy/image/group"} {
		copied(t, path, filepath.Join(context, filepath.Base(path)), 0o644)
	}
	d := startDocker(t)
	file, err := filepath.Abs(repository + "/deploy/Dockerfile")
	require.NoError(t, err)
	_, err = d.run(t.Context(), "build", "--network", "none", "--build-arg", "VERSION=v1.2.3", "--tag", "fermata:bed", "--file", file, context)
	require.NoError(t, err)
	said, err := d.run(t.Context(), "inspect", "--format", `{{ .Config.User }} {{ index .Config.Labels "org.opencontainers.image.version" }}`, "fermata:bed")
	require.NoError(t, err)
	require.Equal(t, "65532:65532 v1.2.3\n", said)
	require.Equal(t, []string{"etc/group", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "fermata", "fermata-temporal", "fermata-worker"}, d.files(t, context))

	inside := func(args ...string) (string, error) {
		return d.run(t.Context(), append([]string{"run", "--rm", "--read-only", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"}, args...)...)
	}
	for _, program := range []string{"fermata", "fermata-worker", "fermata-temporal"} {
		said, err := inside("--entrypoint", "/"+program, "fermata:bed", "--version")
		require.NoError(t, err)
		require.Contains(t, said, program+" version")
	}
	description := filepath.Join(host.Folder(t), "fermata.yaml")
	copied(t, repository+"/deploy/compose/fermata.yaml", description, 0o644)
	check := []string{"--volume", description + ":/etc/fermata/fermata.yaml:ro", "fermata:bed", "--config", "/etc/fermata/fermata.yaml", "check"}
	said, err = inside(check...)
	require.NoError(t, err)
	require.Equal(t, "good\n", said)
	require.NoError(t, os.Chmod(description, 0o600)) // Root's alone.
	_, err = inside(check...)
	require.ErrorContains(t, err, "permission denied", "it does not run as root")
}

// files are those of the image, but for what Docker puts into every container.
func (d docker) files(t *testing.T, folder string) (names []string) {
	t.Helper()
	id, err := d.run(t.Context(), "create", "fermata:bed")
	require.NoError(t, err)
	path := filepath.Join(folder, "image.tar")
	_, err = d.run(t.Context(), "export", "--output", path, strings.TrimSpace(id))
	require.NoError(t, err)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	docker := []string{".dockerenv", "dev/console", "etc/hostname", "etc/hosts", "etc/resolv.conf"}
	for archive := tar.NewReader(f); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return names
		}
		require.NoError(t, err)
		if header.Typeflag == tar.TypeReg && !slices.Contains(docker, header.Name) {
			names = append(names, header.Name)
		}
	}
}

package shipping

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/network"
	"fermata/testsuite/bed/postgres"
)

// native stands for the Docker Engine: each service is a process in a root folder of its own, with the files that its container
// would have, and all are in one network namespace, where every service's name is the loopback.
type native struct {
	project *project
	network *network.Network
	folder  string
	server  *postgres.Server
}

const tools = "/opt/tools" // Where temporal-sql-tool is, in the root folder that stands for Temporal's admin-tools.

func (p *project) native(ctx context.Context, t *testing.T) *native {
	t.Helper()
	n := &native{project: p, folder: host.Folder(t)}
	var err error
	n.network, err = network.New(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.network.Close()) })
	require.NoError(t, n.network.Add(ctx, "compose"))
	for name, s := range p.file.Services {
		n.furnish(t, name, s)
	}
	return n
}

func (n *native) root(service string) string { return filepath.Join(n.folder, service) }

// furnish makes a container's root folder: its image, volumes and secrets, for its account.
func (n *native) furnish(t *testing.T, name string, s service) {
	t.Helper()
	root := n.root(name)
	copied(t, "/etc/nsswitch.conf", filepath.Join(root, "etc/nsswitch.conf"), 0o644)
	for _, folder := range []string{"dev", "proc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, folder), 0o755)) //nolint:gosec // As in a container.
	}
	_, err := run(t.Context(), "/", "mknod", "--mode=0666", filepath.Join(root, "dev/null"), "c", "1", "3")
	require.NoError(t, err)
	hosts := "127.0.0.1 localhost " + strings.Join(slices.Collect(maps.Keys(n.project.file.Services)), " ") + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "etc/hosts"), []byte(hosts), 0o644)) //nolint:gosec // Every account reads it.
	switch {
	case strings.HasPrefix(s.Image, "fermata:"): // Without its /etc/passwd, which does not know most people's accounts.
		for _, program := range []string{"fermata", "fermata-worker", "fermata-temporal"} {
			copied(t, programs(t)[program], filepath.Join(root, program), 0o755)
		}
	case strings.HasPrefix(s.Image, "temporalio/admin-tools:"):
		copied(t, programs(t)["temporal-sql-tool"], filepath.Join(root, tools, "temporal-sql-tool"), 0o755)
		require.NoError(t, os.MkdirAll(filepath.Join(root, "usr"), 0o755)) //nolint:gosec // This machine's, later.
		for _, link := range []string{"bin", "lib", "lib64"} {
			require.NoError(t, os.Symlink("usr/"+link, filepath.Join(root, link)))
		}
	}
	for _, volume := range s.Volumes {
		n.mount(t, root, published(t, volume))
	}
	for _, secret := range s.Secrets {
		target := filepath.Join(root, "run/secrets", secret.Source)
		copied(t, n.project.file.Secrets[secret.Source].File, target, 0o600)
		require.NoError(t, os.Chown(target, 65532, 65532))
	}
}

// mount copies a file that is mounted, or makes the folder.
func (n *native) mount(t *testing.T, root, volume string) {
	t.Helper()
	parts := strings.Split(strings.TrimSpace(volume), ":")
	require.GreaterOrEqual(t, len(parts), 2, volume)
	target := filepath.Join(root, parts[1])
	info, err := os.Stat(parts[0])
	if err != nil || info.IsDir() { // Docker's own volume, or a folder that is written to.
		require.NoError(t, os.MkdirAll(filepath.Dir(target), 0o755)) //nolint:gosec // The container's account enters it.
		require.NoError(t, os.Mkdir(target, 0o700))
		require.NoError(t, os.Chown(target, 65532, 65532))
		return
	}
	copied(t, parts[0], target, info.Mode().Perm())
	require.NoError(t, os.Chown(target, 65532, 65532))
}

// inside is how a command is started as the container's account in its root folder, with its environment.
func (n *native) inside(name string) []string {
	args := []string{"env", "-i", "PATH=" + tools + ":/usr/bin"}
	environment := n.project.file.Services[name].Environment
	for _, key := range slices.Sorted(maps.Keys(environment)) {
		args = append(args, key+"="+environment[key])
	}
	return append(args, "/usr/sbin/chroot", "--userspec="+n.project.file.Services[name].User, "--groups=", n.root(name))
}

// command starts a service with what a container has besides its files: /proc, and for Temporal's admin-tools this machine's
// programs. What is mounted goes with the process.
func (n *native) command(name string) []string {
	s := n.project.file.Services[name]
	entry := s.Entrypoint
	if len(entry) == 0 {
		entry = []string{"/fermata-worker"} // The image's.
	}
	mount := fmt.Sprintf("mount --rbind /proc %s/proc", n.root(name))
	if strings.HasPrefix(s.Image, "temporalio/admin-tools:") {
		mount += fmt.Sprintf(" && mount --bind -o ro /usr %s/usr", n.root(name))
	}
	return slices.Concat([]string{"unshare", "--mount", "sh", "-c", mount + ` && exec "$@"`, "sh"}, n.inside(name), entry, s.Command)
}

// once runs a service that ends.
func (n *native) once(ctx context.Context, t *testing.T, name string) (string, error) {
	t.Helper()
	return n.network.Run(ctx, "compose", "", n.command(name)...)
}

// health asks as the compose file's healthcheck does.
func (n *native) health(ctx context.Context, t *testing.T, name string) (string, error) {
	t.Helper()
	test := n.project.file.Services[name].Healthcheck.Test
	require.Equal(t, "CMD", test[0], name)
	return n.network.Run(ctx, "compose", "", slices.Concat(n.inside(name), test[1:])...)
}

// start starts a service and waits until it is healthy.
func (n *native) start(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	log := filepath.Join(n.folder, name+".log")
	p, err := host.Start(ctx, host.Daemon{
		Name: name, Args: n.command(name), Namespace: n.network.Namespace("compose"), Log: log, Grace: 40 * time.Second,
		Ready: func(ctx context.Context) error { _, err := n.health(ctx, t, name); return err },
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, p.Stop())
		if t.Failed() {
			t.Logf("the end of %s's log:\n%s", name, p.Tail(30))
		}
	})
}

// database starts this machine's PostgreSQL, with the account and password of the compose file.
func (n *native) database(ctx context.Context, t *testing.T) {
	t.Helper()
	var err error
	n.server, err = postgres.StartIn(ctx, n.network.Namespace("compose"), n.folder, "127.0.0.1:5432")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, n.server.Stop()) })
	password, err := os.ReadFile(n.project.file.Secrets["database-password"].File)
	require.NoError(t, err)
	_, err = n.server.Query(ctx, "postgres", fmt.Sprintf("CREATE ROLE temporal SUPERUSER LOGIN PASSWORD '%s'", strings.TrimSpace(string(password))))
	require.NoError(t, err)
	rules := filepath.Join(n.folder, "data/pg_hba.conf")
	trusted, err := os.ReadFile(rules)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(rules, append([]byte("host all temporal all scram-sha-256\n"), trusted...), 0o600))
	_, err = n.server.Query(ctx, "postgres", "SELECT pg_reload_conf()")
	require.NoError(t, err)
}

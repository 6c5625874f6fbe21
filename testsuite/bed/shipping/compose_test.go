package shipping

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
)

// compose is the compose file as docker-compose reads it.
type compose struct {
	Services map[string]service
	Secrets  map[string]struct{ File string }
	Networks map[string]struct{ Internal bool }
}

type service struct {
	Image       string
	Entrypoint  []string
	Command     []string
	Environment map[string]string
	Secrets     []struct{ Source, Target string }
	Volumes     []any
	Tmpfs       []string
	User        string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Networks    map[string]any
	MemLimit    any `yaml:"mem_limit"`
	PidsLimit   int `yaml:"pids_limit"`
	Ports       []any
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
}

// project is a copy of what of the repository the compose file needs.
type project struct {
	folder string
	file   compose
}

func initialised(t *testing.T) *project {
	t.Helper()
	p := &project{folder: filepath.Join(host.Folder(t), "project")}
	require.NoError(t, os.Mkdir(p.folder, 0o755)) //nolint:gosec // The containers' account enters it.
	for _, name := range []string{"docker-compose.yml", "deploy"} {
		_, err := run(t.Context(), repository, "cp", "--recursive", name, p.folder+"/")
		require.NoError(t, err)
	}
	_, err := p.config(t.Context())
	require.ErrorContains(t, err, "run make compose-init first")
	program := programs(t)["fermata"]
	for range 2 { // The second changes nothing.
		before, _ := os.ReadFile(filepath.Join(p.folder, "compose/secrets/payload-key"))
		_, err := run(t.Context(), p.folder, "bash", "deploy/compose/init.sh", program, "v1.2.3")
		require.NoError(t, err)
		after, err := os.ReadFile(filepath.Join(p.folder, "compose/secrets/payload-key"))
		require.NoError(t, err)
		require.True(t, before == nil || string(before) == string(after))
	}
	text, err := p.config(t.Context())
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal([]byte(text), &p.file))
	return p
}

// config lets docker-compose read the file, and what it refers to.
func (p *project) config(ctx context.Context) (string, error) {
	return run(ctx, p.folder, "docker-compose", "--file", filepath.Join(p.folder, "docker-compose.yml"), "--project-directory", p.folder, "config")
}

// TestTheComposeFileKeepsItsPromises: what it says of containers, ports and secrets.
func TestTheComposeFileKeepsItsPromises(t *testing.T) {
	t.Parallel()
	host.Require(t)
	p := initialised(t)
	require.Len(t, p.file.Services, 6)
	for name, s := range p.file.Services {
		require.Equal(t, "65532:65532", s.User, name)
		require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		require.Equal(t, []string{"no-new-privileges:true"}, s.SecurityOpt, name)
		require.True(t, s.ReadOnly, name)
		require.NotEmpty(t, s.MemLimit, name)
		require.NotZero(t, s.PidsLimit, name)
		image, tag, _ := strings.Cut(s.Image, ":")
		require.NotContains(t, []string{"", "latest"}, tag, "%s: which image is it?", image)
		for _, port := range s.Ports {
			require.Contains(t, published(t, port), "127.0.0.1", name)
		}
		for variable, value := range s.Environment {
			require.False(t, strings.Contains(strings.ToLower(variable), "password") && !strings.HasPrefix(value, "/run/secrets/"), "%s: %s", name, variable)
		}
	}
	require.Empty(t, p.file.Services["postgresql"].Ports)
	require.True(t, p.file.Networks["database"].Internal)
	for name, s := range p.file.Services {
		if _, reaches := s.Networks["database"]; reaches {
			require.Contains(t, []string{"postgresql", "databases", "temporal"}, name)
		}
	}
	for name, s := range p.file.Secrets {
		info, err := os.Stat(s.File)
		require.NoError(t, err, name)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	for _, key := range []string{"clients-ca.key", "internode-ca.key"} {
		require.FileExists(t, filepath.Join(p.folder, "compose/authorities", key))
		require.NoFileExists(t, filepath.Join(p.folder, "compose/tls", key), "no container could be given it")
	}
	require.Equal(t, "service_completed_successfully", p.file.Services["worker"].DependsOn["namespace"].Condition)
}

func published(t *testing.T, port any) string {
	t.Helper()
	text, err := yaml.Marshal(port)
	require.NoError(t, err)
	return string(text)
}

// TestTheServicesOfTheComposeFile starts what is ours of the compose file, with its arguments, environment and files, in the order
// that it says, on this machine's PostgreSQL and with Temporal's own tool: until the worker is ready, and doctor is content.
func TestTheServicesOfTheComposeFile(t *testing.T) {
	t.Parallel()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	p := initialised(t)
	private, public, err := machine.NewKey()
	require.NoError(t, err)
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, private, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(p.folder, "compose/allowed_signers"), []byte("alice@example "+public+"\n"), 0o600))
	require.NoError(t, os.Chown(filepath.Join(p.folder, "compose/allowed_signers"), 65532, 65532))
	n := p.native(ctx, t)
	n.database(ctx, t)
	for range 2 { // The second finds all that is there.
		said, err := n.once(ctx, t, "databases")
		require.NoError(t, err, said)
	}
	_, err = n.health(ctx, t, "temporal")
	require.Error(t, err, "nobody serves yet")
	n.start(ctx, t, "temporal")
	for range 2 {
		said, err := n.once(ctx, t, "namespace")
		require.NoError(t, err)
		require.Contains(t, said, "namespace fermata and its search attributes are there")
	}
	n.start(ctx, t, "worker")
	ready := append(n.inside("worker"), "/fermata-worker", "health", "--ready")
	var not error
	if !assert.Eventually(t, func() bool { _, not = n.network.Run(ctx, "compose", "", ready...); return not == nil }, time.Minute, 200*time.Millisecond) {
		require.NoError(t, not)
	}
	typed := func(command string) string {
		said, err := n.network.Run(ctx, "compose", "", programs(t)["fermata"], "--config", filepath.Join(p.folder, "compose/people.yaml"), "--key", key, "--no-color", command)
		require.NoError(t, err)
		return said
	}
	require.NotContains(t, typed("list"), "inquiry/", "there is no run yet")
	said := typed("doctor")
	for _, line := range []string{"ok  allowed signers", "ok  your key", "ok  encryption key", "ok  Temporal", "ok  search attributes", "ok  record store"} {
		require.Contains(t, said, line)
	}
}

package scenarios

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/decision"
	"fermata/sandbox"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
	"fermata/spec"
	"fermata/starter"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
	"fermata/worker"
)

// coalmine is a sandbox with planted secrets, one in each provider, and a worker that can resolve them.
type coalmine struct {
	*bench
	config  string // Of the installation with all providers, with the certificate of a worker.
	people  string // The same with that of people.
	secrets map[string]string
	log     *lockedBuffer // Of the worker and the systems.
	safe    *safe
	shown   string // Where the worker shows metrics and readiness.
}

// targets are the files of a guest that hold a secret because the spec says so, and where else one may stand: by the end
// of the name, and which secret.
var targets = map[string]string{
	"/system/etc/canary/file": "file", "/system/etc/canary/env": "env", "/system/etc/canary/age": "age",
	"/system/etc/canary/vault": "vault", "/system/etc/canary/exec": "exec",
	"/system/etc/hello-web/token": "env", "/token-on-volume": "age",
}

func dig(t *testing.T) *coalmine {
	t.Helper()
	lossy, err := faults.Parse("lose=9")
	require.NoError(t, err)
	c := &coalmine{log: &lockedBuffer{}, secrets: map[string]string{}}
	log := slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.bench = start(t, sandbox.Options{
		Folder: t.TempDir(), WithoutUI: true, WithoutWorker: true, Log: log,
		Faults: map[string]*faults.Faults{estate.Guests: lossy}, // So that answers are lost while secrets are written.
	})
	c.plant(t)
	cfg, err := config.Load(c.config)
	require.NoError(t, err)
	w, err := worker.New(worker.Config{Installation: cfg, Log: log, Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	require.NoError(t, w.Start(t.Context()))
	c.shown = w.Observed()
	t.Cleanup(func() { require.NoError(t, w.Stop()) })
	return c
}

// plant puts a secret into each provider, and one into a configuration that the application does not understand.
func (c *coalmine) plant(t *testing.T) {
	t.Helper()
	for _, name := range []string{"file", "env", "age", "config"} {
		c.secrets[name] = canary(t, name)
	}
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(c.Folder, name), []byte(text), 0o600))
	}
	write("secrets/canary", c.secrets["file"])
	write("secrets/canary-config", "greeting = hello\n"+c.secrets["config"]+"\n")
	// t.Setenv would forbid parallel tests; the name is this test's own.
	require.NoError(t, os.Setenv("FERMATA_COALMINE_CANARY", c.secrets["env"]))
	t.Cleanup(func() { _ = os.Unsetenv("FERMATA_COALMINE_CANARY") })
	identity, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	write("identity.txt", identity.String()+"\n")
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, identity.Recipient())
	require.NoError(t, err)
	_, err = fmt.Fprintf(w, "canary: %q\n", c.secrets["age"])
	require.NoError(t, err)
	require.NoError(t, w.Close())
	write("secrets.age", sealed.String())
	const file = "    file:\n      folder: secrets\n"
	outside := c.plantOutside(t, write)
	for name, from := range map[string]string{"canary.yaml": c.WorkerConfig, "people.yaml": c.Config} {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.Contains(t, string(text), file)
		write(name, strings.Replace(string(text), file, file+"    env: {prefix: FERMATA_COALMINE_}\n    age: {file: secrets.age, identity: identity.txt}\n"+outside, 1))
	}
	c.config, c.people = filepath.Join(c.Folder, "canary.yaml"), filepath.Join(c.Folder, "people.yaml")
}

// Secrets are planted through every provider and carried to a guest by one run that ends well and one that fails. They
// then stand in the provider and in the guest's own files, and nowhere else, in no form.
func TestPlantedSecretsAreNowhereElse(t *testing.T) {
	t.Parallel()
	c := dig(t)
	seen := places{}
	c.provisionPinned(t)
	require.True(t, c.inRecords(t, `{"ref":"`+vaultRef+`","version":"1"}`), "the record tells the version")
	failed := c.fail(t)
	for name, data := range c.everywhere(t) {
		seen["held: "+name] = data
	}
	c.Decide(t, client.Decision{WorkflowID: failed.WorkflowID, Command: decision.Undo}, c.Requester)
	p := c.Until(t, failed, "an end", people.Ended)
	require.Equal(t, wire.Undone, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
	for name, data := range c.everywhere(t) {
		seen["ended: "+name] = data
	}
	c.search(t, seen)
}

// withSecrets names every planted secret in files of the system and of the application, on the root disk and on a volume.
func (c *coalmine) withSecrets(s *spec.Server) {
	s.Spec.OS.Files = append(append(s.Spec.OS.Files, outsideSecrets()...),
		spec.File{Path: "/etc/canary/file", Secret: "secret://file/canary"},
		spec.File{Path: "/etc/canary/env", Secret: "secret://env/canary"},
		spec.File{Path: "/etc/canary/age", Secret: "secret://age/canary"})
	s.Spec.Application.Config = append(s.Spec.Application.Config,
		spec.File{Path: "/etc/hello-web/token", Secret: "secret://env/canary"},
		spec.File{Path: "/srv/data/token-on-volume", Secret: "secret://age/canary"})
}

// fail starts a server whose application refuses its secret configuration and quotes it where services say why.
func (c *coalmine) fail(t *testing.T) client.Started {
	t.Helper()
	r, err := client.Provision(stage.WebServer(t, func(s *spec.Server) {
		s.Metadata.Name, s.Spec.Network.Address = "web-02", "10.20.0.12/24"
		s.Spec.Application.Config = []spec.File{{Path: "/etc/hello-web/hello-web.conf", Secret: "secret://file/canary-config"}}
	}))
	started := c.Begin(t, r, err)
	c.Approve(t, started)
	p := c.Until(t, started, "a held step", people.In(wire.Held))
	gate, open := p.Gate(decision.Retry, "application")
	require.True(t, open)
	require.Contains(t, gate.Why, "unknown setting", "the error tells what the application said")
	return started
}

// everywhere looks at all places as they are now.
func (c *coalmine) everywhere(t *testing.T) places {
	t.Helper()
	p := places{"log of the worker and the systems": c.log.Bytes()}
	for _, page := range []string{"metrics", "readyz", "healthz"} {
		p["worker: "+page] = c.show(t, page)
	}
	p.files(t, c.Folder)
	p.systems(t, c.bench)
	cfg, err := config.Load(c.config)
	require.NoError(t, err)
	all, err := providers.Open(cfg)
	require.NoError(t, err)
	keys, err := providers.Keyring(t.Context(), cfg, all)
	require.NoError(t, err)
	p.temporal(t, c.bench, keys.Codec().Decode)
	unreadable := filepath.Join(c.Folder, "secrets", "canary")
	require.NoError(t, os.Chmod(unreadable, 0o644)) // Resolving it fails now.
	p["terminal: plan"] = c.type_(t, "plan", c.written(t))
	require.NoError(t, os.Chmod(unreadable, 0o600))
	require.Contains(t, string(p["terminal: plan"]), "secret://file/canary")
	for _, line := range []string{
		"show web-01", "show web-02", "history", "history web-01", "list", "doctor", "watch web-01", "watch web-02 --for 1s", "history web-02",
	} {
		p["terminal: "+line] = c.type_(t, strings.Fields(line)...)
		p["terminal: -o json "+line] = c.type_(t, append([]string{"-o", "json"}, strings.Fields(line)...)...)
	}
	return p
}

// show is what the worker shows to whoever reaches it.
func (c *coalmine) show(t *testing.T, page string) []byte {
	t.Helper()
	response, err := http.Get("http://" + c.shown + "/" + page)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NotEmpty(t, data)
	return data
}

// written is the spec with the secrets, in a file and for another server.
func (c *coalmine) written(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "web-server.yaml"))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "web-03.yaml")
	replaced := strings.NewReplacer("name: web-01", "name: web-03", "10.20.0.11/24", "10.20.0.13/24", "web-01-session-key", "canary").Replace(string(text))
	require.NoError(t, os.WriteFile(file, []byte(replaced), 0o600))
	return file
}

// type_ types a command and returns what stands on the terminal.
func (c *coalmine) type_(t *testing.T, args ...string) []byte {
	t.Helper()
	var terminal bytes.Buffer
	app := starter.New()
	app.Writer, app.ErrWriter = &terminal, &terminal
	words := append([]string{"fermata", "--verbose", "--config", c.people, "--key", c.People.RequesterKey}, args...)
	starter.ExitCode(&terminal, app.RunContext(t.Context(), starter.Arrange(app, words)))
	require.NotEmpty(t, terminal.Bytes(), "%v", args)
	return terminal.Bytes()
}

// search fails with the names of all places and forms in which a secret stands and should not.
func (c *coalmine) search(t *testing.T, all places) {
	t.Helper()
	arrived := map[string]bool{}
	var leaks []string
	for secret, value := range c.secrets {
		forms := traces(t, value)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			found := find(forms, all[name])
			target := belongs(name, secret)
			switch {
			case len(found) == 0:
			case target != "":
				arrived[target] = true
			default:
				leaks = append(leaks, fmt.Sprintf("the secret of %q stands in %s as %s", secret, name, strings.Join(found, ", ")))
			}
		}
	}
	require.Empty(t, leaks)
	for target := range targets {
		require.True(t, arrived[target], "the search finds what is there: %s", target)
	}
	t.Logf("%d places searched, %d of them files", len(all), countPrefix(all, "file "))
}

// belongs says which target a place is, if the secret belongs there: the provider's own file, a file of the guest that
// the spec names, or the journal of an application that quotes its configuration.
func belongs(name, secret string) string {
	_, name, _ = strings.Cut(name, ": ")
	guests := strings.HasPrefix(name, "file estate/guests/")
	for end, which := range targets {
		if guests && which == secret && strings.HasSuffix(name, end) {
			return end
		}
	}
	switch {
	case secret == "file" && name == "file secrets/canary",
		secret == "exec" && name == "file exec-answer.json",
		secret == "secretid" && name == "file vault-secret-id",
		secret == "config" && name == "file secrets/canary-config",
		secret == "config" && guests && strings.HasSuffix(name, "/system/etc/hello-web/hello-web.conf"),
		secret == "config" && name == "web-02: journal":
		return name
	}
	return ""
}

func countPrefix(all places, prefix string) int {
	n := 0
	for name := range all {
		if _, name, _ := strings.Cut(name, ": "); strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// lockedBuffer is written by many at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

package scenarios

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
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
	"fermata/testsuite/canary"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
	"fermata/worker"
)

// coalmine is a sandbox with planted secrets, one in each provider, and a worker that can resolve them.
type coalmine struct {
	*bench
	config   string // Of the installation with all providers, with the certificate of a worker.
	people   string // The same with that of people.
	secrets  map[string]string
	log      *lockedBuffer       // Of the worker and the systems.
	identity *age.X25519Identity // Opens the file that generated passwords are kept in.
	safe     *safe
	shown    string // Where the worker shows metrics and readiness.
}

// targets are the files of a guest that hold a secret because the spec says so, and where else one may stand: by the end
// of the name, and which secret.
var targets = map[string]string{
	"/system/etc/canary/file": "file", "/system/etc/canary/env": "env", "/system/etc/canary/age": "age",
	"/system/etc/canary/vault": "vault", "/system/etc/canary/exec": "exec",
	"/system/etc/hello-web/token": "env", "/token-on-volume": "age",
	"/system/etc/hello-web/database.cnf": "generated",
}

func dig(t *testing.T) *coalmine {
	t.Helper()
	lossy, err := faults.Parse("lose=9")
	require.NoError(t, err)
	c := &coalmine{log: &lockedBuffer{}, secrets: map[string]string{}}
	log := slog.New(slog.NewTextHandler(c.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.bench = start(t, sandbox.Options{
		Folder: t.TempDir(), WithoutUI: true, WithoutWorker: true, Log: log, Policy: governing, // Which has notices.
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
		c.secrets[name] = canary.Secret(name)
	}
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(c.Folder, name), []byte(text), 0o600))
	}
	write("secrets/canary", c.secrets["file"])
	write("secrets/canary-config", "greeting = hello\n"+c.secrets["config"]+"\n")
	// t.Setenv would forbid parallel tests; the name is this test's own.
	require.NoError(t, os.Setenv("FERMATA_COALMINE_CANARY", c.secrets["env"]))
	t.Cleanup(func() { _ = os.Unsetenv("FERMATA_COALMINE_CANARY") })
	text, err := os.ReadFile(filepath.Join(c.Folder, "secrets", "age-identity")) // Of the sandbox's own file.
	require.NoError(t, err)
	identity, err := age.ParseX25519Identity(string(text))
	require.NoError(t, err)
	c.identity = identity
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, identity.Recipient())
	require.NoError(t, err)
	_, err = fmt.Fprintf(w, "canary: %q\n", c.secrets["age"])
	require.NoError(t, err)
	require.NoError(t, w.Close())
	write(passwords, sealed.String())
	const file = "    file:\n      folder: secrets\n"
	outside := c.plantOutside(t, write)
	for name, from := range map[string]string{"canary.yaml": c.WorkerConfig, "people.yaml": c.Config} {
		text, err := os.ReadFile(from)
		require.NoError(t, err)
		require.Contains(t, string(text), file)
		write(name, strings.Replace(string(text), file, file+"    env: {prefix: FERMATA_COALMINE_}\n"+outside, 1))
	}
	c.config, c.people = filepath.Join(c.Folder, "canary.yaml"), filepath.Join(c.Folder, "people.yaml")
}

// Secrets are planted through every provider and carried to a guest by one run that ends well and one that fails. They
// then stand in the provider and in the guest's own files, and nowhere else, in no form.
func TestPlantedSecretsAreNowhereElse(t *testing.T) {
	t.Parallel()
	c := dig(t)
	c.provisionPinned(t)
	c.generate(t)
	require.True(t, c.inRecords(t, `{"ref":"`+vaultRef+`","version":"1"}`), "the record tells the version")
	failed := c.fail(t)
	c.told(t)
	s := canary.New(c.secrets)
	c.everywhere(t, moment{s, "held: "})
	c.Decide(t, client.Decision{WorkflowID: failed.WorkflowID, Command: decision.Undo}, c.Requester)
	p := c.Until(t, failed, "an end", people.Ended)
	require.Equal(t, wire.Undone, p.Outcome, "%s %v", p.Reason, p.LeftBehind)
	c.everywhere(t, moment{s, "ended: "})
	c.judge(t, s)
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

// told waits until people were told, by mail and by webhook, what the application says of its secret configuration.
func (c *coalmine) told(t *testing.T) {
	t.Helper()
	for _, system := range []string{"mail", "hooks"} {
		c.until(t, "a notice of the held step by "+system, func() bool {
			all := strings.Join(c.delivered(t, system), "\n")
			return strings.Contains(all, "web-02") && strings.Contains(all, "unknown setting")
		})
	}
}

// everywhere looks at all places as they are now.
func (c *coalmine) everywhere(t *testing.T, m moment) {
	t.Helper()
	m.Look(m.when+"log of the worker and the systems", c.log.Bytes())
	for _, page := range []string{"metrics", "readyz", "healthz"} {
		m.Look(m.when+"worker: "+page, c.show(t, page))
	}
	m.Files(t, m.when+"file ", c.Folder)
	m.systems(t, c.bench)
	cfg, err := config.Load(c.config)
	require.NoError(t, err)
	all, err := providers.Open(cfg)
	require.NoError(t, err)
	keys, err := providers.Keyring(t.Context(), cfg, all)
	require.NoError(t, err)
	m.Temporal(t, m.when, c.Client.Temporal(), keys.Codec())
	unreadable := filepath.Join(c.Folder, "secrets", "canary")
	require.NoError(t, os.Chmod(unreadable, 0o644)) // Resolving it fails now.
	plan := c.type_(t, "plan", c.written(t))
	m.Look(m.when+"terminal: plan", plan)
	require.NoError(t, os.Chmod(unreadable, 0o600))
	require.Contains(t, string(plan), "secret://file/canary")
	for _, line := range []string{
		"show web-01", "show web-02", "history", "history web-01", "list", "doctor", "watch web-01", "watch web-02 --for 1s", "history web-02", "automation", "policy test server/web-02",
		"history --html - web-01", "show instance/app-01", "history instance/app-01", "history --html - instance/app-01", "history --html - web-02",
	} {
		m.Look(m.when+"terminal: "+line, c.type_(t, strings.Fields(line)...))
		m.Look(m.when+"terminal: -o json "+line, c.type_(t, append([]string{"-o", "json"}, strings.Fields(line)...)...))
	}
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

// judge fails with all places in which a secret stands and should not.
func (c *coalmine) judge(t *testing.T, s *canary.Search) {
	t.Helper()
	arrived := s.Judge(t, belongs)
	for target := range targets {
		require.True(t, arrived[target], "the search finds what is there: %s", target)
	}
	for _, system := range []string{"mail", "hooks"} {
		notices, _ := s.Places("held: file estate/" + system)
		require.NotZero(t, notices, system)
	}
	guards, _ := s.Places("Temporal: " + wire.GuardWorkflowID())
	require.NotZero(t, guards, "the guard's history")
	places, size := s.Places("")
	files, _ := s.Places(": file ")
	t.Logf("%d places searched (%d MB), %d of them files", places, size>>20, files)
}

// belongs says which target a place is, if the secret belongs there: the provider's own file, a file of the guest that
// the spec names, or the journal of an application that quotes its configuration.
func belongs(f canary.Find) string {
	_, name, _ := strings.Cut(f.Place, ": ")
	secret := f.Secret
	guests := strings.HasPrefix(name, "file estate/guests/") || strings.HasPrefix(name, "file estate/instances/")
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

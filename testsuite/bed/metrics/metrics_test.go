package metrics

import (
	"context"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/decision"
	"fermata/sandbox"
	"fermata/spec"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
	"fermata/worker"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // The simulator of vCenter writes to it.
	os.Exit(host.Main(m, host.Installed(Packages())))
}

// patience is how long something may take to show in Prometheus: counts are kept for 15 seconds.
const patience = time.Minute

// bench is a sandbox whose worker a Prometheus scrapes.
type bench struct {
	*stage.Stage
	worker     *worker.Worker
	prometheus *Prometheus
	seen       map[string]bool // Names of all metrics that were ever there.
}

func setup(t *testing.T) *bench {
	t.Helper()
	host.Require(t)
	b := &bench{Stage: stage.Setup(t, func(o *sandbox.Options) { o.WithoutWorker = true }), seen: map[string]bool{}}
	cfg, err := config.Load(b.WorkerConfig)
	require.NoError(t, err)
	b.worker, err = worker.New(worker.Config{Installation: cfg, Log: stage.Logger(t), Listen: "127.0.0.1:0"},
		worker.WithWorkflow(func(register func(string, any)) { register("Broken", broken) }))
	require.NoError(t, err)
	require.NoError(t, b.worker.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, b.worker.Stop()) })

	address, err := host.Address()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	b.prometheus, err = Start(ctx, host.Folder(t), address, immediate(t), b.worker.Observed())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.prometheus.Stop()) })
	return b
}

// broken is a run that no build can carry.
func broken(workflow.Context) error { panic("this build cannot carry it") }

// admin connects with the certificate of an admin, which lies beside that of people.
func (b *bench) admin(t *testing.T) temporal.Client {
	t.Helper()
	cfg, err := config.Load(b.Config)
	require.NoError(t, err)
	tls := &cfg.Temporal.TLS
	for _, file := range []*string{&tls.Cert, &tls.Key} {
		folder, name := filepath.Split(*file)
		*file = filepath.Join(folder, strings.Replace(name, "operator", "admin", 1))
	}
	o, err := client.FromConfig(t.Context(), cfg, providers.Keys, nil)
	require.NoError(t, err)
	options, err := o.TemporalOptions()
	require.NoError(t, err)
	c, err := temporal.DialContext(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// immediate is deploy/alerts.yaml with no alert that waits: how long they wait is what promtool tests.
func immediate(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(stage.Root(t), "deploy", "alerts.yaml"))
	require.NoError(t, err)
	waits := regexp.MustCompile(`(?m)^        for: .*$`)
	require.NotEmpty(t, waits.FindAll(data, -1))
	file := filepath.Join(t.TempDir(), "alerts.yaml")
	require.NoError(t, os.WriteFile(file, waits.ReplaceAll(data, []byte("        for: 0s")), 0o600))
	return file
}

// alert waits until an alert fires, or no longer does.
func (b *bench) alert(t *testing.T, name string, fires bool) (a Alert) {
	t.Helper()
	require.Eventually(t, func() bool {
		all, err := b.prometheus.Alerts(t.Context())
		require.NoError(t, err)
		a = all[name]
		return (a.State == "firing") == fires
	}, patience, 100*time.Millisecond, "%s: firing should be %v", name, fires)
	return a
}

// scrape notes the names of all metrics that the worker shows.
func (b *bench) scrape(t *testing.T) {
	t.Helper()
	response, err := http.Get("http://" + b.worker.Observed() + "/metrics")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		if name := regexp.MustCompile(`^[a-z_]+`).FindString(line); name != "" {
			b.seen[name] = true
		}
	}
}

// An alert fires for a step that is held, and ends when a person lets it go on; one fires for a run that this build cannot
// carry, and one when Temporal is away. Every metric that an alert or the dashboard asks for is there.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Eventually(t, func() bool {
		n, err := b.prometheus.Count(t.Context(), `fermata_ready == 1 and fermata_visibility_up == 1 and up{job="fermata"} == 1`)
		return err == nil && n == 1
	}, patience, 100*time.Millisecond, "it is scraped")
	b.alert(t, "FermataQueueWithoutWorker", false)

	b.alert(t, "FermataWorkflowTaskFails", false)
	admin := b.admin(t) // People may start runs of known types only.
	stuck, err := admin.ExecuteWorkflow(t.Context(), temporal.StartWorkflowOptions{ID: "broken", TaskQueue: wire.Queue}, "Broken")
	require.NoError(t, err)

	secret := filepath.Join(b.Folder, "secrets", "web-01-conf")
	require.NoError(t, os.WriteFile(secret, []byte("this is no setting\n"), 0o600))
	r, err := client.Provision(stage.WebServer(t, func(s *spec.Server) {
		s.Spec.Application.Config = []spec.File{{Path: "/etc/hello-web/hello-web.conf", Secret: "secret://file/web-01-conf"}}
	}))
	started := b.Begin(t, r, err)
	b.Approve(t, started)
	b.Until(t, started, "held", people.In(wire.Held))
	a := b.alert(t, "FermataHeldStep", true)
	require.Equal(t, "1 steps failed and wait for a person.", a.Annotations["summary"])
	n, err := b.prometheus.Count(t.Context(), `fermata_runs{kind="ProvisionServer",state="held"} == 1`)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	require.NoError(t, os.WriteFile(secret, []byte("name = web-01\nlisten = 10.20.0.11:8080\ndata = /srv/data\nsession-key-file = /etc/hello-web/session-key\n"), 0o600))
	sdk.PurgeStickyWorkflowCache() // So that a run is missed in it.
	b.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Retry}, b.Requester)
	b.Done(t, started)
	b.alert(t, "FermataHeldStep", false)

	a = b.alert(t, "FermataWorkflowTaskFails", true)
	require.Equal(t, "Broken", a.Labels["workflow_type"])
	require.NoError(t, admin.TerminateWorkflow(t.Context(), stuck.GetID(), "", "seen"))
	b.scrape(t)

	b.alert(t, "FermataRunsUnknown", false)
	require.NoError(t, b.Close())
	b.alert(t, "FermataRunsUnknown", true)
	b.alert(t, "FermataPollsFail", true)
	b.alert(t, "FermataHeldStep", false)
	b.scrape(t)
	b.known(t)
}

// known looks for every metric of the alerts and of the dashboard among those that were there.
func (b *bench) known(t *testing.T) {
	t.Helper()
	for file, least := range map[string]int{"alerts.yaml": 10, filepath.Join("grafana", "fermata.json"): 15} {
		data, err := os.ReadFile(filepath.Join(stage.Root(t), "deploy", file))
		require.NoError(t, err)
		var expressions string
		for _, e := range regexp.MustCompile(`(?s)\bexpr"?: (.*?)\n +("legendFormat"|for:|labels:)`).FindAllStringSubmatch(string(data), -1) {
			expressions += e[1] + "\n"
		}
		names := regexp.MustCompile(`\b(fermata|temporal|process|go)_[a-z_]+`).FindAllString(expressions, -1)
		slices.Sort(names)
		names = slices.Compact(names)
		require.GreaterOrEqual(t, len(names), least, "%s: %v", file, names)
		for _, name := range names {
			require.True(t, b.seen[name], "%s asks for %s, which no worker shows", file, name)
		}
	}
}

// The rules are sound, and each alert fires when it should and not before.
func TestTheAlertsAreSound(t *testing.T) {
	t.Parallel()
	host.Require(t)
	folder := filepath.Join(stage.Root(t), "deploy")
	out, err := Promtool(t.Context(), folder, "check", "rules", "alerts.yaml")
	require.NoError(t, err, out)
	out, err = Promtool(t.Context(), folder, "test", "rules", "alerts_test.yaml")
	require.NoError(t, err, out)
	tests, err := os.ReadFile(filepath.Join(folder, "alerts_test.yaml"))
	require.NoError(t, err)
	rules, err := os.ReadFile(filepath.Join(folder, "alerts.yaml"))
	require.NoError(t, err)
	for _, alert := range regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(string(rules), -1) {
		require.Regexp(t, `alertname: `+alert[1]+`\n\s+exp_alerts:\n`, string(tests), "no test lets it fire")
	}

	wrong := filepath.Join(t.TempDir(), "alerts.yaml")
	require.NoError(t, os.WriteFile(wrong, []byte(strings.Replace(string(rules), "max(fermata_held_steps) > 0", "max(fermata_held_steps) > 1", 1)), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(wrong), "alerts_test.yaml"), []byte(strings.ReplaceAll(string(tests), "2x20", "1x20")), 0o600))
	out, err = Promtool(t.Context(), filepath.Dir(wrong), "test", "rules", "alerts_test.yaml")
	require.Error(t, err, "a wrong rule is found: %s", out)
}

package cli

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/config/providers"
	"fermata/sandbox"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// shownWithin is how soon a person sees that a queue lost its worker.
const shownWithin = time.Minute

// sites are the forms in deploy/sites, filled in for a sandbox: a site whose vCenter and whose packet filter have workers of
// their own, each with a folder of secrets of its own.
type sites struct {
	central, vsphere, firewall, others string
}

// TestSiteWorkers: a queue without a worker is named in preflight; one whose worker is killed in the middle of its work is
// shown as such within a minute, and the run goes on when it is back. Neither worker can read the other's credential.
func TestSiteWorkers(t *testing.T) {
	t.Parallel()
	vcenter := &faults.Faults{}
	h := open(t, func(o *sandbox.Options) {
		o.WithoutWorker, o.Faults = true, map[string]*faults.Faults{estate.VCenter: vcenter}
	})
	at := h.sites(t)
	at.holdOnlyTheirOwn(t)
	serve := func(config, capabilities, says string) *process {
		w := running(t, roleWorker, "--config", config, "--serve", capabilities)
		w.says(t, says)
		return w
	}
	central := serve(at.central, "workflows,record", "fermata.record")
	require.NotContains(t, central.out.String(), "vcenter", "it reaches no system")
	firewall := serve(at.firewall, "firewall", "fermata.firewall.berlin")
	serve(at.others, "guest,loadbalancer,ticketing,notify,probe", "fermata.ticketing.berlin")

	s := written(t, "web-31", "10.20.0.131", "  environment: lab", "  environment: lab\n  site: berlin")
	require.Contains(t, h.requester(t, 3, "plan", s.file).err, "no worker serves queue fermata.compute.berlin")

	compute := serve(at.vsphere, "compute", "fermata.compute.berlin")
	started := h.begin(t, "run", s.file)
	vcenter.Slow(300 * time.Millisecond)
	h.approver(t, 0, "approve", started.Run, "--yes", "--reason", "read it")
	h.Until(t, started, "the deployment", func(p wire.Progress) bool {
		return step(p, "deploy").State == wire.StepRunning && step(p, "deploy").Attempt > 0
	})
	watch := running(t, roleFermata, "--config", h.Config, "watch", s.name)
	require.Equal(t, -1, compute.ends(t, syscall.SIGKILL))
	killed := time.Now()

	p := h.Until(t, started, "no worker", func(p wire.Progress) bool { return step(p, "deploy").NoWorker != "" })
	require.Equal(t, "compute@berlin", step(p, "deploy").NoWorker)
	t.Logf("shown %s after the worker was killed", time.Since(killed).Round(time.Second))
	require.Less(t, time.Since(killed), shownWithin)
	require.Contains(t, h.requester(t, 0, "show", s.name).out, "no worker for compute@berlin")
	require.Contains(t, h.requester(t, 0, "-o", "json", "show", s.name).out, `"no_worker": "compute@berlin"`)
	watch.says(t, "no worker for compute@berlin")
	require.NotContains(t, watch.out.String(), "no worker for firewall")

	vcenter.Slow(0)
	serve(at.vsphere, "compute", "fermata.compute.berlin")
	h.Done(t, started)
	require.NoError(t, watch.Wait(), watch.out.String())
	require.NotEmpty(t, h.facts(t, s))
	require.NotContains(t, firewall.out.String(), "vcenter")
	require.Zero(t, firewall.ends(t, syscall.SIGTERM))

	require.Equal(t, -1, central.ends(t, syscall.SIGKILL))
	killed = time.Now()
	require.Eventually(t, func() bool {
		a := h.typed(t, h.People.RequesterKey, "show", s.name)
		return strings.Contains(a.err, "no worker serves queue fermata: start one with fermata-worker --serve workflows")
	}, shownWithin, 100*time.Millisecond, "the workers of the runs themselves are missed too")
	t.Logf("told %s after the worker was killed", time.Since(killed).Round(time.Second))
}

func step(p wire.Progress, id string) wire.Step {
	for _, s := range p.Steps {
		if s.ID == id {
			return s
		}
	}
	return wire.Step{}
}

// sites fills the forms in, and moves the sandbox's systems to Berlin.
func (h *hall) sites(t *testing.T) sites {
	t.Helper()
	port := func(address string) string {
		_, p, err := net.SplitHostPort(address)
		require.NoError(t, err)
		return p
	}
	known := "[127.0.0.1]:" + port(h.Estate.Bastion.Addr()) + " " + h.Estate.Bastion.HostKey() + "\n"
	for _, key := range h.Estate.Edge.HostKeys() {
		known += estate.EdgeAddress + " " + key + "\n"
	}
	require.NoError(t, os.WriteFile(filepath.Join(h.folder, "known_hosts"), []byte(known), 0o600))

	worker, err := config.Load(h.WorkerConfig) // All have its certificate here.
	require.NoError(t, err)
	tls := worker.Temporal.TLS
	common := []string{
		"name: datacenter-1", "name: sandbox", "temporal.example:7233", worker.Temporal.Address, "active: k1", "active: " + sandbox.KeyID, "id: k1", "id: " + sandbox.KeyID,
		"allowedSigners: allowed_signers", "allowedSigners: people/allowed_signers",
	}
	form := func(name string, changes ...string) string {
		data, err := os.ReadFile(filepath.Join(stage.Root(t), "deploy", "sites", name))
		require.NoError(t, err)
		text := string(data)
		for i, pairs := 0, append(common, changes...); i < len(pairs); i += 2 {
			require.Contains(t, text, pairs[i], name)
			text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
		}
		certificate := regexp.MustCompile(`tls: \{[^}]*\}`)
		require.Regexp(t, certificate, text, name)
		text = certificate.ReplaceAllString(text, "tls: {ca: "+tls.CA+", cert: "+tls.Cert+", key: "+tls.Key+"}")
		return h.write(t, name, text)
	}
	h.secrets(t, "secrets-central", "payload-key", "payload-key")
	h.secrets(t, "secrets-vsphere", "payload-key", "payload-key", "vcenter-password", "vcenter-password")
	h.secrets(t, "secrets-firewall", "payload-key", "payload-key", "worker-key", "edge-key")
	all, err := os.ReadFile(h.WorkerConfig)
	require.NoError(t, err)
	moved := regexp.MustCompile(`(?m)^(      type: .*)$`).ReplaceAllString(string(all), "$1\n      site: berlin")
	at := sites{
		central: form("central.yaml"),
		vsphere: form("berlin-vsphere.yaml", "https://vcenter.example/sdk", h.Estate.VCenter.URL(), "vcenter-ca.pem", h.Estate.VCenter.CAFile()),
		firewall: form("berlin-firewall.yaml", "edge.example:22", estate.EdgeAddress+":22", "user: fermata", "user: "+estate.HostUser,
			"bastion.example:22", h.Estate.Bastion.Addr()),
		others: h.write(t, "others.yaml", moved),
	}
	return at
}

func (h *hall) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(h.folder, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// secrets makes a folder with copies of the sandbox's secrets, in pairs of their names there and here.
func (h *hall) secrets(t *testing.T, folder string, pairs ...string) {
	t.Helper()
	require.NoError(t, os.Mkdir(filepath.Join(h.folder, folder), 0o700))
	for i := 0; i < len(pairs); i += 2 {
		data, err := os.ReadFile(filepath.Join(h.folder, "secrets", pairs[i]))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(h.folder, folder, pairs[i+1]), data, 0o600))
	}
}

// holdOnlyTheirOwn tries every way that a worker has to a secret: the names that its providers answer to.
func (at sites) holdOnlyTheirOwn(t *testing.T) {
	t.Helper()
	for _, x := range []struct {
		file string
		own  []string
	}{
		{at.central, []string{"payload-key"}},
		{at.vsphere, []string{"payload-key", "vcenter-password"}},
		{at.firewall, []string{"payload-key", "edge-key"}},
	} {
		cfg, err := config.Load(x.file)
		require.NoError(t, err)
		open, err := providers.Open(cfg)
		require.NoError(t, err)
		require.Len(t, open, 1, "there is no other provider to ask")
		for _, name := range []string{"payload-key", "vcenter-password", "edge-key", "worker-key", "../secrets/worker-key", "../secrets-vsphere/vcenter-password", "../secrets-firewall/edge-key"} {
			_, err := open.Resolve(t.Context(), secret.Ref("secret://file/"+name))
			if strings.Contains(" "+strings.Join(x.own, " ")+" ", " "+name+" ") {
				require.NoError(t, err, "%s %s", x.file, name)
				continue
			}
			require.Error(t, err, "%s %s", x.file, name)
			require.Contains(t, []fault.Kind{fault.NotFound, fault.Invalid}, fault.KindOf(err), name)
		}
		text, err := os.ReadFile(x.file)
		require.NoError(t, err)
		for _, foreign := range []string{"vcenter-password", "edge-key"} {
			if !strings.Contains(strings.Join(x.own, " "), foreign) {
				require.NotContains(t, string(text), foreign, x.file)
			}
		}
	}
}

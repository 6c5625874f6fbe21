package cli

import (
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/sandbox"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
)

// The sandbox has no worker; two are processes of their own, each with a part of the queues. Doctor tells who is missing at
// each moment.
func TestWorkersAsProcesses(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *sandbox.Options) { o.WithoutWorker = true })

	a := child(t, roleWorker, "--config", h.WorkerConfig, "--serve", "compute,kitchen").run()
	require.Equal(t, 2, a.code, a.out)
	require.Contains(t, a.out, `nothing is called "kitchen"`)
	a = child(t, roleWorker, "--config", h.Config).run()
	require.Equal(t, 1, a.code, a.out)
	require.Contains(t, a.out, "spiffe://sandbox/operator has the role operator, which may not call RecordWorkerHeartbeat", "people's certificate is no worker's")
	a = child(t, roleWorker, "--config", h.WorkerConfig, "--log-format", "xml").run()
	require.Equal(t, 2, a.code, a.out)
	require.Contains(t, a.out, `takes json or text, not "xml"`)
	a = h.requester(t, 7, "doctor")
	require.Contains(t, a.out, "no worker serves queue fermata: start one with fermata-worker --serve workflows")

	decides := running(t, roleWorker, "--config", h.WorkerConfig, "--serve", "workflows,record")
	decides.says(t, "fermata.record")
	require.NotContains(t, decides.out.String(), "vcenter", "it opens no system that it does not serve")
	s := written(t, "web-21", "10.20.0.121")
	h.unserved(t, s)

	acts := running(t, roleWorker, "--config", h.WorkerConfig, "--serve", "compute,guest,cloud,directory,database,firewall,loadbalancer,dns,ticketing,notify,probe")
	acts.says(t, "fermata.ticketing")
	h.requester(t, 0, "doctor")
	started := h.approved(t, "run", s.file)
	h.requester(t, 0, "watch", started.Run)
	require.NotEmpty(t, h.facts(t, s))
	stop(t, h, acts, decides)
}

// unserved asks in two ways while nobody acts, both at once: each gives a worker a while to show up.
func (h *hall) unserved(t *testing.T, s server) {
	t.Helper()
	var doctor, plan answer
	var both sync.WaitGroup
	both.Go(func() { doctor = h.typed(t, h.People.RequesterKey, "doctor") })
	both.Go(func() { plan = h.typed(t, h.People.RequesterKey, "plan", s.file) })
	both.Wait()
	require.Equal(t, 7, doctor.code, doctor.out+doctor.err)
	require.Contains(t, doctor.out, "ok  record store")
	require.Contains(t, doctor.out, "NO  compute vcenter          no worker serves queue fermata.compute: start one with --serve compute")
	require.Equal(t, 3, plan.code, plan.out+plan.err)
	require.Contains(t, plan.err, "no worker serves queue fermata.guest")
}

// Doctor names every system that is away, and says what to do.
func TestDoctorNamesWhatIsAway(t *testing.T) {
	t.Parallel()
	systems := map[string]*faults.Faults{}
	for _, name := range estate.Systems() {
		systems[name] = &faults.Faults{}
	}
	h := open(t, func(o *sandbox.Options) { o.Faults = systems })
	h.requester(t, 0, "doctor")
	for _, system := range systems {
		system.SetDown(true)
	}
	a := h.requester(t, 7, "doctor")
	for _, finding := range []string{"compute vcenter", "cloud cloud", "directory staff", "firewall edge", "loadbalancer balancer", "ticketing tickets", "notify mail", "notify hooks"} {
		require.Contains(t, a.out, "NO  "+finding)
	}
	require.Contains(t, a.out, "bring the system back")
}

// stop ends workers, then Temporal: a worker that finds none says so.
func stop(t *testing.T, h *hall, workers ...*process) {
	t.Helper()
	for _, w := range workers {
		require.Equal(t, 0, w.ends(t, syscall.SIGTERM), w.out.String())
		require.Contains(t, w.out.String(), "stopping: what is in flight may finish")
	}
	require.NoError(t, h.Close())
	a := child(t, roleWorker, "--config", h.WorkerConfig).run()
	require.Equal(t, 1, a.code, a.out)
	require.Contains(t, a.out, "connecting to Temporal at "+h.address(t))
}

package provision

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/loadbalancer"
	"fermata/activities/record"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

func asBefore(*spec.Server) {}

func TestNothingToChange(t *testing.T) {
	t.Parallel()
	b, s := inService(t, asBefore)
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome)
	require.Equal(t, wire.NothingToChange, out.Reason)
	require.Empty(t, s.acts())
	require.Empty(t, b.estate.objects, "no ticket for nothing")
	require.Len(t, b.estate.records, 2)
}

// What stands on paper only is approved too: later runs go by it.
func TestASpecThatChangesOnPaperOnly(t *testing.T) {
	t.Parallel()
	b, s := inService(t, func(x *spec.Server) { x.Spec.Run.Grace = spec.Duration(time.Hour) })
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Empty(t, out.Reason)
	require.Empty(t, s.acts())
	require.Equal(t, wire.StepDone, b.lastStep(t, stepPaper).State)
}

// more asks for something of every kind that needs no restart.
func more(x *spec.Server) {
	x.Spec.Compute.CPUs++
	x.Spec.Compute.Memory *= 2
	x.Spec.Storage[0].Size *= 2
	x.Spec.Storage = append(x.Spec.Storage, spec.Volume{Name: "logs", Size: spec.GiB, Filesystem: "ext4", Mount: "/srv/logs", Owner: "root", Mode: "0755"})
	x.Spec.OS.Packages = append(x.Spec.OS.Packages, "tree")
	x.Spec.OS.Files = append(x.Spec.OS.Files, spec.File{Path: "/etc/hello.txt", Content: "hello", Owner: "root", Mode: "0644"})
	x.Spec.Firewall = append(x.Spec.Firewall, spec.Rule{Name: "admin", From: []string{"10.9.0.0/16"}, Protocol: "tcp", Port: 22})
	x.Spec.LoadBalancer.Weight = 7
}

func TestAServerIsChanged(t *testing.T) {
	t.Parallel()
	b, s := inService(t, more)
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, []string{
		"guest.ChangeSystem", "guest.ChangeSystem", "compute.GrowDisk", "guest.GrowVolume", "compute.AddDisk", "guest.MountVolume",
		"compute.ResizeVM", "firewall.ExchangeRules", "loadbalancer.AlterMember", "probe.Get",
	}, s.acts(), "no restart, no drain")
	asked := &spec.Server{}
	require.NoError(t, json.Unmarshal(b.document, asked))
	require.Equal(t, asked.Spec.Compute.CPUs, s.machine.CPUs)
	require.Len(t, s.rules, len(asked.Spec.Firewall))
	require.Equal(t, 7, s.member.Weight)
	require.Equal(t, "resolved", b.estate.objects["ticket"])
	require.Equal(t, "Change web-01", b.estate.subject)
	require.Equal(t, wire.ChangeServer, b.estate.records[1].Kind)
	require.JSONEq(t, string(b.document), string(b.estate.records[1].Spec))
}

func TestAChangeIsUndone(t *testing.T) {
	t.Parallel()
	b, s := inService(t, more)
	cpus, rules, member := s.machine.CPUs, s.rules, *s.member
	b.estate.failing["probe.Get of verify"] = fault.Invalid
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 10*time.Minute, alice, decision.Undo, "")
	out := b.alter(t)
	require.Equal(t, wire.Undone, out.Outcome)
	require.Equal(t, cpus, s.machine.CPUs)
	require.Equal(t, rules, s.rules)
	require.Equal(t, member.Member, s.member.Member)
	require.NotContains(t, s.files, "/etc/hello.txt")
	require.Len(t, out.LeftBehind, 3, "%q", out.LeftBehind)
	require.Contains(t, out.LeftBehind[0], "disk logs (uuid-logs) was added")
	require.Contains(t, out.LeftBehind[1], "disk data has")
	require.Contains(t, out.LeftBehind[2], "package tree 2")
	require.Equal(t, "rejected", b.estate.objects["ticket"])
}

// A machine that takes nothing while it runs is drained, shut down, resized and started, and gets traffic once it is healthy.
func TestAChangeThatRestarts(t *testing.T) {
	t.Parallel()
	b, s := inService(t, func(x *spec.Server) { x.Spec.Compute.CPUs++ })
	s.machine.CPUHotAdd = false
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, []string{
		"loadbalancer.SetMember drain", "compute.StopVM", "compute.ResizeVM", "compute.StartVM", "probe.Get",
		"loadbalancer.SetMember ready", "probe.Get",
	}, s.acts())
	require.Contains(t, string(b.estate.records[1].Plan), "restarts the machine")
}

func TestARestartIsUndone(t *testing.T) {
	t.Parallel()
	b, s := inService(t, func(x *spec.Server) { x.Spec.Compute.CPUs++ })
	s.machine.CPUHotAdd = false
	cpus := s.machine.CPUs
	b.estate.failing["probe.Get of health"] = fault.Invalid
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 10*time.Minute, alice, decision.Undo, "")
	out := b.alter(t)
	require.Equal(t, wire.Undone, out.Outcome)
	require.Empty(t, out.LeftBehind)
	require.Equal(t, cpus, s.machine.CPUs)
	require.Equal(t, loadbalancer.Ready, s.member.Runtime)
	acts := s.acts()
	require.Equal(t, "loadbalancer.SetMember ready", acts[len(acts)-1], "traffic comes last")
}

func newer(x *spec.Server) { x.Spec.Application.Package.Version = "9.9" }

func TestAnApplicationIsUpdated(t *testing.T) {
	t.Parallel()
	b, s := inService(t, newer)
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, []string{
		"loadbalancer.SetMember drain", "loadbalancer.SetMember drain", "guest.ChangeApplication", "probe.Get",
		"loadbalancer.SetMember ready", "probe.Get", "loadbalancer.SetMember ready", "probe.Get",
	}, s.acts())
}

// An update that does not answer is taken back at once: the former version serves while people think.
func TestAnUpdateThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	b, s := inService(t, newer)
	asked := &spec.Server{}
	require.NoError(t, json.Unmarshal(b.document, asked))
	name := *asked.Spec.Application.Package
	was := s.packages[name.Name]
	s.broken = "9.9"
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() {
		require.Equal(t, was, s.packages[name.Name])
		require.Equal(t, loadbalancer.Ready, s.member.Runtime)
		gate, held := b.progress(t).Gate(decision.Retry, runbook.StepApplication)
		require.True(t, held)
		require.Contains(t, gate.Why, "version 9.9 answers 500; the former version is back and answers, in the pool")
		s.broken = ""
	}, 20*time.Minute)
	b.say(t, 30*time.Minute, alice, decision.Retry, runbook.StepApplication)
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, "9.9", s.packages[name.Name])
	require.Equal(t, loadbalancer.Ready, s.member.Runtime)
}

func TestAnUpdateThatPutsNothingBackSaysSo(t *testing.T) {
	t.Parallel()
	b, s := inService(t, newer)
	s.broken = "9.9"
	b.estate.failing["guest.RestoreImage"] = fault.Conflict
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() {
		gate, _ := b.progress(t).Gate(decision.Retry, runbook.StepApplication)
		require.Contains(t, gate.Why, "the former version could not be brought back")
		require.Equal(t, loadbalancer.Drain, s.member.Runtime, "nobody is sent to what does not answer")
		delete(b.estate.failing, "guest.RestoreImage")
	}, 20*time.Minute)
	b.say(t, 30*time.Minute, alice, decision.Undo, "")
	out := b.alter(t)
	require.Equal(t, wire.Undone, out.Outcome)
	require.Empty(t, out.LeftBehind)
	require.Equal(t, loadbalancer.Ready, s.member.Runtime)
}

func TestWhatAChangeRefuses(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		ask  func(*spec.Server)
		text string
	}{
		"fewer CPUs":          {func(s *spec.Server) { s.Spec.Compute.CPUs = 1 }, "compute.cpus: 1 instead of"},
		"less memory":         {func(s *spec.Server) { s.Spec.Compute.Memory /= 2 }, "compute.memory"},
		"a smaller disk":      {func(s *spec.Server) { s.Spec.Storage[0].Size /= 2 }, "storage data"},
		"another mount point": {func(s *spec.Server) { s.Spec.Storage[0].Mount = "/other" }, "storage data"},
		"no volume":           {func(s *spec.Server) { s.Spec.Storage = nil }, "storage data: leaving it out"},
		"another template":    {func(s *spec.Server) { s.Spec.Compute.Template = "other" }, "compute.template"},
		"another address":     {func(s *spec.Server) { s.Spec.Network.Address = "10.20.0.99/24" }, "network"},
		"another environment": {func(s *spec.Server) { s.Metadata.Environment = "other" }, "metadata.environment"},
		"no application":      {func(s *spec.Server) { s.Spec.Application = nil }, "application: leaving it out"},
		"another package":     {func(s *spec.Server) { s.Spec.Application.Package.Name = "other" }, "application.package.name"},
		"another pool":        {func(s *spec.Server) { s.Spec.LoadBalancer.Backend = "other" }, "loadBalancer.backend"},
		"no pool":             {func(s *spec.Server) { s.Spec.LoadBalancer = nil }, "loadBalancer: leaving it out"},
		"no users":            {func(s *spec.Server) { s.Spec.OS.Users = nil }, "os.users"},
		"no packages":         {func(s *spec.Server) { s.Spec.OS.Packages = nil }, "os.packages"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s := inService(t, x.ask, func(s *spec.Server) { s.Spec.Compute.CPUs = 2; s.Spec.OS.Users = []spec.User{{Name: "web"}} })
			out := b.alter(t)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
			require.Empty(t, s.acts())
			require.Empty(t, b.estate.objects)
		})
	}
}

// What somebody enlarged by hand is not made smaller by a spec that still asks for less.
func TestAChangeShrinksNothingThatGrewByHand(t *testing.T) {
	t.Parallel()
	b, s := inService(t, func(x *spec.Server) { x.Spec.LoadBalancer.Weight = 3 })
	s.machine.CPUs += 2
	s.machine.Disks[0].Bytes *= 2
	out := b.alter(t)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "compute.cpus: the machine has")
	require.Contains(t, out.Reason, "storage data: the disk has")
}

func TestOnlyWhatIsUnderManagementIsChanged(t *testing.T) {
	t.Parallel()
	t.Run("never provisioned", func(t *testing.T) {
		t.Parallel()
		b, _ := inService(t, asBefore)
		b.estate.records[0].Outcome = string(wire.Undone)
		out := b.alter(t)
		require.Equal(t, wire.Refused, out.Outcome)
		require.Contains(t, out.Reason, "under management")
	})
	t.Run("taken out of service", func(t *testing.T) {
		t.Parallel()
		b, _ := inService(t, asBefore)
		b.estate.records = append(b.estate.records, record.Record{Kind: wire.DecommissionServer, Outcome: string(wire.Done), Spec: json.RawMessage("{}")})
		require.Equal(t, wire.Refused, b.alter(t).Outcome)
	})
}

// A change goes out from the spec that was recorded last, by a provision or by a change.
func TestTheLatestRecordCounts(t *testing.T) {
	t.Parallel()
	b, _ := inService(t, asBefore)
	later := b.estate.records[0]
	later.Kind = wire.ChangeServer
	bigger := &spec.Server{}
	require.NoError(t, json.Unmarshal(later.Spec, bigger))
	bigger.Spec.Compute.CPUs += 5
	var err error
	later.Spec, err = json.Marshal(bigger)
	require.NoError(t, err)
	b.estate.records = append(b.estate.records, later)
	out := b.alter(t)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "compute.cpus")
}

func TestWhatChangedBehindOurBackAfterTheApproval(t *testing.T) {
	t.Parallel()
	b, s := inService(t, more)
	b.RegisterDelayedCallback(func() { s.member.Weight = 99 }, 30*time.Second)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.PlanChanged, b.alter(t).Outcome)
	require.Empty(t, s.acts())
}

// A version of a secret that is recorded and was destroyed since is no obstacle: what is asked for counts.
func TestWhatIsRecordedNeedNotBeReadable(t *testing.T) {
	t.Parallel()
	b, s := inService(t, func(x *spec.Server) { x.Spec.OS.Packages = append(x.Spec.OS.Packages, "tree") })
	s.unreadable = 1 // The record names one package.
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, "2", s.packages["tree"])
}

func TestDriftIsTold(t *testing.T) {
	t.Parallel()
	b, s := inService(t, asBefore)
	s.machine.CPUs++
	s.rules = slices.Clone(s.rules)
	s.rules[0].Saved = false
	s.member.Runtime = loadbalancer.Drain
	delete(s.packages, packageName(slices.Sorted(maps.Keys(s.packages))[0]))
	b.ExecuteWorkflow(wire.CompareServer, wire.CompareInput{Name: "web-01"})
	require.NoError(t, b.GetWorkflowError())
	var out wire.Comparison
	require.NoError(t, b.GetWorkflowResult(&out))
	require.Empty(t, out.Unread)
	require.Equal(t, formerRun, out.Run)
	var objects []string
	for _, i := range out.Drifted() {
		objects = append(objects, i.Object)
		require.NotEqual(t, i.Recorded, i.Actual)
	}
	require.Len(t, objects, 4, "%q", objects)
	require.Contains(t, objects, "CPUs")
	require.Contains(t, objects, "member web/web-01")
}

// lastStep is a step of the run under test, which wrote the last record.
func (b *bench) lastStep(t *testing.T, id string) wire.Step {
	t.Helper()
	var steps []wire.Step
	require.NoError(t, json.Unmarshal(b.estate.records[len(b.estate.records)-1].Steps, &steps))
	for _, s := range steps {
		if s.ID == id {
			return s
		}
	}
	require.Fail(t, "no step "+id)
	return wire.Step{}
}

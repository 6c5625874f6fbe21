package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/spec"
	"fermata/testsuite/bed/repository"
	"fermata/wire"
)

// twentyInTrouble: twenty runs write one edge and one balancer, and whatever they need breaks in the middle of them.
func (b *story) twentyInTrouble(t *testing.T) {
	for i := range 20 {
		s := server{name: fmt.Sprintf("batch-%02d", i+1), address: fmt.Sprintf("10.20.0.%d", 101+i), version: repository.Old}
		r, err := client.Provision(example(t, s.name, s.address, plain))
		s.Started = b.Begin(t, r, err)
		b.twenty = append(b.twenty, s)
	}
	runs := startedOf(b.twenty)
	once(t, "some tickets are open", func() bool { return len(b.estate.tickets(t)) > len(b.five)+3 })
	b.restartDesk(t)
	each(t, runs[:10], b.Approve)
	once(t, "some machines boot", func() bool { return b.estate.booted(b.twenty) > 3 })
	b.estate.vcenter.Expire()
	each(t, runs[10:], b.Approve)
	once(t, "more machines boot", func() bool { return b.estate.booted(b.twenty[10:]) > 0 })
	b.workers[0].Kill()
	mended := make(chan struct{})
	b.estate.cable.Cut(true)
	time.AfterFunc(30*time.Second, func() { b.estate.cable.Cut(false); close(mended) }) // The outage itself.
	b.breakTheWay(t)
	<-mended
	for _, run := range runs {
		b.Done(t, run)
	}
	b.complete(t, b.twenty)
}

// breakTheWay restarts what stands before the servers while runs change it. Who is ready does not matter: the others'
// turns come.
func (b *story) breakTheWay(t *testing.T) {
	t.Helper()
	before := len(b.five) - 1
	once(t, "the edge is open for some", func() bool { return len(b.estate.rules(t)) > before })
	require.NoError(t, b.estate.edge.Restart(t.Context()))
	once(t, "some are in the pool", func() bool { return len(b.estate.members(t)) > before+1 })
	require.NoError(t, b.estate.balancer.Reload(t.Context()))
	once(t, "more are in the pool", func() bool { return len(b.estate.members(t)) > before+3 })
	require.NoError(t, b.estate.balancer.Restart(t.Context()))
	require.Less(t, len(b.estate.members(t)), before+len(b.twenty), "it happened in the middle")
}

// once waits for what the systems show, which costs the runs less than being asked all the time.
func once(t *testing.T, what string, reached func() bool) {
	t.Helper()
	require.Eventually(t, reached, patience, 100*time.Millisecond, what)
	t.Logf("%s: %s", time.Now().Format("15:04:05"), what)
}

func (b *story) restartDesk(t *testing.T) {
	t.Helper()
	require.NoError(t, b.estate.tracker.Stop())
	require.NoError(t, b.estate.tracker.Again(t.Context()))
}

// plain leaves out what only makes a guest slower: twenty of them share two processors.
func plain(s *spec.Server) {
	s.Spec.Storage, s.Spec.OS = nil, spec.OS{}
	s.Spec.Application.Package.Version = repository.Old
	s.Spec.Application.Config[0].Content = "name = {{ .Name }}\nlisten = {{ .Address }}:{{ .Port }}\n"
}

// complete looks whether every server has everything once, in every system, and answers.
func (b *story) complete(t *testing.T, servers []server) {
	t.Helper()
	h := b.estate.holdings(t)
	versions := map[string]string{}
	for _, s := range servers {
		require.Equal(t, one(), h.of(s.name, s.address), s.name)
		require.Equal(t, "resolved", b.estate.ticket(t, s.Run).Status, s.name)
		versions[s.name] = s.version
	}
	b.estate.answers(t, versions)
}

// mended: the fifth server's run waits at the step that could not log in. A person mends the guest and says so.
func (b *story) mended(t *testing.T) {
	b.watch(t)
	s := b.five[mute]
	p := b.Until(t, s.Started, "a held step", func(p wire.Progress) bool { return p.Phase == wire.Held })
	gate, open := p.Gate(decision.Retry, "reach")
	require.True(t, open, "%+v", p.Gates)
	t.Logf("it is held because: %s", gate.Why)
	// Whether its last attempt found no sshd, or died with the worker that was killed meanwhile, is a matter of moments.
	require.Regexp(t, `^log in to the guest: (.*`+s.name+`|the step did not finish in time)`, gate.Why)
	for _, args := range [][]string{{"rm", noSSH}, {"/etc/init.d/ssh", "start"}} {
		_, err := b.estate.guest(t, s.name).Run(t.Context(), "", args...)
		require.NoError(t, err)
	}
	b.Decide(t, client.Decision{WorkflowID: s.WorkflowID, Command: decision.Retry, Step: "reach", Reason: "sshd runs again"}, b.Requester)
	b.Done(t, s.Started)
	b.complete(t, b.five)
}

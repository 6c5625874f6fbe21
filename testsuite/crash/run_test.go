package crash

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"

	"fermata/client"
	"fermata/spec"
	"fermata/testsuite/judge"
	"fermata/wire"
	"fermata/worker"
)

// processes are the workflows that the suite carries, in the order in which a server goes through them.
func processes() []string {
	return []string{wire.ProvisionServer, wire.ChangeServer, wire.DecommissionServer}
}

// A process that is added to the worker must be carried here, or stand here as one that changes no system.
func TestEveryProcessIsCarried(t *testing.T) {
	t.Parallel()
	known := append(processes(), wire.PlanServer, wire.CompareServer, wire.CheckSystems, wire.ReadRecords, wire.HoldReservation)
	// The guard only answers, and a notice is sent at least once by promise; the sandbox that is killed here three times has both.
	known = append(known, wire.Guard, wire.SendNotice)
	// A fleet changes nothing but through ProvisionServer, which is carried here by itself; what of it survives a new execution
	// its own tests say (docs/reliability.md).
	known = append(known, wire.ProvisionFleet, wire.PlanFleet, wire.PlanMember)
	worker.RegisterWorkflows(func(name string, _ any) { require.Contains(t, known, name) })
}

// request asks for a process of a server, kept so long before it is gone for good.
func request(workflow string, s server, grace time.Duration) (client.Request, error) {
	switch workflow {
	case wire.ProvisionServer:
		return client.Provision(s.spec)
	case wire.ChangeServer:
		return client.Change(s.later())
	}
	return client.Decommission(s.name, &grace)
}

// later is the server as it is asked for on its second day: something of every kind that can be changed.
func (s server) later() *spec.Server {
	asked := *s.spec
	asked.Spec.Compute.CPUs *= 2 // With a restart.
	asked.Spec.Storage = slices.Clone(asked.Spec.Storage)
	asked.Spec.Storage[0].Size *= 2
	asked.Spec.OS.Packages = append(slices.Clone(asked.Spec.OS.Packages), "jq")
	asked.Spec.OS.Files = append(slices.Clone(asked.Spec.OS.Files), spec.File{Path: "/etc/hello.txt", Content: "hello\n", Owner: "root", Mode: "0644"})
	asked.Spec.Firewall = append(slices.Clone(asked.Spec.Firewall), spec.Rule{Name: "admin", From: []string{"10.9.0.0/16"}, Protocol: "tcp", Port: 22})
	balancer, application := *asked.Spec.LoadBalancer, *asked.Spec.Application
	balancer.Weight = 7
	application.Config = slices.Clone(application.Config)
	application.Config[0].Content += "# Changed.\n"
	asked.Spec.LoadBalancer, asked.Spec.Application = &balancer, &application
	return &asked
}

// done carries a run to its end; anything but done is an error.
func (b *bench) done(ctx context.Context, workflow string, s server) error {
	r, err := request(workflow, s, time.Second)
	if err != nil {
		return err
	}
	out, err := b.attend(ctx, r, deeds{})
	if err == nil && out.Outcome != wire.Done {
		err = fmt.Errorf("%s ended %s: %s", r.WorkflowID(), out.Outcome, out.Reason)
	}
	return err
}

// example is what an undisturbed server leaves: its steps and what the systems then hold.
type example struct {
	steps  map[string][]string // By workflow type.
	places map[string][]string // The same, and the further activities of steps that have several.
	facts  map[string][]string // After it, by workflow type.
}

// onPaper is the step of a change that asks nobody and does nothing: the record holds it. There is no moment to kill anything at.
const onPaper = "paper"

// undisturbed carries one server through all processes before anything is armed.
func (b *bench) undisturbed(t *testing.T) example {
	t.Helper()
	e := example{steps: map[string][]string{}, places: map[string][]string{}, facts: map[string][]string{}}
	s := numbered(t, 0)
	for _, workflow := range processes() {
		require.NoError(t, b.done(t.Context(), workflow, s))
		p, err := b.Client.Progress(t.Context(), s.target(), "")
		require.NoError(t, err)
		require.Equal(t, workflow, p.Kind)
		further := b.further(t, s.target())
		for _, step := range p.Steps {
			if step.ID == onPaper {
				continue
			}
			e.steps[workflow] = append(e.steps[workflow], step.ID)
			e.places[workflow] = append(append(e.places[workflow], step.ID), further[step.ID]...)
		}
		if workflow != wire.DecommissionServer {
			require.Eventually(t, func() bool { return b.up(t, s) }, time.Minute, 200*time.Millisecond, "the balancer finds it healthy")
		}
		e.facts[workflow], err = b.judge.Facts(t.Context(), s.name, s.address)
		require.NoError(t, err)
	}
	return e
}

// up reports whether the balancer finds the server healthy.
func (b *bench) up(t *testing.T, s server) bool {
	t.Helper()
	facts, err := b.judge.Facts(t.Context(), s.name, s.address)
	return err == nil && slices.ContainsFunc(facts, func(f string) bool { return strings.HasPrefix(f, "member in force") && strings.Contains(f, " UP ") })
}

// further finds in the history of the latest run the second and later activities of steps, by step.
func (b *bench) further(t *testing.T, workflowID string) map[string][]string {
	t.Helper()
	seen, found := map[string]bool{}, map[string][]string{}
	history := b.Client.Temporal().GetWorkflowHistory(t.Context(), workflowID, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		if a := event.GetActivityTaskScheduledEventAttributes(); a != nil {
			if seen[a.GetActivityId()] {
				at := place{Step: a.GetActivityId()}.further(a.GetActivityType().GetName())
				found[a.GetActivityId()] = append(found[a.GetActivityId()], at.Step)
			}
			seen[a.GetActivityId()] = true
		}
	}
	return found
}

// settled looks until the verdict is good, or for so long that it will not become so by itself: a health check takes a
// moment.
func (b *bench) settled(ctx context.Context, s server, compare func(facts []string) judge.Verdict) (v judge.Verdict, err error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	_ = every(ctx, 500*time.Millisecond, func() bool {
		var facts []string
		if facts, err = b.judge.Facts(context.WithoutCancel(ctx), s.name, s.address); err != nil {
			return false
		}
		v = compare(slices.DeleteFunc(facts, refusal))
		return v.Good()
	})
	return v, err
}

// refusal reports whether a fact is the record of a run that was refused, and so did nothing.
func refusal(fact string) bool {
	return strings.HasPrefix(fact, "record: ") && strings.HasSuffix(fact, " refused, 0 left behind")
}

// against compares with what is wanted.
func against(want []string) func(facts []string) judge.Verdict {
	return func(facts []string) judge.Verdict { return judge.Compare(want, facts) }
}

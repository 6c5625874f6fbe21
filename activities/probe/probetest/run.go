// Package probetest is the conformance suite of probers: what each of them must tell about a service, whichever way its
// requests go. The services are servers of net/http and plain listeners, so what answers is real.
package probetest

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"fermata/activities/fault"
	"fermata/activities/probe"
)

// Bench gives the suite a way for requests.
type Bench struct {
	New func(t *testing.T) Way
}

// Way is how requests reach services.
type Way struct {
	// Prober asks. It trusts the authority (PEM; the machine's if empty), and gives a request up after the timeout.
	Prober func(t *testing.T, authority []byte, timeout time.Duration) probe.Prober
	// Listen opens a port that requests can reach. Its address is one that they can name.
	Listen func(t *testing.T) net.Listener
	// Break takes the way itself away, as when a jump host is down. Nil: there is nothing on the way.
	Break func(t *testing.T)
}

// patience is how long a prober of the suite waits for an answer that it is going to get.
const patience = 20 * time.Second

// reached is how long a driver waits for a service that takes the connection and then says nothing. It is enough to get
// there also on a busy machine: a connection that nobody took is another finding.
const reached = 2 * time.Second

// Run tests the prober.
func Run(t *testing.T, bench Bench) {
	t.Helper()
	for _, group := range []map[string]func(*testing.T, Way){
		answerCases(), redirectCases(), securityCases(), refusalCases(), silenceCases(), absenceCases(), absenceRefusals(),
	} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, bench.New(t)) })
		}
	}
}

func kind(t *testing.T, want fault.Kind, err error, text string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, want, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, text)
}

// absent asks through the activity, as workflows do, whether nobody answers.
func absent(ctx context.Context, p probe.Prober, url string) error {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	set := probe.NewActivities(map[string]probe.Prober{"it": p, "other": nil})
	set.Register(func(name string, f any) { env.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) })
	_, err := env.ExecuteActivity("probe.Get", probe.GetInput{System: "it", Request: probe.Request{URL: url, Absent: true}})
	if err == nil {
		return nil
	}
	reason := fault.FromTemporal(err)
	return fault.New(reason.Kind, "%s", reason.Text)
}

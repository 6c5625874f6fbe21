// Package scenarios carries whole runs, end to end, on the sandbox: the real drivers against emulated systems, the real
// client against the embedded Temporal.
package scenarios

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/decision"
	"fermata/sandbox"
	"fermata/spec"
	"fermata/wire"
)

// bench is a running sandbox with its two people.
type bench struct {
	*sandbox.Sandbox
	folder    string
	client    *client.Client
	requester client.Person
	approver  client.Person
}

func setup(t *testing.T, change ...func(*sandbox.Options)) *bench {
	t.Helper()
	o := sandbox.Options{Folder: t.TempDir(), WithoutUI: true, Log: logger(t)}
	for _, f := range change {
		f(&o)
	}
	return start(t, o)
}

func start(t *testing.T, o sandbox.Options) *bench {
	t.Helper()
	s, err := sandbox.Start(t.Context(), o)
	require.NoError(t, err)
	b := &bench{Sandbox: s, folder: o.Folder}
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	cfg, err := config.Load(s.Config)
	require.NoError(t, err)
	options, err := client.FromConfig(t.Context(), cfg, providers.Keys, nil)
	require.NoError(t, err)
	b.client, err = client.Dial(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(b.client.Close)
	b.requester = person(t, sandbox.Requester, s.People.RequesterKey)
	b.approver = person(t, sandbox.Approver, s.People.ApproverKey)
	return b
}

func person(t *testing.T, name, key string) client.Person {
	t.Helper()
	signer, err := decision.SignerFromFile(key, nil)
	require.NoError(t, err)
	return client.Person{Name: name, Signer: signer}
}

func logger(t *testing.T) *slog.Logger {
	t.Helper()
	if path := os.Getenv("FERMATA_TEST_LOG"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		return slog.New(slog.NewTextHandler(f, nil))
	}
	return slog.New(slog.DiscardHandler)
}

// webServer is the example that users start from.
func webServer(t *testing.T, change ...func(*spec.Server)) *spec.Server {
	t.Helper()
	name := filepath.Join("..", "..", "examples", "web-server.yaml")
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	s, err := spec.Parse(name, data)
	require.NoError(t, err)
	for _, f := range change {
		f(s)
	}
	return s
}

// begin starts a run and returns its workflow id.
func (b *bench) begin(t *testing.T, r client.Request, err error) client.Started {
	t.Helper()
	require.NoError(t, err)
	started, err := b.client.Start(t.Context(), r, b.requester)
	require.NoError(t, err)
	return started
}

// until watches a run until the condition holds.
func (b *bench) until(t *testing.T, started client.Started, what string, reached func(wire.Progress) bool) wire.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var last wire.Progress
	watching, enough := context.WithCancel(ctx)
	defer enough()
	_, _ = b.client.Watch(watching, started.WorkflowID, "", func(p wire.Progress) {
		if p.Run != started.Run {
			return
		}
		last = p
		if reached(p) {
			enough()
		}
	}, func(error) {})
	if !reached(last) {
		for _, s := range last.Steps {
			t.Logf("%-24s %-10s %v %v attempt %d %s", s.ID, s.State, s.Reason, s.Result, s.Attempt, s.Doing)
		}
		if last.Preview != nil {
			t.Logf("observations: %+v", last.Preview.Observations)
		}
		require.FailNow(t, "the run did not come to: "+what, "phase %s, outcome %s, reason %q, gates %+v, left %v", last.Phase, last.Outcome, last.Reason, last.Gates, last.LeftBehind)
	}
	return last
}

func (b *bench) decide(t *testing.T, d client.Decision, p client.Person) {
	t.Helper()
	result, err := b.client.Decide(t.Context(), d, p)
	require.NoError(t, err)
	require.True(t, result.Accepted, result.Reason)
}

func (b *bench) approve(t *testing.T, started client.Started) {
	t.Helper()
	p := b.until(t, started, "waiting for the approval", func(p wire.Progress) bool { return p.Phase == wire.Waiting || p.Phase == wire.Ended })
	require.Equal(t, wire.Waiting, p.Phase, p.Reason)
	hash, err := client.Hash(p.Preview.Plan)
	require.NoError(t, err)
	b.decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: hash}, b.approver)
}

func ended(p wire.Progress) bool { return p.Phase == wire.Ended }

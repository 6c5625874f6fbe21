// Package people is what two people do to runs in tests: one asks, the other approves, both through the real client. It needs
// no sandbox, and links no Temporal server.
package people

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/decision"
	"fermata/wire"
)

// Pair is the two people with their client.
type Pair struct {
	Client    *client.Client
	Requester client.Person
	Approver  client.Person
	Patience  time.Duration // How long Until waits. Machines that run tests are slow.
}

// Dial connects to the Temporal of the installation that the file describes.
func Dial(ctx context.Context, file string) (*client.Client, error) {
	return dial(ctx, file, func(*config.TLS) {})
}

// DialAs is Dial with another certificate than the file's, such as that of an admin.
func DialAs(ctx context.Context, file, certificate, key string) (*client.Client, error) {
	return dial(ctx, file, func(t *config.TLS) { t.Cert, t.Key = certificate, key })
}

func dial(ctx context.Context, file string, change func(*config.TLS)) (*client.Client, error) {
	cfg, err := config.Load(file)
	if err != nil {
		return nil, err
	}
	change(&cfg.Temporal.TLS)
	options, err := client.FromConfig(ctx, cfg, providers.Keys, nil)
	if err != nil {
		return nil, err
	}
	return client.Dial(ctx, options)
}

// Person is somebody who signs with the key in a file.
func Person(t testing.TB, name, key string) client.Person {
	t.Helper()
	signer, err := decision.SignerFromFile(key, nil)
	require.NoError(t, err)
	return client.Person{Name: name, Signer: signer}
}

// Invent makes the two, their keys in the folder, and the file allowed_signers there. newKey makes a private key in OpenSSH's
// form and the line of its public one.
func (p *Pair) Invent(t testing.TB, folder, requester, approver string, newKey func() (private []byte, public string, err error)) {
	t.Helper()
	var signers strings.Builder
	for name, person := range map[string]*client.Person{requester: &p.Requester, approver: &p.Approver} {
		private, public, err := newKey()
		require.NoError(t, err)
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, private, 0o600))
		*person = Person(t, name, path)
		fmt.Fprintf(&signers, "%s namespaces=\"%s\" %s\n", name, decision.Namespace, public)
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "allowed_signers"), []byte(signers.String()), 0o600))
}

// Begin starts a run as the requester. It takes what client.Provision and client.Decommission return.
func (p *Pair) Begin(t testing.TB, r client.Request, err error) client.Started {
	t.Helper()
	require.NoError(t, err)
	started, err := p.Client.Start(t.Context(), r, p.Requester)
	require.NoError(t, err)
	return started
}

// Until watches a run until the condition holds, and says where the run is if it never does.
func (p *Pair) Until(t testing.TB, started client.Started, what string, reached func(wire.Progress) bool) wire.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), p.Patience)
	defer cancel()
	watching, enough := context.WithCancel(ctx)
	defer enough()
	var last wire.Progress
	var trouble error
	_, _ = p.Client.Watch(watching, started.WorkflowID, "", func(now wire.Progress) {
		if now.Run != started.Run {
			return
		}
		if last = now; reached(now) {
			enough()
		}
	}, func(err error) { trouble = err })
	if !reached(last) {
		Explain(t, last)
		require.FailNow(t, started.WorkflowID+" did not come to: "+what, "phase %s, outcome %s, reason %q, gates %+v, left %v, last trouble %v",
			last.Phase, last.Outcome, last.Reason, last.Gates, last.LeftBehind, trouble)
	}
	return last
}

// Explain shows where a run is.
func Explain(t testing.TB, p wire.Progress) {
	t.Helper()
	for _, s := range p.Steps {
		t.Logf("%-20s %-24s %-10s %v %v attempt %d %s", p.WorkflowID, s.ID, s.State, s.Reason, s.Result, s.Attempt, s.Doing)
	}
	if p.Preview != nil {
		t.Logf("observations: %+v", p.Preview.Observations)
	}
}

// Decide sends a person's decision, which must count.
func (p *Pair) Decide(t testing.TB, d client.Decision, who client.Person) {
	t.Helper()
	result, err := p.Client.Decide(t.Context(), d, who)
	require.NoError(t, err)
	require.True(t, result.Accepted, result.Reason)
}

// Approve waits for the plan and approves what it shows.
func (p *Pair) Approve(t testing.TB, started client.Started) {
	t.Helper()
	now := p.Until(t, started, "waiting for the approval", func(now wire.Progress) bool { return now.Phase == wire.Waiting || Ended(now) })
	if now.Phase != wire.Waiting {
		Explain(t, now)
	}
	require.Equal(t, wire.Waiting, now.Phase, now.Reason)
	hash, err := client.Hash(now.Preview.Plan)
	require.NoError(t, err)
	p.Decide(t, client.Decision{WorkflowID: started.WorkflowID, Command: decision.Approve, Hash: hash}, p.Approver)
}

// Done waits for a run's end, which must be a good one.
func (p *Pair) Done(t testing.TB, started client.Started) wire.Progress {
	t.Helper()
	now := p.Until(t, started, "an end", Ended)
	if now.Outcome != wire.Done {
		Explain(t, now)
	}
	require.Equal(t, wire.Done, now.Outcome, "%s: %s", started.WorkflowID, now.Reason)
	return now
}

// In is a condition for Until: the run is in the phase.
func In(phase wire.Phase) func(wire.Progress) bool {
	return func(p wire.Progress) bool { return p.Phase == phase }
}

// Ended is a condition for Until.
func Ended(p wire.Progress) bool { return p.Phase == wire.Ended }

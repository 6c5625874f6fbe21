package attack

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	temporal "go.temporal.io/sdk/client"

	"fermata/client"
	"fermata/decision"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// application is a start that nobody has signed yet.
type application struct {
	siege         *siege
	name, address string
	document      json.RawMessage
	envelope      decision.Envelope
}

func (s *siege) application(t *testing.T, name, address string, change ...func(*spec.Server)) *application {
	t.Helper()
	document, err := json.Marshal(stage.Server(t, name, address, change...))
	require.NoError(t, err)
	hash, err := decision.Hash(json.RawMessage(document))
	require.NoError(t, err)
	now := time.Now().UTC().Truncate(time.Second)
	return &application{s, name, address, document, decision.Envelope{
		Version: decision.Version, Cluster: "sandbox", Namespace: "fermata", WorkflowID: "server/" + name, Run: client.NewRun(),
		Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash, Person: asker,
		Issued: now, Expires: now.Add(15 * time.Minute),
	}}
}

func (c *cast) sign(t *testing.T, key string, e decision.Envelope) decision.Signed {
	t.Helper()
	f := &forger{T: t, cast: c}
	return f.with(key, f.canonical(e))
}

// start starts a run as anybody can who reaches Temporal.
func (a *application) start(t *testing.T, signed decision.Signed) *target {
	t.Helper()
	handle, err := a.siege.Client.Temporal().ExecuteWorkflow(t.Context(), temporal.StartWorkflowOptions{
		ID: "server/" + a.name, TaskQueue: wire.Queue,
	}, wire.ProvisionServer, wire.StartInput{Run: a.envelope.Run, Document: a.document, Start: signed})
	require.NoError(t, err)
	return &target{a.siege, client.Started{WorkflowID: handle.GetID(), Run: a.envelope.Run, RunID: handle.GetRunID()}, a.name, a.address}
}

// starts begins runs that nobody may begin. Each ends refused, before it asked any system, and its record says why.
func starts(t *testing.T, s *siege) {
	changed := func(key string, change func(*decision.Envelope)) func(a *application) decision.Signed {
		return func(a *application) decision.Signed {
			change(&a.envelope)
			return s.cast.sign(t, key, a.envelope)
		}
	}
	for _, c := range []struct {
		name, code string
		sign       func(a *application) decision.Signed
	}{
		{"unsigned", decision.CodeMalformed, func(*application) decision.Signed { return decision.Signed{} }},
		{"without a signature", decision.CodeSignature, func(a *application) decision.Signed {
			return decision.Signed{Envelope: s.cast.sign(t, asker, a.envelope).Envelope}
		}},
		{"wrong group", decision.CodeNotAllowed, changed(bob, func(e *decision.Envelope) { e.Person = bob })},
		{"key of another person", decision.CodeSigner, changed(bob, func(*decision.Envelope) {})},
		{"another document's", decision.CodeHash, changed(asker, func(e *decision.Envelope) { e.Hash, _ = decision.Hash("another") })},
		{"another cluster's", decision.CodeCluster, changed(asker, func(e *decision.Envelope) { e.Cluster = "elsewhere" })},
		{"another target's", decision.CodeWorkflow, changed(asker, func(e *decision.Envelope) { e.WorkflowID = "server/web-99" })},
		{"expired", decision.CodeExpired, changed(asker, func(e *decision.Envelope) {
			e.Issued, e.Expires = e.Issued.Add(-time.Hour), e.Issued.Add(-50*time.Minute)
		})},
		{"an approval's", decision.CodeCommand, changed(asker, func(e *decision.Envelope) { e.Command = decision.Approve })},
		{"an emergency by who may not", decision.CodeNotAllowed, changed(bob, func(e *decision.Envelope) {
			e.Person, e.Change, e.Reason = bob, decision.ChangeEmergency, "now"
		})},
	} {
		a := s.application(t, "web-27", "10.20.0.127")
		x := a.start(t, c.sign(a))
		p := s.Until(t, x.Started, "an end", people.Ended)
		require.Equal(t, wire.Refused, p.Outcome, c.name)
		require.Equal(t, c.code, p.Decisions[0].Verdict.ReasonCode, "%s: %s", c.name, p.Reason)
		require.Len(t, p.Steps, 1, "%s: only the record is written", c.name)
		require.Empty(t, x.facts(t), c.name)
		x.evidence(t, []string{c.code})
		x.gone(t)
	}
	got := s.typed(t, "run", "--detach", written(t, "web-27", "10.20.0.127"), "--key", s.cast.file(bob))
	require.Zero(t, got.code, got.err) // It is the run that refuses.
	got = s.typed(t, "watch", "web-27", "--key", s.cast.file(bob))
	require.Equal(t, 3, got.code, got.out)
	require.Contains(t, got.out, "may not start")
}

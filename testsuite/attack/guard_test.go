package attack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/decision"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// written is the example on disk, under another name and address.
func written(t *testing.T, name, address string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(stage.Root(t), "examples", "web-server.yaml"))
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), name+".yaml")
	text := strings.NewReplacer("name: web-01 #", "name: "+name+" #", "10.20.0.11/", address+"/").Replace(string(data))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

// guard attacks the one workflow that can stop everything. It takes updates only, and the command line has no word for it.
func guard(t *testing.T, s *siege) {
	x := &target{siege: s, Started: client.Started{WorkflowID: wire.GuardWorkflowID()}}
	f := x.forge(t, decision.StopAutomation)
	stop := func(e *decision.Envelope) { e.Command, e.Reason = decision.StopAutomation, "forged" }
	var codes []string
	for _, c := range []struct {
		signed decision.Signed
		code   string
	}{
		{f.signed(dave, stop), decision.CodeNotAllowed},
		{f.signed(robot, stop), decision.CodeMachine},
		{f.signed(rita, stop), decision.CodeRevoked},
		{f.with(dave, f.canonical(f.envelope(bob, stop))), decision.CodeSigner},
		{f.signed(bob, stop, func(e *decision.Envelope) { e.Command = decision.ResumeAutomation }), decision.CodeCommand},
		{f.signed(bob, stop, func(e *decision.Envelope) { e.Gate = "approval" }), decision.CodeGate},
		{f.signed(bob, stop, func(e *decision.Envelope) { e.Nonce = decision.NewNonce() }), decision.CodeNonce},
		{f.signed(bob, stop, func(e *decision.Envelope) { e.Cluster = "elsewhere" }), decision.CodeCluster},
		{decision.Signed{Envelope: f.signed(bob, stop).Envelope}, decision.CodeSignature},
	} {
		result, err := x.update(t, c.signed)
		require.NoError(t, err)
		require.Equal(t, c.code, result.Code, result.Reason)
		codes = append(codes, c.code)
		require.Nil(t, x.progress(t).Stopped)
	}
	_, err := x.update(t, decision.Signed{Envelope: []byte("{}")})
	require.ErrorContains(t, err, "reading the envelope")
	require.NoError(t, x.signal(t, f.signed(bob, stop)))
	require.Nil(t, x.progress(t).Stopped, "no signal stops it, not even a good one")

	good := f.signed(bob, stop)
	for _, d := range []decision.Signed{good, good} {
		result, err := x.update(t, d)
		require.NoError(t, err)
		require.True(t, result.Accepted, result.Reason)
	}
	require.Equal(t, bob, x.progress(t).Stopped.By)
	result, err := x.update(t, f.with(dave, good.Envelope))
	require.NoError(t, err)
	require.Equal(t, decision.CodeRepeated, result.Code, "a copy of what counted, signed by nobody")
	codes = append(codes, decision.CodeAccepted, decision.CodeRepeated)
	for _, again := range []struct {
		who, code string
	}{{dave, decision.CodeNotAllowed}, {carol, decision.CodeAccepted}} {
		f := x.forge(t, decision.ResumeAutomation)
		result, err := x.update(t, f.signed(again.who, func(e *decision.Envelope) { e.Command = decision.ResumeAutomation }))
		require.NoError(t, err)
		require.Equal(t, again.code, result.Code, result.Reason)
		codes = append(codes, again.code)
	}
	p := x.progress(t)
	require.Nil(t, p.Stopped)
	got := make([]string, len(p.Decisions))
	for i, d := range p.Decisions {
		got[i] = d.Verdict.ReasonCode
	}
	require.Equal(t, codes, got)
}

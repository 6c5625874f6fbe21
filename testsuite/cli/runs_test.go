package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/decision"
	"fermata/sandbox"
	"fermata/testsuite/people"
	"fermata/wire"
)

// Every command about runs, at one sandbox. The servers are different ones, so the tests run side by side.
func TestCommands(t *testing.T) {
	t.Parallel()
	h := open(t, func(o *sandbox.Options) { o.WithoutUI = false })
	for name, test := range map[string]func(*testing.T, *hall){
		"provision, decommission, restore, purge": life,
		"held, retry":            heldAndRetried,
		"held, skip":             heldAndSkipped,
		"held, undo":             heldAndUndone,
		"cancel, reject, refuse": stopped,
		"bad input":              badInput,
		"profiles":               profiles,
		"ssh-agent":              agent,
		"web UI":                 webUI,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

func life(t *testing.T, h *hall) {
	s := written(t, "web-11", "10.20.0.111", "approvalDeadline: 72h", "approvalDeadline: 72h\n    grace: 2h")
	plan := h.requester(t, 0, "plan", s.file)
	require.Contains(t, plan.out, "deploy the machine")
	require.Empty(t, h.facts(t, s), "a plan changes nothing")

	started := h.approved(t, "run", s.file)
	watched := h.requester(t, 0, "watch", s.name)
	require.Contains(t, watched.out, "✓ ask as a user would")
	require.Contains(t, h.requester(t, 0, "list", "--state", "done").out, started.Run)
	require.Contains(t, h.requester(t, 0, "show", started.Run).out, `saying "read it": counts`)
	require.Contains(t, h.requester(t, 0, "history", "--verify").out, "each names the hash of the one before")
	held := h.facts(t, s)
	require.NotEmpty(t, held)
	h.evidence(t, s)

	leaving := h.approved(t, "decommission", s.name, "--grace", "1h")
	h.Until(t, leaving, "the grace period", people.In(wire.Grace))
	a := h.requester(t, 9, "watch", s.name, "--for", "1s")
	require.Contains(t, a.err, "is in its grace period and goes on")
	require.Contains(t, h.requester(t, 6, "run", s.file, "--detach").err, "is busy")
	require.NotEqual(t, held, h.facts(t, s))
	h.requester(t, 0, "restore", s.name)
	require.Contains(t, h.requester(t, 4, "watch", s.name).out, "restored within the grace period")
	require.Len(t, h.facts(t, s), len(held), "it is back")

	last := h.approved(t, "decommission", s.target())
	p := h.Until(t, last, "the grace period", people.In(wire.Grace))
	gate, _ := p.Gate(decision.Purge, "")
	require.Equal(t, 2*time.Hour, gate.Deadline.Sub(gate.Opened).Round(time.Minute), "the spec's own grace")
	h.approver(t, 0, "purge", s.name, "--reason", "now")
	h.requester(t, 0, "watch", s.name)
	require.Empty(t, h.facts(t, s), "nothing of it is left")
}

// evidence writes the signed decisions of a server and checks them as the printed commands say.
func (h *hall) evidence(t *testing.T, s server) {
	t.Helper()
	a := h.requester(t, 0, "history", s.name, "--envelopes", filepath.Join(t.TempDir(), "evidence"))
	checks := 0
	for line := range strings.SplitSeq(a.out, "\n") {
		if strings.HasPrefix(line, "ssh-keygen ") {
			out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
			require.NoError(t, err, "%s\n%s", line, out)
			checks++
		}
	}
	require.Equal(t, 2, checks, "a start and an approval: %s", a.out)
}

func heldAndRetried(t *testing.T, h *hall) {
	secret := filepath.Join(h.folder, "secrets", "web-12-conf")
	require.NoError(t, os.WriteFile(secret, []byte("this is no setting\n"), 0o600))
	s := written(t, "web-12", "10.20.0.112")
	replaceConfig(t, s, "secret: secret://file/web-12-conf")
	started := h.approved(t, "run", s.file)
	h.Until(t, started, "held", people.In(wire.Held))
	require.Contains(t, h.requester(t, 0, "list", "--state", "held").out, "hold/application")
	require.Contains(t, h.requester(t, 0, "show", s.name).out, "$ fermata retry server/web-12 application")
	require.NoError(t, os.WriteFile(secret, []byte("name = web-12\nlisten = 10.20.0.112:8080\ndata = /srv/data\nsession-key-file = /etc/hello-web/session-key\n"), 0o600))
	h.requester(t, 0, "retry", s.name)
	require.Contains(t, h.requester(t, 0, "watch", s.name).out, "retried once")
	require.NotEmpty(t, h.facts(t, s))
}

// replaceConfig lets the application's configuration come from elsewhere.
func replaceConfig(t *testing.T, s server, source string) {
	t.Helper()
	data, err := os.ReadFile(s.file)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(data), "      - path: /etc/hello-web/hello-web.conf\n")
	require.True(t, found)
	_, after, found := strings.Cut(rest, "    service: hello-web\n")
	require.True(t, found)
	text := before + "      - path: /etc/hello-web/hello-web.conf\n        " + source + "\n    service: hello-web\n" + after
	require.NoError(t, os.WriteFile(s.file, []byte(text), 0o600))
}

func heldAndSkipped(t *testing.T, h *hall) {
	s := written(t, "web-13", "10.20.0.113",
		"verify: http://www.estate.test/healthz", "verifyContains: nobody says this\n    verify: http://www.estate.test/healthz",
		"onFailure: hold", "retryFor: 15s\n    onFailure: hold")
	started := h.approved(t, "run", s.file)
	p := h.Until(t, started, "held", people.In(wire.Held))
	_, open := p.Gate(decision.Skip, "verify")
	require.True(t, open, "%+v", p.Gates)
	require.Contains(t, h.requester(t, 6, "skip", s.name, "application").err, "held are: verify")
	h.requester(t, 0, "skip", s.name, "verify", "--reason", "asked by hand")
	require.Contains(t, h.requester(t, 0, "watch", s.name).out, "» ask as a user would")
	require.Contains(t, h.requester(t, 0, "history", started.Run).out, `saying "asked by hand": counts`)
	require.NotEmpty(t, h.facts(t, s))
}

func heldAndUndone(t *testing.T, h *hall) {
	s := written(t, "web-14", "10.20.0.114", "version: 1.2.0", "version: 9.9.9")
	started := h.approved(t, "run", s.file)
	h.Until(t, started, "held", people.In(wire.Held))
	require.NotEmpty(t, h.facts(t, s))
	h.requester(t, 0, "undo", s.name, "--reason", "wrong version")
	a := h.requester(t, 4, "watch", started.Run)
	require.Contains(t, a.out, "↶ deploy the machine")
	require.Empty(t, h.facts(t, s), "what was done was taken back")
}

func stopped(t *testing.T, h *hall) {
	s := written(t, "web-15", "10.20.0.115")
	first := h.begin(t, "run", s.file)
	a := h.requester(t, 3, "approve", s.name, "--yes")
	require.Contains(t, a.err, "(four_eyes)")
	require.Contains(t, h.approver(t, 3, "approve", s.name, "--yes", "--hash", "sha256:00").err, "it is not the plan that you saw")
	h.requester(t, 0, "cancel", s.name)
	require.Contains(t, h.requester(t, 4, "watch", first.Run).out, "cancelled")
	require.Contains(t, h.approver(t, 6, "approve", s.name, "--yes").err, "waits for no approval: it is cancelled")

	second := h.begin(t, "run", s.file)
	require.Contains(t, h.approver(t, 6, "reject", first.Run).err, "no longer holds")
	h.approver(t, 0, "-o", "yaml", "reject", second.Run, "--reason", "not this week")
	require.Contains(t, h.requester(t, 3, "watch", s.name).out, "not this week")
	require.Empty(t, h.facts(t, s), "nothing was done")
}

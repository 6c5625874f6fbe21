package starter

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/client"
	"fermata/decision"
	"fermata/wire"
)

func TestApproveSignsTheHashOfWhatItShows(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	hash := d.planned(t)
	out, _, code := d.run(t, "approve", "web-01", "--yes", "--hash", hash, "--reason", "fine")
	require.Equal(t, 0, code)
	require.Contains(t, out, "IRREVERSIBLE")
	require.Equal(t, []client.Decision{{WorkflowID: "server/web-01", Run: d.progress.Run, Command: decision.Approve, Hash: hash, Reason: "fine"}}, d.decisions)
	require.Equal(t, []string{"bob@estate.test"}, d.people, "whose key it is")
}

func TestApproveRefuses(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		prepare func(d *desk)
		args    []string
		code    int
		text    string
	}{
		"another hash":                   {func(*desk) {}, []string{"--yes", "--hash", "sha256:00"}, exitRefused, "not the plan that you saw"},
		"no terminal":                    {func(*desk) {}, nil, exitInvalid, "no terminal"},
		"a hash that the server made up": {func(d *desk) { d.progress.Preview.Hash = "sha256:11" }, []string{"--yes"}, exitRefused, "nothing was signed"},
		"a run that has ended":           {func(d *desk) { d.progress = trees()["undone"] }, []string{"--yes"}, exitConflict, "it is undone"},
		"no such run":                    {func(d *desk) { d.err = fault.New(fault.NotFound, "asking server/web-01") }, []string{"--yes"}, exitNotFound, "fermata list"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			d.planned(t)
			x.prepare(d)
			_, errors, code := d.run(t, append([]string{"approve", "web-01"}, x.args...)...)
			require.Equal(t, x.code, code, errors)
			require.Contains(t, errors, x.text)
			require.Empty(t, d.decisions)
		})
	}
}

// Who approves a run that was stopped before it could ask waits, and is told why.
func TestApproveTellsThatAutomationIsStopped(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.planned(t)
	d.progress.Phase, d.progress.Stopped = wire.Planning, &wire.Stopped{By: "carol@estate.test", Reason: "a bad release", Since: noon}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	out, _, code := d.runWith(ctx, t, "approve", "web-01", "--yes")
	require.NotZero(t, code)
	require.Equal(t, 1, strings.Count(out, "by carol@estate.test: a bad release; server/web-01 goes on when it does"), out)
	require.NotContains(t, out, "is planning ...")
	require.Empty(t, d.decisions)
}

func TestADecisionThatDoesNotCount(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.planned(t)
	d.result = wire.DecideResult{Code: "four_eyes", Reason: "alice\x1b[2J asked for this run"}
	_, errors, code := d.run(t, "approve", "web-01", "--yes")
	require.Equal(t, exitRefused, code)
	require.Contains(t, errors, "four_eyes")
	require.NotContains(t, errors, "\x1b")
	out, _, code := d.run(t, "-o", "json", "approve", "web-01", "--yes")
	require.Equal(t, exitRefused, code)
	var result wire.DecideResult
	require.NoError(t, json.Unmarshal([]byte(out), &result), "standard output holds the document and nothing else")
	require.False(t, result.Accepted)
}

func TestAULIDMeansThatRunAndNoOther(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	ulid := client.NewRun()
	_, errors, code := d.run(t, "cancel", ulid)
	require.Equal(t, exitNotFound, code, errors)
	d.runs = []client.Summary{{WorkflowID: "server/web-01", RunID: "t", Run: ulid}}
	_, _, code = d.run(t, "cancel", ulid)
	require.Equal(t, 0, code)
	require.Equal(t, []client.Decision{{WorkflowID: "server/web-01", Run: ulid, Command: decision.Cancel}}, d.decisions)
}

func TestRetryFindsTheOnlyHeldStep(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, errors, code := d.run(t, "retry", "web-01")
	require.Equal(t, exitConflict, code, errors)
	d.progress = trees()["held"]
	_, _, code = d.run(t, "retry", "web-01")
	require.Equal(t, 0, code)
	require.Equal(t, "volume/data", d.decisions[0].Step)
	require.Equal(t, d.progress.Run, d.decisions[0].Run)
	_, errors, code = d.run(t, "retry", "web-01", "application")
	require.Equal(t, exitConflict, code)
	require.Contains(t, errors, "volume/data")
	d.progress.Gates = append(d.progress.Gates, wire.Gate{ID: "hold/firewall", Step: "firewall", Commands: []decision.Command{decision.Retry}})
	_, errors, code = d.run(t, "retry", "web-01")
	require.Equal(t, exitInvalid, code)
	require.Contains(t, errors, "which step? 2 are held")
	require.Len(t, d.decisions, 1)
}

func TestKeysThatDoNotSign(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	require.NoError(t, os.Chmod(d.key, 0o644))
	_, errors, code := d.run(t, "undo", "web-01")
	require.Equal(t, exitUnauthorized, code)
	require.Contains(t, errors, "chmod 600")
	require.NoError(t, os.Chmod(d.key, 0o600))
	d.write(t, "allowed_signers", "# nobody\n")
	_, errors, code = d.run(t, "undo", "web-01")
	require.Equal(t, exitUnauthorized, code)
	require.Contains(t, errors, "is nobody's in")
	require.Empty(t, d.decisions)
}

func TestWatchEndsAsTheRunDid(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.progress = trees()["undone"]
	out, _, code := d.run(t, "watch", "web-01")
	require.Equal(t, exitUndone, code)
	require.Contains(t, out, "left behind")
	require.Equal(t, 1, strings.Count(out, "no answer"), "said once: %s", out)
	require.Equal(t, 1, strings.Count(out, "answers again"), out)
	require.Equal(t, 1, strings.Count(out, "open the ticket"), "a line for each change: %s", out)
	out, errors, code := d.run(t, "-o", "json", "watch", "web-01")
	require.Equal(t, exitUndone, code)
	require.Contains(t, errors, "no answer")
	var p wire.Progress
	require.NoError(t, json.Unmarshal([]byte(out), &p))
	require.Equal(t, d.progress.LeftBehind, p.LeftBehind)
	d.progress.Outcome = "of another version"
	_, _, code = d.run(t, "watch", "web-01")
	require.Equal(t, exitInternal, code, "what is not known is no success")
}

func TestWatchForALimitedTime(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.progress = trees()["held"]
	out, errors, code := d.run(t, "watch", "web-01", "--for", "300ms")
	require.Equal(t, exitHeld, code)
	require.Contains(t, errors, "goes on")
	require.Contains(t, out, "fermata skip server/web-01 volume/data")
}

func TestListsWithoutRunsAreEmptyLists(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	out, _, _ := d.run(t, "list", "-o", "json")
	require.JSONEq(t, "[]", out)
	out, _, _ = d.run(t, "history", "-o", "yaml")
	require.Contains(t, out, "entries: []")
}

func entryOf(t *testing.T, run string) record.Entry {
	t.Helper()
	decisions, err := json.Marshal(map[string]any{"decisions": []wire.Judged{{
		Signed:  decision.Signed{Envelope: []byte(`{"version":1}`), Signature: "signature"},
		Verdict: decision.Verdict{Accepted: true, At: noon, Fingerprint: "SHA256:x", Envelope: decision.Envelope{Command: decision.Start, Person: "$(touch owned)'\x1b"}},
	}}})
	require.NoError(t, err)
	content, err := json.Marshal(record.Record{Version: record.Version, Run: run, Owner: "server/web-01", Outcome: "done", Started: noon, Ended: noon.Add(time.Minute), Decisions: decisions, Steps: []byte(`[]`), Spec: []byte(`{}`)})
	require.NoError(t, err)
	return record.Entry{Sequence: 1, Hash: "sha256:\x1b[2J", Record: content}
}

func TestHistoryWritesOutsideItsFolderForNoRecord(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.records = wire.RecordsOutput{Entries: []record.Entry{entryOf(t, "../../owned")}}
	_, errors, code := d.run(t, "history", "--envelopes", filepath.Join(d.folder, "a", "b"))
	require.Equal(t, exitInvalid, code)
	require.Contains(t, errors, "no ULID")
	require.NoFileExists(t, filepath.Join(d.folder, "owned-01.json"))
}

func TestABrokenChain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.records = wire.RecordsOutput{Broken: "entry 2: changed"}
	_, errors, code := d.run(t, "history", "--verify")
	require.Equal(t, exitRefused, code)
	require.Contains(t, errors, "entry 2")
	d.records = wire.RecordsOutput{Verified: 3}
	out, _, code := d.run(t, "history", "--verify")
	require.Equal(t, 0, code)
	require.Contains(t, out, "verified: 3 records")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.findings = []wire.Observation{{Name: "record store", OK: true}, {Name: "compute vcenter", OK: true}}
	out, _, code := d.run(t, "doctor")
	require.Equal(t, 0, code, out)
	require.Contains(t, out, "you are bob@estate.test")
	require.Contains(t, out, "rule all: you may start, approve, reject, retry, skip, undo, cancel, restore\n")
	require.Contains(t, out, "integration of your own")
	require.Equal(t, []wire.SystemRef{{Name: "store", Capability: "record"}, {Name: "vcenter", Capability: "compute"}}, d.asked)
	d.findings[1] = wire.Observation{Name: "compute vcenter", Text: "refuses the password"}
	out, _, code = d.run(t, "doctor")
	require.Equal(t, exitUnavailable, code)
	require.Contains(t, out, "NO  compute vcenter")
	out, _, code = d.run(t, "--as", "mallory", "doctor")
	require.Equal(t, exitUnauthorized, code)
	require.Contains(t, out, "does not count")
	d.missing = map[string]string{"FermataState": "Keyword", "FermataHeldSteps": "KeywordList"}
	out, _, _ = d.run(t, "doctor")
	require.Contains(t, out, "search-attribute create --name FermataHeldSteps --type KeywordList --name FermataState --type Keyword")
	require.NoError(t, os.Chmod(filepath.Join(d.folder, "secrets", "payload"), 0o644))
	out, _, code = d.run(t, "doctor")
	require.Equal(t, exitUnauthorized, code)
	require.Contains(t, out, "NO  encryption key")
}

// The policy is looked at whoever asks, also with the systems that it tells people by.
func TestDoctorLooksAtThePolicy(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	out, _, code := d.run(t, "doctor")
	require.Equal(t, 0, code, out)
	require.Regexp(t, `ok  policy +\S+policy.yaml is sha256:`, out)
	told := "people: {notify: [{system: own}, {system: vcenter}, {system: mail, to: a@example}], "
	d.write(t, "policy.yaml", strings.Replace(policy, "people: {", told, 1))
	out, _, code = d.run(t, "doctor")
	require.Equal(t, exitInvalid, code)
	require.Contains(t, out, `group people is told by "vcenter", which is no system of type smtp or webhook`)
	require.Contains(t, out, `group people is told by "mail"`)
	require.NotContains(t, out, `told by "own"`, "what it can do is not known here")
	d.write(t, "policy.yaml", strings.Replace(policy, "start: [people]", "start: [peple]", 1))
	out, _, code = d.run(t, "--as", "mallory", "doctor")
	require.NotEqual(t, 0, code)
	require.Regexp(t, `NO  policy +\S+policy.yaml:9:33: spec.rules\[0\].may.start\[0\]: expected carol or people, found "peple"`, out)
	d.write(t, "fermata.yaml", strings.Replace(installation, ", policy: policy.yaml", "", 1))
	out, _, code = d.run(t, "doctor")
	require.Equal(t, 0, code, out)
	require.Contains(t, out, "there is no file (spec.decisions.policy)")
}

func TestRunWaitsForABusyTarget(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	spec := filepath.Join("..", "examples", "web-server.yaml")
	d.busy = 1
	_, errors, code := d.run(t, "run", spec)
	require.Equal(t, exitConflict, code)
	require.Contains(t, errors, "busy")
	d.busy = 1
	out, errors, code := d.run(t, "-o", "json", "run", "--wait", spec)
	require.Equal(t, 0, code)
	require.Contains(t, errors, "waiting for its end")
	var started client.Started
	require.NoError(t, json.Unmarshal([]byte(out), &started))
	require.Equal(t, "server/web-01", started.WorkflowID)
}

func TestPlanThatCannotBeCarriedOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.preview = previewOf()
	out, errors, code := d.run(t, "plan", filepath.Join("..", "examples", "web-server.yaml"))
	require.Equal(t, exitRefused, code)
	require.Contains(t, errors, "is in use")
	require.NotContains(t, out+errors, "\x1b")
	require.NotContains(t, out+errors, "\x07")
}

func TestYAMLKeepsTypesAndOrder(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := screen{out: &out, form: "yaml"}.document(struct {
		Zebra string   `json:"zebra"`
		Apple string   `json:"apple"`
		Count int      `json:"count"`
		None  []string `json:"none"`
		Lines string   `json:"lines"`
	}{"true", "12", 12, []string{}, "a\nb\n"})
	require.NoError(t, err)
	require.Equal(t, "zebra: \"true\"\napple: \"12\"\ncount: 12\nnone: []\nlines: |\n  a\n  b\n", out.String())
}

func TestDocumentsSteerNoTerminal(t *testing.T) {
	t.Parallel()
	for _, want := range []string{"a\x1b[2J\u009b2J\u202eb\nc", "only \u202e turns", "plain"} {
		for _, form := range []string{"json", "yaml"} {
			var out bytes.Buffer
			_, err := screen{out: &out, form: form}.document(map[string]string{"text": want})
			require.NoError(t, err)
			for _, r := range out.String() {
				require.False(t, steers(r) && r != '\n', "%s: %q", form, out.String())
			}
			var got map[string]string // JSON is YAML.
			require.NoError(t, yaml.Unmarshal(out.Bytes(), &got))
			require.Equal(t, want, got["text"], "nothing is lost")
		}
	}
}

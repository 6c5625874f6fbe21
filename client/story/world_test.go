package story_test

import (
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/client/story"
	"fermata/decision"
	"fermata/wire"
)

const (
	alice = "alice@estate.test" // Asks.
	bob   = "bob@estate.test"   // Approves.
	eve   = "eve@estate.test"   // Signs as others.
	ulid  = "01JNFA00000000000000000000"
)

const rules = `apiVersion: fermata/v1
kind: Policy
metadata: {name: lab}
spec:
  groups:
    people: {members: [alice@estate.test, bob@estate.test]}
  rules:
    - {name: all, may: {start: [people], approve: [people], operate: [people]}}
`

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time { t := noon.Add(d); return &t }

// world is an installation, its people, and one run that is put together decision by decision. Nothing in it is random.
type world struct {
	signers  map[string]ssh.Signer
	lines    []string // Of allowed_signers.
	judge    story.Judge
	document json.RawMessage
	plan     wire.Plan
	kept     story.Kept
	r        record.Record
	steps    []wire.Step
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{signers: map[string]ssh.Signer{}, document: json.RawMessage(`{"kind":"Server","metadata":{"name":"web-01"}}`)}
	for i, name := range []string{alice, bob, eve} {
		signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+i)), ed25519.SeedSize))))
		require.NoError(t, err)
		w.signers[name] = signer
		if name != eve {
			w.lines = append(w.lines, name+` namespaces="decision@fermata" `+string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
		}
	}
	w.judge = story.Judge{Cluster: "lab", Namespace: "fermata"}
	w.allow(t, w.lines...)
	var err error
	w.judge.Rules, err = decision.ParseRules("policy.yaml", []byte(rules))
	require.NoError(t, err)
	hash, err := decision.Hash(w.document)
	require.NoError(t, err)
	w.plan = wire.Plan{
		Version: wire.PlanVersion, Kind: wire.ProvisionServer, Owner: "server/web-01", Document: hash, Resolved: json.RawMessage(`{}`),
		Changes: []wire.PlannedChange{
			{Step: "deploy", Title: "deploy the machine", Action: wire.Create, Object: "machine web-01", Detail: []string{"2 CPUs"}, Reversal: "taken back"},
			{Step: "volume/data", Title: "mount volume data", Action: wire.Change, Object: "disk <img src=x onerror=alert(1)>\u202e", Reversal: wire.Irreversible},
		},
	}
	return w
}

func (w *world) allow(t *testing.T, lines ...string) {
	t.Helper()
	var err error
	w.judge.Signers, err = decision.ParseAllowedSigners(strings.NewReader(strings.Join(lines, "")))
	require.NoError(t, err)
}

func (w *world) hash(t *testing.T) string {
	t.Helper()
	hash, err := w.plan.Hash()
	require.NoError(t, err)
	return hash
}

// sign signs as a person, with the key of whoever holds one.
func (w *world) sign(t *testing.T, key string, e decision.Envelope, after time.Duration) decision.Signed {
	t.Helper()
	e.Version, e.Cluster, e.Namespace, e.WorkflowID, e.Run = decision.Version, "lab", "fermata", "server/web-01", ulid
	e.Nonce, e.Issued, e.Expires = "QOjEwskIoeELDxV1eO2yqw", noon.Add(after), noon.Add(after+15*time.Minute)
	signed, err := decision.Sign(e, w.signers[key])
	require.NoError(t, err)
	return signed
}

// decide signs, judges as a worker does, and keeps. A code makes the run refuse what the signature would allow.
func (w *world) decide(t *testing.T, key string, e decision.Envelope, after time.Duration, code, why string) {
	t.Helper()
	if e.Person == "" {
		e.Person = key
	}
	signed := w.sign(t, key, e, after)
	policy := decision.Policy{Cluster: "lab", Namespace: "fermata", Signers: w.judge.Signers, Rules: w.judge.Rules}
	want := decision.Expectation{
		WorkflowID: "server/web-01", Run: ulid, Gate: e.Gate, Nonce: "QOjEwskIoeELDxV1eO2yqw", Hash: e.Hash, Commands: []decision.Command{e.Command},
		Facts: decision.Facts{Kind: wire.ProvisionServer, Requester: alice},
	}
	v := policy.Judge(signed, want, noon.Add(after+time.Second))
	if code != "" {
		v.Accepted, v.ReasonCode, v.Reason = false, code, why
	}
	if !v.Accepted {
		w.kept.Refused++
	}
	via := "update"
	if e.Command == decision.Start {
		via = "start"
	}
	w.kept.Decisions = append(w.kept.Decisions, wire.Judged{Signed: signed, Verdict: v, Via: via})
}

// lived is a run up to its approval, with a held step that was retried.
func lived(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	hash := w.hash(t)
	approve := decision.Envelope{Gate: "approval", Command: decision.Approve, Hash: hash}
	w.decide(t, alice, decision.Envelope{Gate: decision.StartGate, Command: decision.Start, Hash: w.plan.Document}, 0, "", "")
	w.decide(t, alice, approve, 5*time.Minute, "four_eyes", alice+" asked for this run, so somebody else must approve it")
	forged := approve
	forged.Person = bob
	w.decide(t, eve, forged, 6*time.Minute, "", "")
	approve.Reason = "read it <script>alert(1)</script>"
	w.decide(t, bob, approve, 10*time.Minute, "", "")
	w.decide(t, alice, decision.Envelope{Gate: "hold/volume/data", Command: decision.Retry, Step: "volume/data", Hash: hash}, 30*time.Minute, "", "")
	w.kept.Planned = at(2 * time.Second)
	w.kept.Policy = &wire.Governed{Policy: w.judge.Rules.Hash(), Rule: "all", Change: "normal", Approved: bob, Permit: 3, Permitted: noon.Add(10*time.Minute + 2*time.Second)}
	w.kept.Notices = []*wire.NoticeState{
		{ID: "n1", Event: "waiting", Group: "people", System: "mail", To: bob, State: wire.NoticeSent, At: noon.Add(3 * time.Second)},
		{ID: "n2", Event: "held", Group: "people", System: "hooks", State: wire.NoticeFailed, Reason: "hooks: \x1b[2Jrefused"},
	}
	w.steps = []wire.Step{
		{ID: "deploy", Title: "deploy the machine", State: wire.StepDone, Reversal: "taken back", Started: at(11 * time.Minute), Ended: at(12 * time.Minute), Tries: 1, Result: []string{"instance UUID 7998244a"}},
		{
			ID: "volume/data", Title: "mount volume data", State: wire.StepDone, Reversal: wire.Irreversible, Tries: 2,
			Before:  []wire.Try{{Started: at(12 * time.Minute), Ended: at(13 * time.Minute), Reason: &fault.Reason{Kind: fault.Conflict, Text: "disk data holds <b>another</b> file system"}}},
			Started: at(31 * time.Minute), Ended: at(32 * time.Minute), Result: []string{"/dev/sdb on /srv/data"},
		},
	}
	w.r = record.Record{
		Version: record.Version, Run: ulid, Kind: wire.ProvisionServer, Owner: "server/web-01", WorkflowID: "server/web-01", Requester: alice,
		Outcome: string(wire.Done), Started: noon, Ended: noon.Add(33 * time.Minute), Spec: w.document, PlanHash: hash,
	}
	return w
}

// undone is the same run, taken back.
func undone(t *testing.T) *world {
	t.Helper()
	w := lived(t)
	w.decide(t, alice, decision.Envelope{Gate: "run", Command: decision.Undo, Hash: w.hash(t), Reason: "wrong version"}, 40*time.Minute, "", "")
	w.steps[0].State, w.steps[0].Undone = wire.StepUndone, at(42*time.Minute)
	w.steps[1].State, w.steps[1].Undone = wire.StepUndoFailed, at(41*time.Minute)
	w.steps[1].Reason = &fault.Reason{Kind: fault.Conflict, Text: "changed by others"}
	w.r.Outcome, w.r.Reason, w.r.Ended = string(wire.Undone), "asked for by "+alice+": wrong version", noon.Add(43*time.Minute)
	w.r.LeftBehind = []string{"mount volume data: changed by others"}
	return w
}

// seal writes the record, behind another.
func (w *world) seal(t *testing.T) *record.Entry {
	t.Helper()
	for into, from := range map[*json.RawMessage]any{&w.r.Decisions: w.kept, &w.r.Steps: w.steps, &w.r.Plan: w.plan} {
		data, err := json.Marshal(from)
		require.NoError(t, err)
		*into = data
	}
	e, err := record.Seal(record.Entry{Sequence: 6, Hash: "sha256:" + strings.Repeat("ab", 32)}, w.r, w.r.Ended.Add(time.Second))
	require.NoError(t, err)
	return &e
}

func (w *world) tell(t *testing.T) *story.Story {
	t.Helper()
	told, err := story.Tell(w.seal(t), nil, w.judge)
	require.NoError(t, err)
	return told
}

// progress is what the run says before its step was retried.
func (w *world) progress(t *testing.T) wire.Progress {
	t.Helper()
	steps := append([]wire.Step(nil), w.steps...)
	steps[1] = wire.Step{
		ID: "volume/data", Title: "mount volume data", State: wire.StepHeld, Tries: 1, Started: at(12 * time.Minute), Ended: at(13 * time.Minute),
		Reason: w.steps[1].Before[0].Reason,
	}
	return wire.Progress{
		Run: ulid, Kind: w.r.Kind, Owner: w.r.Owner, WorkflowID: w.r.WorkflowID, Cluster: "lab", Namespace: "fermata", Requester: alice,
		Phase: wire.Held, Started: noon, Planned: w.kept.Planned, Preview: &wire.Preview{Plan: w.plan, Hash: w.hash(t)}, Steps: steps,
		Decisions: w.kept.Decisions[:4], Policy: w.kept.Policy, Notices: w.kept.Notices[:1],
		Gates: []wire.Gate{
			{ID: "run", Commands: []decision.Command{decision.Undo}},
			{ID: "hold/volume/data", Step: "volume/data", Commands: []decision.Command{decision.Retry}, Opened: noon.Add(13 * time.Minute), Why: "mount volume data: disk data holds another file system"},
		},
	}
}

var update = flag.Bool("update", false, "write the examples that the command line is tested with")

// TestTheExamplesAreThese keeps what the command line's tests read: real signatures, without the keys.
func TestTheExamplesAreThese(t *testing.T) {
	t.Parallel()
	w := lived(t)
	indented := func(v any) string {
		data, err := json.MarshalIndent(v, "", " ")
		require.NoError(t, err)
		return string(data) + "\n"
	}
	for name, text := range map[string]string{
		"allowed_signers": strings.Join(w.lines, ""), "policy.yaml": rules, "open.json": indented(w.progress(t)),
		"done.json": indented(w.seal(t)), "undone.json": indented(undone(t).seal(t)),
		"bob.pub": string(ssh.MarshalAuthorizedKey(w.signers[bob].PublicKey())),
	} {
		file := filepath.Join("testdata", name)
		if *update {
			require.NoError(t, os.MkdirAll("testdata", 0o750))
			require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), text, "%s: go test ./client/story -update", name)
	}
}

package story_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/record"
	"fermata/client/story"
	"fermata/decision"
	"fermata/wire"
)

func texts(told *story.Story) []string {
	var out []string
	for _, e := range told.Events {
		out = append(out, e.Text)
	}
	return out
}

func wrong(told *story.Story) []string {
	var out []string
	for _, f := range told.Findings {
		if !f.OK {
			out = append(out, f.What)
		}
	}
	return out
}

func results(told *story.Story) []story.Result {
	var out []story.Result
	for _, d := range told.Decisions {
		out = append(out, d.Check.Result)
	}
	return out
}

func TestWhoDidWhatInItsOrder(t *testing.T) {
	t.Parallel()
	told := undone(t).tell(t)
	require.Equal(t, []string{
		"start: asks for ProvisionServer of server/web-01", "plans 2 steps",
		"tells people <bob@estate.test> by mail that the run waits: sent",
		"approve", "approve", `approve, saying "read it <script>alert(1)</script>"`, "permit 3 to act",
		"deploy the machine: done", "mount volume data: begun", "mount volume data: held",
		"retry, step volume/data", "mount volume data: done", `undo, saying "wrong version"`,
		"undo: mount volume data: NOT taken back", "undo: deploy the machine: taken back",
		"tells people by hooks that the run is held: failed", "left behind: mount volume data: changed by others",
		"ends as undone: asked for by alice@estate.test: wrong version", "writes record 7",
	}, texts(told))
	require.Empty(t, wrong(told))
	require.True(t, told.Verified)
	require.Equal(t, []story.Source{story.Record}, told.Sources)
	require.Equal(t, 2, told.Refused)
	require.Equal(t, bob, told.Decisions[2].Person, "whom the forgery names")
	require.Equal(t, decision.CodeSigner, told.Decisions[2].Code)
	require.Equal(t, "refused as recorded; its key is not the person's", told.Decisions[2].Check.Text)
	require.Equal(t, `good, and the policy file allows it (rule "all")`, told.Decisions[3].Check.Text)
}

func TestARunThatGoesOn(t *testing.T) {
	t.Parallel()
	w := lived(t)
	p := w.progress(t)
	told, err := story.Tell(nil, &p, w.judge)
	require.NoError(t, err)
	require.Empty(t, wrong(told))
	require.Equal(t, []story.Source{story.Run}, told.Sources)
	require.Nil(t, told.Place)
	require.Equal(t, 2, told.Refused)
	require.Contains(t, texts(told), "waits: mount volume data: disk data holds another file system")
	require.Contains(t, texts(told), "mount volume data: held")
	require.NotContains(t, strings.Join(texts(told), "\n"), "ends as")
}

func TestARunAndItsRecord(t *testing.T) {
	t.Parallel()
	w := lived(t)
	e := w.seal(t)
	p := w.progress(t)
	p.Phase, p.Outcome, p.Ended, p.Gates, p.Record = wire.Ended, wire.Done, &w.r.Ended, nil, e.Hash
	told, err := story.Tell(e, &p, w.judge)
	require.NoError(t, err)
	require.Equal(t, []story.Source{story.Record, story.Run}, told.Sources)
	require.True(t, told.Verified, "%v", told.Findings)
	require.Len(t, told.Decisions, 5, "the record is what counts")

	p.Record = "sha256:" + strings.Repeat("00", 32)
	told, err = story.Tell(e, &p, w.judge)
	require.NoError(t, err)
	require.Equal(t, []string{"record"}, wrong(told), "sealed again, but the run knows what it wrote")
	told, err = story.Tell(nil, &p, w.judge)
	require.NoError(t, err)
	require.Equal(t, []string{"record"}, wrong(told), "its record was taken away")
}

// A run's clock stands still while it judges: what a decision sets off may carry an earlier time than the decision.
func TestWhatADecisionSetsOffComesBehindIt(t *testing.T) {
	t.Parallel()
	w := lived(t)
	w.steps[1].Started, w.steps[1].Ended = at(30*time.Minute+900*time.Millisecond), at(30*time.Minute+5*time.Second)
	all := texts(w.tell(t))
	retried := slices.Index(all, "retry, step volume/data")
	require.Equal(t, []string{"mount volume data: held", "retry, step volume/data", "mount volume data: done"}, all[retried-1:retried+2], "%v", all)

	w.kept.Decisions = w.kept.Decisions[:4]
	w.decide(t, alice, decision.Envelope{Gate: "hold/volume/data", Command: decision.Skip, Step: "volume/data", Hash: w.hash(t)}, 30*time.Minute, "", "")
	w.steps[1].State = wire.StepSkipped
	w.steps = append(w.steps, wire.Step{ID: "last", Title: "last", After: []string{"volume/data"}, State: wire.StepDone, Started: at(30*time.Minute + 500*time.Millisecond), Ended: at(32 * time.Minute)})
	w.steps[1].Started, w.steps[1].Ended = at(20*time.Minute), at(21*time.Minute)
	all = texts(w.tell(t))
	require.Less(t, slices.Index(all, "skip, step volume/data"), slices.Index(all, "last: done"), "%v", all)
	require.NotContains(t, all, "last: begun", "nothing came between its begin and its end")
}

// An older build's record has no times of plan, notices and permits, nor tries before the latest.
func TestAnOlderRecord(t *testing.T) {
	t.Parallel()
	w := lived(t)
	w.kept.Planned, w.kept.Policy, w.kept.Notices, w.steps[1].Before = nil, nil, nil, nil
	w.judge.Rules = nil
	for i := range w.kept.Decisions {
		w.kept.Decisions[i].Verdict.Policy, w.kept.Decisions[i].Verdict.Rule = "", ""
	}
	told := w.tell(t)
	require.True(t, told.Verified, "%v", told.Findings)
	require.Equal(t, "plans 2 steps", told.Events[1].Text)
	require.Nil(t, told.Events[1].At)
}

// Everything here is sealed again after the change, as who can write the newest record could: no hash of the chain shows it.
func TestWhatWasChanged(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		change func(t *testing.T, w *world)
		wrong  []string
		text   string
	}{
		"the approver in the verdict": {func(_ *testing.T, w *world) {
			w.kept.Decisions[3].Verdict.Envelope.Person = eve
		}, []string{"approval", "decisions"}, "says otherwise than the verdict"},
		"the approver in the envelope too": {func(t *testing.T, w *world) {
			v := &w.kept.Decisions[3].Verdict
			v.Envelope.Person = alice
			signed, err := v.Envelope.Canonical()
			require.NoError(t, err)
			w.kept.Decisions[3].Signed.Envelope, v.ID = signed, v.Envelope.ID()
		}, []string{"approval", "decisions"}, "the signature does not fit the message"},
		"one byte of an envelope": {func(_ *testing.T, w *world) {
			w.kept.Decisions[3].Signed.Envelope[5] ^= 1
		}, []string{"approval", "decisions"}, "cannot be read"},
		"a signature of another decision": {func(_ *testing.T, w *world) {
			w.kept.Decisions[3].Signed.Signature = w.kept.Decisions[4].Signed.Signature
		}, []string{"approval", "decisions"}, "the signature does not fit the message"},
		"a key that was not": {func(_ *testing.T, w *world) {
			w.kept.Decisions[3].Verdict.Fingerprint = ssh.FingerprintSHA256(w.signers[eve].PublicKey())
		}, []string{"approval", "decisions"}, "recorded as signed with"},
		"a refusal into an approval": {func(_ *testing.T, w *world) {
			v := &w.kept.Decisions[2].Verdict
			v.Accepted, v.ReasonCode, v.Reason = true, decision.CodeAccepted, ""
			w.kept.Decisions = slices.Delete(w.kept.Decisions, 3, 4)
		}, []string{"approval", "decisions"}, "no line of the allowed signers gives the key"},
		"a good signature into a bad one": {func(_ *testing.T, w *world) {
			v := &w.kept.Decisions[3].Verdict
			v.Accepted, v.ReasonCode = false, decision.CodeSignature
		}, []string{"approval", "decisions"}, "recorded as refused for its signature, but that is good"},
		"the time of a decision": {func(_ *testing.T, w *world) {
			w.kept.Decisions[3].Verdict.At = noon.Add(5 * time.Hour)
		}, []string{"approval", "decisions"}, "expired"},
		"an approval taken away": {func(_ *testing.T, w *world) {
			w.kept.Decisions = slices.Delete(w.kept.Decisions, 3, 4)
		}, []string{"approval"}, ""},
		"an own approval that counts": {func(_ *testing.T, w *world) {
			v := &w.kept.Decisions[1].Verdict
			v.Accepted, v.ReasonCode, v.Reason = true, decision.CodeAccepted, ""
			w.kept.Decisions = slices.Delete(w.kept.Decisions, 3, 4)
		}, []string{"approval"}, ""},
		"a standard change that was none": {func(_ *testing.T, w *world) {
			w.kept.Policy.Change = "standard"
			w.kept.Decisions = slices.Delete(w.kept.Decisions, 3, 4)
		}, []string{"approval"}, ""},
		"an emergency that nobody signed": {func(_ *testing.T, w *world) {
			w.kept.Policy.Change = "emergency"
		}, []string{"approval"}, ""},
		"the plan": {func(_ *testing.T, w *world) {
			w.plan.Changes[0].Object = "machine web-02"
		}, []string{"plan"}, ""},
		"the plan and its hash": {func(t *testing.T, w *world) {
			w.plan.Changes[0].Object = "machine web-02"
			w.r.PlanHash = w.hash(t)
		}, []string{"approval", "decisions"}, "look at it again"},
		"the document": {func(_ *testing.T, w *world) {
			w.r.Spec = json.RawMessage(`{"kind":"Server","metadata":{"name":"web-02"}}`)
		}, []string{"document", "decisions"}, "look at it again"},
		"the requester": {func(_ *testing.T, w *world) { w.r.Requester = bob }, []string{"requester", "approval"}, ""},
		"the start taken away": {func(_ *testing.T, w *world) {
			w.kept.Decisions = w.kept.Decisions[1:]
		}, []string{"requester"}, ""},
		"the run": {func(_ *testing.T, w *world) { w.r.Run = "01JNFA0000000000000000000X" }, []string{"approval", "decisions"}, "the decision is for the run"},
		"an envelope taken away": {func(_ *testing.T, w *world) {
			w.kept.Decisions[3].Signed = decision.Signed{}
		}, []string{"approval", "decisions"}, "no envelope that anybody signed"},
		"the rule": {func(_ *testing.T, w *world) {
			w.kept.Decisions[3].Verdict.Rule = "mine"
		}, []string{"approval", "decisions"}, "which the policy file does not have"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := lived(t)
			x.change(t, w)
			told := w.tell(t)
			require.Equal(t, x.wrong, wrong(told), "%+v", told.Findings)
			require.False(t, told.Verified)
			if x.text != "" {
				var all []string
				for _, d := range told.Decisions {
					all = append(all, d.Check.Text)
				}
				require.Contains(t, strings.Join(all, "\n"), x.text)
			}
		})
	}
}

func TestARecordThatWasNotSealedAgain(t *testing.T) {
	t.Parallel()
	w := lived(t)
	e := w.seal(t)
	e.Record = json.RawMessage(strings.Replace(string(e.Record), "2 CPUs", "8 CPUs", 1))
	told, err := story.Tell(e, nil, w.judge)
	require.NoError(t, err)
	require.Equal(t, []string{"record", "plan"}, wrong(told))
	e.Record = json.RawMessage(`{"run":`)
	_, err = story.Tell(e, nil, w.judge)
	require.ErrorContains(t, err, "reading record 7")
}

func TestAKeyThatWasRevokedSince(t *testing.T) {
	t.Parallel()
	w := lived(t)
	var err error
	w.judge.Revoked, err = decision.ParseRevoked(strings.NewReader(string(ssh.MarshalAuthorizedKey(w.signers[bob].PublicKey()))))
	require.NoError(t, err)
	told := w.tell(t)
	require.Equal(t, []story.Result{story.Good, story.Good, story.Good, story.Since, story.Good}, results(told))
	require.Contains(t, told.Decisions[3].Check.Text, "key revoked since")
	require.Equal(t, []string{"decisions"}, wrong(told))
}

func TestWhatBecameOfAllowedSigners(t *testing.T) {
	t.Parallel()
	w := lived(t)
	w.allow(t, w.lines[0])
	told := w.tell(t)
	require.Equal(t, story.Bad, told.Decisions[3].Check.Result)
	require.Contains(t, told.Decisions[3].Check.Text, "valid-before", "how a key is ended without what it signed")

	ended := strings.Replace(w.lines[1], `namespaces=`, `valid-before="20260304121200Z",namespaces=`, 1)
	w.allow(t, w.lines[0], ended)
	require.True(t, w.tell(t).Verified, "the key was good then")
	w.allow(t, w.lines[0], strings.Replace(ended, "121200Z", "120900Z", 1))
	require.Equal(t, story.Bad, w.tell(t).Decisions[3].Check.Result)
}

func TestWhatCannotBeJudged(t *testing.T) {
	t.Parallel()
	w := lived(t)
	w.judge = story.Judge{Cluster: "lab", Err: errors.New("no such file")}
	told := w.tell(t)
	require.Equal(t, story.Unchecked, told.Decisions[3].Check.Result)
	require.Equal(t, []string{"decisions"}, wrong(told))
	w = lived(t)
	w.judge.Cluster = "elsewhere"
	require.Equal(t, story.Bad, w.tell(t).Decisions[0].Check.Result, "it was signed for another installation")
}

func TestAnotherPolicyFileIsNotAsked(t *testing.T) {
	t.Parallel()
	w := lived(t)
	var err error
	w.judge.Rules, err = decision.ParseRules("policy.yaml", []byte(strings.Replace(rules, ", bob@estate.test", "", 1)))
	require.NoError(t, err)
	told := w.tell(t)
	require.True(t, told.Verified)
	require.Contains(t, told.Decisions[3].Check.Text, "the policy file is another now")
}

func TestTheRuleIsAskedAgain(t *testing.T) {
	t.Parallel()
	w := lived(t)
	other, err := decision.ParseRules("policy.yaml", []byte(strings.Replace(rules, ", bob@estate.test", "", 1)))
	require.NoError(t, err)
	w.judge.Rules = other
	for i := range w.kept.Decisions {
		w.kept.Decisions[i].Verdict.Policy = other.Hash()
	}
	told := w.tell(t)
	require.Equal(t, story.Bad, told.Decisions[3].Check.Result)
	require.Contains(t, told.Decisions[3].Check.Text, "may not approve")
}

func TestTheFormIsStable(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(undone(t).tell(t))
	require.NoError(t, err)
	var fields map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &fields))
	for _, name := range []string{
		"version", "run", "kind", "owner", "workflow_id", "requester", "sources", "phase", "outcome", "reason", "started", "ended", "verified",
		"findings", "events", "decisions", "refused", "document", "plan", "plan_hash", "policy", "notices", "steps", "left_behind", "record",
	} {
		require.Contains(t, fields, name)
	}
	var decisions []map[string]any
	require.NoError(t, json.Unmarshal(fields["decisions"], &decisions))
	for _, name := range []string{"number", "at", "person", "command", "hash", "via", "accepted", "code", "fingerprint", "policy", "rule", "check", "envelope", "signature"} {
		require.Contains(t, decisions[3], name)
	}
	var place story.Place
	require.NoError(t, json.Unmarshal(fields["record"], &place))
	require.Equal(t, 7, place.Sequence)
	require.NotEmpty(t, place.Previous)
}

func TestWhatTheHashIsOf(t *testing.T) {
	t.Parallel()
	e := lived(t).seal(t)
	text, err := e.Covered()
	require.NoError(t, err)
	hash, err := decision.Hash(json.RawMessage(text))
	require.NoError(t, err)
	require.Equal(t, e.Hash, hash)
	require.NoError(t, record.CheckEntry(record.Entry{Sequence: 6, Hash: e.Previous}, *e))
}

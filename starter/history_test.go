package starter

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/client"
	"fermata/client/story"
	"fermata/decision"
	"fermata/wire"
)

// evidence reads what client/story keeps: real signatures by people whose keys are gone.
func evidence(t *testing.T, name string, into any) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "client", "story", "testdata", name))
	require.NoError(t, err)
	if into != nil {
		require.NoError(t, json.Unmarshal(data, into))
	}
	return data
}

// auditor is a desk at which the examples are looked at.
func auditor(t *testing.T, name string) *desk {
	t.Helper()
	d := newDesk(t)
	d.write(t, "allowed_signers", string(evidence(t, "allowed_signers", nil)))
	d.write(t, "policy.yaml", string(evidence(t, "policy.yaml", nil)))
	d.err = fault.New(fault.NotFound, "no such run")
	var e record.Entry
	evidence(t, name, &e)
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, e.Record))
	e.Record = compact.Bytes()
	d.records = wire.RecordsOutput{Entries: []record.Entry{e}}
	return d
}

// forge changes the text of the record and seals it again.
func (d *desk) forge(t *testing.T, change func(r *record.Record)) {
	t.Helper()
	e := d.records.Entries[0]
	r, err := recordOf(e)
	require.NoError(t, err)
	change(&r)
	sealed, err := record.Seal(record.Entry{Sequence: e.Sequence - 1, Hash: e.Previous}, r, e.Written)
	require.NoError(t, err)
	d.records.Entries[0] = sealed
}

func TestHistoryAtEightyColumns(t *testing.T) {
	t.Parallel()
	d := auditor(t, "undone.json")
	rules, err := decision.ParseRules("policy.yaml", evidence(t, "policy.yaml", nil))
	require.NoError(t, err)
	allowed, err := decision.ParseAllowedSigners(bytes.NewReader(evidence(t, "allowed_signers", nil)))
	require.NoError(t, err)
	told, err := story.Tell(&d.records.Entries[0], nil, story.Judge{Cluster: "lab", Namespace: "fermata", Signers: allowed, Rules: rules})
	require.NoError(t, err)
	var out bytes.Buffer
	screen{out: &out, form: "table", size: func() (int, int) { return 80, 24 }}.story(told)
	for l := range strings.SplitSeq(out.String(), "\n") {
		require.LessOrEqual(t, visible(l), 80)
	}
	golden(t, "history", out.String())
}

func TestHistoryOfARunThatGoesOn(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	d.records, d.err = wire.RecordsOutput{}, nil
	d.progress = wire.Progress{}
	evidence(t, "open.json", &d.progress)
	out, errors, code := d.run(t, "history", "web-01")
	require.Equal(t, exitOK, code, errors)
	require.Contains(t, out, "told by the run itself: it goes on, and has no record yet")
	require.Contains(t, out, "waits: mount volume data")
}

func TestHistoryOfAServerTellsAllItsRuns(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	d.err = nil
	d.progress = wire.Progress{}
	evidence(t, "open.json", &d.progress)
	d.progress.Run = "01JNFA0000000000000000000Z"
	out, errors, code := d.run(t, "history", "web-01", "-o", "json")
	require.Equal(t, exitUnverified, code, "the decisions of another run are none of this one: %s", errors)
	var answer chronicle
	require.NoError(t, json.Unmarshal([]byte(out), &answer))
	require.Len(t, answer.Runs, 2)
	require.Equal(t, []story.Source{story.Record}, answer.Runs[0].Sources)
	require.Equal(t, []story.Source{story.Run}, answer.Runs[1].Sources)
	require.Len(t, answer.Entries, 1, "as before, the records stand there too")
}

func TestHistoryOfWhatIsNotKnown(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	d.records = wire.RecordsOutput{}
	out, errors, code := d.run(t, "history", "web-01", "-o", "json")
	require.Equal(t, exitNotFound, code)
	require.Contains(t, errors, "nothing is known of web-01")
	require.JSONEq(t, `{"entries":[],"verified":0,"runs":[]}`, out)
	d.err = fault.New(fault.Unavailable, "gone")
	_, _, code = d.run(t, "history", "web-01")
	require.Equal(t, exitUnavailable, code)
	_, errors, code = d.run(t, "history", "--html", "x.html")
	require.Equal(t, exitInvalid, code)
	require.Contains(t, errors, "about one server or run")
}

func TestARunThatCannotBeAskedHasItsRecord(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	d.err = fault.New(fault.Ambiguous, "asking server/web-01: \x1b[2Jits history cannot be replayed")
	out, errors, code := d.run(t, "history", "web-01")
	require.Equal(t, exitOK, code, errors)
	require.Contains(t, out, "told by its record\n")
	require.Contains(t, out, "one that goes on may be missing")
	out, _, _ = d.run(t, "history", "web-01", "-o", "json")
	require.Contains(t, out, `"unasked": "asking`)
	out, _, _ = d.run(t, "history", "web-01", "--html", "-")
	require.Contains(t, out, "one that goes on may be missing")
}

func TestWhatIsNotFoundAgainHasItsExitCode(t *testing.T) {
	t.Parallel()
	replace := func(part *json.RawMessage, before, after string) {
		if !bytes.Contains(*part, []byte(before)) {
			panic("nothing to change: " + before)
		}
		*part = json.RawMessage(strings.Replace(string(*part), before, after, 1))
	}
	for name, x := range map[string]struct {
		change func(r *record.Record)
		text   string
	}{
		"approver": {func(r *record.Record) {
			replace(&r.Decisions, `"person":"bob@estate.test","reason":"read it`, `"person":"eve@estate.test","reason":"read it`)
		}, "decisions: 4 of 5"},
		"plan": {func(r *record.Record) { replace(&r.Plan, "machine web-01", "machine web-09") }, "the plan was changed"},
		"envelope": {func(r *record.Record) {
			var kept story.Kept
			if err := json.Unmarshal(r.Decisions, &kept); err != nil {
				panic(err)
			}
			before := base64.StdEncoding.EncodeToString(kept.Decisions[3].Signed.Envelope)
			kept.Decisions[3].Signed.Envelope[len(kept.Decisions[3].Signed.Envelope)-3] ^= 1
			replace(&r.Decisions, before, base64.StdEncoding.EncodeToString(kept.Decisions[3].Signed.Envelope))
		}, "decisions: 4 of 5"},
		"requester": {func(r *record.Record) { r.Requester = "bob@estate.test" }, "alice@estate.test signed the start, but bob@estate.test is recorded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := auditor(t, "done.json")
			d.forge(t, x.change)
			out, errors, code := d.run(t, "history", "web-01")
			require.Equal(t, exitUnverified, code, out)
			require.Contains(t, errors, "NOT VERIFIED")
			require.Contains(t, errors, x.text)
			require.Contains(t, out, "  NO  ")
			page, _, code := d.run(t, "history", "web-01", "--html", "-")
			require.Equal(t, exitUnverified, code)
			require.Contains(t, page, "NOT VERIFIED")
		})
	}
}

func TestARevokedKeyIsToldApart(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	d.write(t, "revoked", string(evidence(t, "bob.pub", nil)))
	d.write(t, "fermata.yaml", strings.Replace(installation, "policy: policy.yaml", "policy: policy.yaml, revoked: revoked", 1))
	out, _, code := d.run(t, "history", "web-01")
	require.Equal(t, exitUnverified, code)
	require.Contains(t, out, "verified again: not good any more: key revoked since")
	page, _, _ := d.run(t, "history", "web-01", "--html", "-")
	require.Contains(t, page, "allowed_signers -r revoked")
}

func TestWithoutTheFilesNothingIsVerified(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	require.NoError(t, os.Remove(filepath.Join(d.folder, "allowed_signers")))
	out, _, code := d.run(t, "history", "web-01")
	require.Equal(t, exitUnverified, code)
	require.Contains(t, out, "verified again: NOT verified: reading whose key is whose")
}

func TestARecordThatCannotBeRead(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	d.records.Entries[0].Record = json.RawMessage(`{"run":"x","decisions":7}`)
	_, errors, code := d.run(t, "history", "web-01")
	require.Equal(t, exitUnverified, code)
	require.Contains(t, errors, "reading the decisions of record 7")
}

func TestThePageIsWrittenOnce(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	file := filepath.Join(d.folder, "page.html")
	out, errors, code := d.run(t, "history", "web-01", "--html", file)
	require.Equal(t, exitOK, code, errors)
	require.Contains(t, out, "written: "+file)
	require.NotContains(t, out, "deploy the machine", "the page tells it")
	first, err := os.ReadFile(file)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.WriteFile(file, []byte("mine"), 0o600))
	_, errors, code = d.run(t, "history", "web-01", "--html", file)
	require.Equal(t, exitConflict, code)
	require.Contains(t, errors, "--force replaces it")
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "mine", string(kept))
	_, errors, code = d.run(t, "history", "web-01", "--html", file, "--force")
	require.Equal(t, exitOK, code, errors)
	again, err := os.ReadFile(file)
	require.NoError(t, err)
	made := regexp.MustCompile(`Made [0-9TZ:-]+`)
	require.Equal(t, made.ReplaceAllString(string(first), ""), made.ReplaceAllString(string(again), ""))
	names, err := filepath.Glob(filepath.Join(d.folder, ".fermata-*"))
	require.NoError(t, err)
	require.Empty(t, names)
	_, _, code = d.run(t, "history", "web-01", "--html", filepath.Join(d.folder, "no", "page.html"))
	require.Equal(t, exitInternal, code)
}

func TestThePageNeedsNothingAndHoldsAll(t *testing.T) {
	t.Parallel()
	d := auditor(t, "undone.json")
	page, errors, code := d.run(t, "history", "web-01", "--html", "-")
	require.Equal(t, exitOK, code, errors)
	require.Contains(t, page, `content="default-src 'none'; style-src 'unsafe-inline'"`)
	require.Contains(t, page, `<html lang="en">`)
	allowed := strings.Fields("html head meta title style body header footer main section article h1 h2 h3 h4 p strong span br code pre time " +
		"table caption thead tbody tr th td details summary ol ul li")
	for _, m := range regexp.MustCompile(`<([a-zA-Z!][a-zA-Z0-9]*)`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, append(allowed, "!DOCTYPE"), m[1], "no script, no image, no link")
	}
	for _, m := range regexp.MustCompile(`<[a-z][^>]*\s([a-z-]+)=`).FindAllStringSubmatch(page, -1) {
		require.NotContains(t, []string{"src", "href", "style", "onerror", "onclick"}, m[1])
	}
	require.NotContains(t, page, "url(")
	require.Equal(t, strings.Count(page, "<th"), strings.Count(page, `<th scope=`)+strings.Count(page, "<thead"), "every head says what it heads")
	for _, text := range []string{
		"Who did what, when", "deploy the machine", "irreversible", "left behind", "mount volume data: changed by others", "refused (four_eyes)",
		"How to check this page yourself", "-----BEGIN SSH SIGNATURE-----", "sha256sum", "hash before", "sha256:" + strings.Repeat("ab", 32),
	} {
		require.Contains(t, strings.ToLower(page), strings.ToLower(text))
	}
	require.Equal(t, 6, strings.Count(page, "ssh-keygen -Y verify"))
}

// What is pasted from the page gives the bytes that were signed and hashed, and ssh-keygen says what we say.
func TestThePageIsCheckedAsItSays(t *testing.T) {
	t.Parallel()
	d := auditor(t, "done.json")
	page, _, _ := d.run(t, "history", "web-01", "--html", "-")
	unescape := strings.NewReplacer("&lt;", "<", "&#39;", "'", "&#43;", "+", "&gt;", ">", "&#34;", `"`, "&amp;", "&")
	var good, bad int
	var hashes []string
	for _, m := range regexp.MustCompile(`(?s)<pre>(base64 -d .*?)</pre>`).FindAllStringSubmatch(page, -1) {
		command := exec.CommandContext(t.Context(), "sh", "-c", unescape.Replace(m[1]))
		command.Dir = d.folder
		out, err := command.CombinedOutput()
		switch {
		case !strings.Contains(m[1], "ssh-keygen"):
			require.NoError(t, err)
			hashes = append(hashes, "sha256:"+strings.Fields(string(out))[0])
		case err == nil:
			require.Contains(t, string(out), `Good "decision@fermata" signature`)
			good++
		default:
			bad++
		}
	}
	require.Equal(t, 4, good, "all but the forged approval")
	require.Equal(t, 1, bad)
	r, err := recordOf(d.records.Entries[0])
	require.NoError(t, err)
	document, err := decision.Hash(r.Spec)
	require.NoError(t, err)
	require.Equal(t, []string{r.PlanHash, document, d.records.Entries[0].Hash}, hashes)

	d.records, d.err, d.progress = wire.RecordsOutput{}, nil, wire.Progress{}
	evidence(t, "open.json", &d.progress)
	page, _, _ = d.run(t, "history", "web-01", "--html", "-")
	require.Contains(t, page, "There is none yet: the run has not ended.")
	text := regexp.MustCompile(`(?s)<pre>(base64 -d &lt;&lt;[^<]*sha256sum.*?)</pre>`).FindStringSubmatch(page)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", unescape.Replace(text[1])).Output()
	require.NoError(t, err)
	require.Equal(t, r.PlanHash, "sha256:"+strings.Fields(string(out))[0])
}

func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	const hostile = "</pre><script>alert(1)</script>\x1b]0;owned\x07\u202eEND\nEND\n$(touch owned)'\""
	d := auditor(t, "done.json")
	d.forge(t, func(r *record.Record) {
		r.Run, r.Requester, r.Reason, r.Outcome = hostile, hostile, hostile, hostile
		r.LeftBehind, r.PlanHash = []string{hostile}, hostile
		var kept story.Kept
		if err := json.Unmarshal(r.Decisions, &kept); err != nil {
			panic(err)
		}
		for i := range kept.Decisions {
			j := &kept.Decisions[i]
			j.Signed = decision.Signed{Envelope: []byte(hostile), Signature: hostile}
			j.Via, j.Verdict.ReasonCode, j.Verdict.Reason, j.Verdict.Fingerprint, j.Verdict.Rule, j.Verdict.Policy = hostile, hostile, hostile, hostile, hostile, hostile
			j.Verdict.Envelope = decision.Envelope{Command: hostile, Person: hostile, Step: hostile, Reason: hostile, Hash: hostile, Change: hostile, Gate: hostile}
		}
		kept.Notices = []*wire.NoticeState{{ID: hostile, Event: hostile, Group: hostile, System: hostile, To: hostile, State: hostile, Reason: hostile}}
		kept.Policy = &wire.Governed{Policy: hostile, Rule: hostile, Change: hostile, Approved: hostile, Review: hostile, Notes: []string{hostile}}
		for into, from := range map[*json.RawMessage]any{
			&r.Decisions: kept,
			&r.Steps:     []wire.Step{{ID: hostile, Title: hostile, State: hostile, Started: &noon, Result: []string{hostile}, Reason: &fault.Reason{Text: hostile}}},
			&r.Plan:      wire.Plan{Resolved: []byte(`{}`), Changes: []wire.PlannedChange{{Title: hostile, Action: hostile, Object: hostile, Detail: []string{hostile}, Reversal: hostile}}},
			&r.Spec:      map[string]string{"x": hostile},
		} {
			data, err := json.Marshal(from)
			if err != nil {
				panic(err)
			}
			*into = data
		}
	})
	steering := func(r rune) bool {
		return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control))
	}
	for _, args := range [][]string{{"history", "web-01"}, {"history", "web-01", "-o", "json"}, {"history", "web-01", "-o", "yaml"}, {"history", "web-01", "--html", "-"}} {
		out, errors, code := d.run(t, args...)
		require.Equal(t, exitUnverified, code)
		require.False(t, strings.ContainsFunc(out+errors, steering), "%v", args)
		if slices.Contains(args, "--html") {
			require.NotContains(t, out, "<script")
			require.Contains(t, out, "&lt;script&gt;")
			require.Equal(t, strings.Count(out, "<pre"), strings.Count(out, "</pre>"))
			for _, m := range regexp.MustCompile(`(?s)<pre>(base64 -d .*?)</pre>`).FindAllStringSubmatch(out, -1) {
				require.Regexp(t, `(?s)^base64 -d [^\n]*\n[A-Za-z0-9+/=\n&#;]*END`, m[1], "nothing that a shell would run stands in what is pasted")
				require.NotRegexp(t, `(?m)^\$\(touch`, m[1])
			}
		}
	}
}

func TestHistoryWritesEvidence(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	run := client.NewRun()
	d.records, d.err = wire.RecordsOutput{Entries: []record.Entry{entryOf(t, run)}}, fault.New(fault.NotFound, "gone")
	out, _, code := d.run(t, "history", "web-01", "--envelopes", filepath.Join(d.folder, "my evidence"))
	require.Equal(t, exitUnverified, code, "what has no good signature is exported too")
	require.NotContains(t, out, "\x1b")
	require.Contains(t, out, "SHA256:x")
	require.Contains(t, out, `-I '$(touch owned)'\''`, "what is copied into a shell is quoted: %s", out)
	require.Contains(t, out, "my evidence/"+run+"-01.json.sig'")
	text, err := os.ReadFile(filepath.Join(d.folder, "my evidence", run+"-01.json"))
	require.NoError(t, err)
	require.JSONEq(t, `{"version":1}`, string(text))
}

func TestTimesAreUTC(t *testing.T) {
	t.Parallel()
	berlin := time.FixedZone("CET", 3600)
	local := noon.In(berlin)
	require.Equal(t, "2026-03-04 12:00:00", stamp(&local))
}

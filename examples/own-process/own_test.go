package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/crypto/ssh"

	"example.com/own-process/pagehttp"
	"example.com/own-process/publish"
	"example.com/own-process/statuspage"
	"fermata/activities/authority"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/decision"
	"fermata/integrations"
	"fermata/integrations/recordfolder"
	"fermata/wire"
	"fermata/worker"
)

const (
	alice    = "alice@example" // Asks.
	bob      = "bob@example"   // Decides.
	run      = "01J00000000000000000000000"
	target   = "banner/shop"
	document = `{"apiVersion":"example.com/v1","kind":"Banner","metadata":{"name":"shop"},"spec":{"text":"Closed on Sunday"}}`
)

// installation is a configuration on disk, with two people.
const installation = `apiVersion: fermata/v1
kind: Installation
metadata: {name: test}
spec:
  temporal: {address: "127.0.0.1:7233"}
  encryption: {active: k1, keys: [{id: k1, secret: "secret://file/payload-key"}]}
  decisions: {allowedSigners: allowed_signers}
  secrets: {file: {folder: secrets}}
  records: {folder: records}
  systems:
    - {name: status, type: pagehttp, config: {url: "PAGE/banners", token: "secret://file/token"}}
`

type house struct {
	*testsuite.TestWorkflowEnvironment
	page   *emulated
	people map[string]ssh.Signer
	folder string
	said   []wire.DecideResult
}

type secrets string

func (s secrets) Resolve(context.Context, secret.Ref) (secret.Value, error) {
	return secret.NewValue([]byte(s)), nil
}

func setup(t *testing.T) *house {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	h := &house{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), page: newPage(t), people: map[string]ssh.Signer{}, folder: t.TempDir()}
	h.SetTestTimeout(30 * time.Second)
	h.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: target, TaskQueue: wire.Queue})
	var lines strings.Builder
	for _, name := range []string{alice, bob} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		h.people[name], err = ssh.NewSignerFromKey(key)
		require.NoError(t, err)
		lines.WriteString(name + " " + string(ssh.MarshalAuthorizedKey(h.people[name].PublicKey())))
	}
	h.write(t, "allowed_signers", lines.String())
	h.write(t, "fermata.yaml", strings.ReplaceAll(installation, "PAGE", h.page.URL))
	require.NoError(t, os.Mkdir(filepath.Join(h.folder, "records"), 0o700))
	register := func(name string, f any) { h.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	authority.NewActivities(authority.Files{Cluster: "test", Namespace: "default", AllowedSigners: filepath.Join(h.folder, "allowed_signers")}, h.Now).Register(register)
	store, err := recordfolder.New(filepath.Join(h.folder, "records"))
	require.NoError(t, err)
	record.NewActivities(store).Register(register)
	statuspage.NewActivities(map[string]statuspage.Page{"status": h.open(t, strings.TrimPrefix(token, "Bearer "))}).Register(register)
	publish.Register(func(name string, f any) { h.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name}) })
	return h
}

func (h *house) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(h.folder, name), []byte(text), 0o600))
}

func (h *house) open(t *testing.T, token string) statuspage.Page {
	t.Helper()
	cfg, err := config.Load(filepath.Join(h.folder, "fermata.yaml"))
	require.NoError(t, err)
	system, err := pagehttp.Integration().Open(t.Context(), integrations.Environment{Secrets: secrets(token)}, cfg.Systems[0])
	require.NoError(t, err)
	t.Cleanup(func() { _ = system.Close(context.Background()) })
	return system.(statuspage.Page)
}

func (h *house) sign(t *testing.T, person string, e decision.Envelope) decision.Signed {
	t.Helper()
	now := h.Now().UTC().Truncate(time.Second)
	e.Version, e.Cluster, e.Namespace, e.WorkflowID, e.Person, e.Run = decision.Version, "test", "default", target, person, run
	e.Issued, e.Expires = now, now.Add(10*time.Minute)
	signed, err := decision.Sign(e, h.people[person])
	require.NoError(t, err)
	return signed
}

// say lets a person decide, so long after the start.
func (h *house) say(t *testing.T, after time.Duration, person string, c decision.Command) {
	t.Helper()
	h.RegisterDelayedCallback(func() {
		value, err := h.QueryWorkflow(wire.QueryProgress)
		require.NoError(t, err)
		var p wire.Progress
		require.NoError(t, value.Get(&p))
		gate, open := p.Gate(c, "banner")
		require.True(t, open, "%s: a gate takes %q", p.Phase, c)
		e := decision.Envelope{Gate: gate.ID, Nonce: gate.Nonce, Command: c, Hash: gate.Hash}
		h.UpdateWorkflow(wire.UpdateDecide, person+string(c), &testsuite.TestUpdateCallback{
			OnAccept: func() {}, OnReject: func(err error) { require.NoError(t, err) },
			OnComplete: func(result any, err error) {
				require.NoError(t, err)
				h.said = append(h.said, result.(wire.DecideResult))
			},
		}, wire.Decide{Signed: h.sign(t, person, e)})
	}, after)
}

// carry starts the run that alice asks for, and waits for its end.
func (h *house) carry(t *testing.T) wire.StartOutput {
	t.Helper()
	hash, err := decision.Hash(json.RawMessage(document))
	require.NoError(t, err)
	h.ExecuteWorkflow(publish.Type, wire.StartInput{Run: run, Document: json.RawMessage(document), Start: h.sign(t, alice, decision.Envelope{
		Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash,
	})})
	require.NoError(t, h.GetWorkflowError())
	var out wire.StartOutput
	require.NoError(t, h.GetWorkflowResult(&out))
	return out
}

func TestABannerIsPublishedOnceSomebodyElseAgreed(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.say(t, time.Minute, alice, decision.Approve)
	h.RegisterDelayedCallback(func() { require.Empty(t, h.page.on("shop"), "nobody else agreed yet") }, 2*time.Minute)
	h.say(t, 3*time.Minute, bob, decision.Approve)
	out := h.carry(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	require.Equal(t, []string{"four_eyes", "accepted"}, []string{h.said[0].Code, h.said[1].Code})
	require.Equal(t, kept{"Closed on Sunday", run + "/banner/shop"}, h.page.on("shop"))
	require.NotEmpty(t, out.Record)
}

func TestAnothersBannerStaysAsItIs(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.page.put("shop", kept{"Under construction", "another's"})
	out := h.carry(t)
	require.Equal(t, wire.Refused, out.Outcome)
	require.Contains(t, out.Reason, "Under construction")
	require.Equal(t, kept{"Under construction", "another's"}, h.page.on("shop"))
}

func TestUndoTakesTheBannerAway(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.page.denies(true) // The banner is made, and the answer says that it is not.
	h.say(t, time.Minute, bob, decision.Approve)
	h.RegisterDelayedCallback(func() { require.NotEmpty(t, h.page.on("shop")) }, 2*time.Minute)
	h.say(t, 3*time.Minute, alice, decision.Undo)
	out := h.carry(t)
	require.Equal(t, wire.Undone, out.Outcome, out.Reason)
	require.Empty(t, out.LeftBehind)
	require.Empty(t, h.page.on("shop"))
}

func TestThePort(t *testing.T) {
	t.Parallel()
	h := setup(t)
	page, ctx := h.open(t, "open-sesame"), t.Context()
	mine := statuspage.Banner{Name: "a/b", Text: "x", Op: operation.Op{Key: operation.Key{Run: run, Step: "banner", Target: "a"}}}
	others := mine
	others.Op.Key.Run, others.Text = "01J00000000000000000000001", "y"
	require.NoError(t, page.Check(ctx))
	for range 2 { // The second finds what the first made.
		_, err := page.Ensure(ctx, mine)
		require.NoError(t, err)
	}
	_, err := page.Ensure(ctx, others)
	require.ErrorContains(t, err, "409")
	_, err = page.Remove(ctx, others)
	require.NoError(t, err)
	there, err := page.Find(ctx, mine)
	require.NoError(t, err)
	require.Equal(t, "x", there.Text)
	for range 2 {
		_, err = page.Remove(ctx, mine)
		require.NoError(t, err)
	}
	_, err = page.Find(ctx, mine)
	require.ErrorContains(t, err, "404")
	err = h.open(t, "hunter2").Check(ctx)
	require.ErrorContains(t, err, "401")
	require.NotContains(t, err.Error(), "hunter2")
}

// The worker is Fermata's own with more to serve: its configuration may name a status page, and it can be asked for its queue.
func TestTheWorkerKnowsTheAdditions(t *testing.T) {
	t.Parallel()
	h := setup(t)
	cfg, err := config.Load(filepath.Join(h.folder, "fermata.yaml"))
	require.NoError(t, err)
	_, err = worker.New(worker.Config{Installation: cfg, Serve: []string{statuspage.Capability, worker.Workflows}}, options()...)
	require.NoError(t, err)
	_, err = worker.New(worker.Config{Installation: cfg})
	require.ErrorContains(t, err, `of type "pagehttp", for which there is no integration`)
	var said bytes.Buffer
	require.Zero(t, worker.Main(t.Context(), []string{"own-process", "--help"}, &said, io.Discard, options()...))
	require.Contains(t, said.String(), "--serve")
	file := filepath.Join(h.folder, "fermata.yaml")
	require.Equal(t, 2, worker.Main(t.Context(), []string{"own-process", "--config", file, "--serve", "banners"}, io.Discard, &said, options()...))
	require.Contains(t, said.String(), `nothing is called "banners"`)
	require.Contains(t, said.String(), statuspage.Capability)
}

func TestClearTextIsRefused(t *testing.T) {
	t.Parallel()
	h := setup(t)
	h.write(t, "fermata.yaml", strings.ReplaceAll(installation, "PAGE", "http://status.example"))
	cfg, err := config.Load(filepath.Join(h.folder, "fermata.yaml"))
	require.NoError(t, err)
	_, err = pagehttp.Integration().Open(t.Context(), integrations.Environment{}, cfg.Systems[0])
	require.ErrorContains(t, err, "clear text")
}

// Lines of code: what is neither blank nor a comment alone.
func TestItIsShort(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	deeper, err := filepath.Glob("*/*.go")
	require.NoError(t, err)
	lines := 0
	for _, file := range append(files, deeper...) {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				lines++
			}
		}
	}
	require.Greater(t, lines, 100)
	require.Less(t, lines, 200)
}

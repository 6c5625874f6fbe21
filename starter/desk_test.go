package starter

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/activities/record"
	"fermata/client"
	"fermata/decision"
	"fermata/encryption"
	"fermata/spec"
	"fermata/wire"
)

// fake answers like a client. It is for what the command line does with answers; whether they are right is tested on the
// embedded server.
type fake struct {
	progress  wire.Progress
	err       error // Of Progress.
	preview   wire.Preview
	runs      []client.Summary
	records   wire.RecordsOutput
	result    wire.DecideResult
	guard     wire.GuardState
	missing   map[string]string
	used      map[string]int // Of KeysInUse.
	findings  []wire.Observation
	managed   bool // The records know the server.
	compared  wire.Comparison
	busy      int // How often Start finds the target busy.
	decisions []client.Decision
	people    []string
	asked     []wire.SystemRef
}

func (f *fake) Ask(_ context.Context, server *spec.Server) (client.Request, error) {
	if f.managed {
		return client.Change(server)
	}
	return client.Provision(server)
}

func (f *fake) Compare(context.Context, string) (wire.Comparison, error) { return f.compared, f.err }

func (f *fake) Plan(context.Context, client.Request) (wire.Preview, error) { return f.preview, nil }

func (f *fake) Start(_ context.Context, r client.Request, p client.Person) (client.Started, error) {
	if f.busy > 0 {
		f.busy--
		return client.Started{}, fault.New(fault.Conflict, "%s is busy", r.WorkflowID())
	}
	f.people = append(f.people, p.Name)
	return client.Started{WorkflowID: r.WorkflowID(), Run: f.progress.Run}, nil
}

func (f *fake) Decide(_ context.Context, d client.Decision, p client.Person) (wire.DecideResult, error) {
	f.decisions, f.people = append(f.decisions, d), append(f.people, p.Name)
	return f.result, nil
}

func (f *fake) Progress(context.Context, string, string) (wire.Progress, error) {
	return f.progress, f.err
}

func (f *fake) Watch(ctx context.Context, _, _ string, show func(wire.Progress), away func(error)) (wire.Progress, error) {
	if f.err != nil {
		return wire.Progress{}, f.err
	}
	show(f.progress)
	away(fault.New(fault.Unavailable, "gone"))
	away(fault.New(fault.Unavailable, "still gone"))
	show(f.progress)
	if f.progress.Phase == wire.Ended {
		return f.progress, nil
	}
	<-ctx.Done()
	return f.progress, ctx.Err()
}

func (f *fake) List(context.Context, client.Filter) ([]client.Summary, error) { return f.runs, nil }
func (f *fake) Open(context.Context, string) (bool, error)                    { return false, nil }

func (f *fake) Records(context.Context, record.FindInput, bool) (wire.RecordsOutput, error) {
	return f.records, nil
}

func (f *fake) Check(_ context.Context, refs []wire.SystemRef) ([]wire.Observation, error) {
	f.asked = refs
	return f.findings, nil
}

func (f *fake) KeysInUse(context.Context) (map[string]int, error) { return f.used, f.err }

func (f *fake) MissingAttributes(context.Context) (map[string]string, error) { return f.missing, nil }

func (f *fake) Automation(context.Context) (wire.GuardState, error) { return f.guard, f.err }

func (f *fake) StopAutomation(_ context.Context, reason string, p client.Person) (wire.DecideResult, error) {
	return f.Decide(context.Background(), client.Decision{Command: decision.StopAutomation, Reason: reason}, p)
}

func (f *fake) ResumeAutomation(_ context.Context, reason string, p client.Person) (wire.DecideResult, error) {
	return f.Decide(context.Background(), client.Decision{Command: decision.ResumeAutomation, Reason: reason}, p)
}

func (f *fake) Close() {}

// desk is an installation on disk with one person, and a server that is faked.
type desk struct {
	*fake
	folder, config, key string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	folder := t.TempDir()
	d := &desk{
		fake:   &fake{progress: trees()["waiting"], result: wire.DecideResult{Accepted: true, Code: decision.CodeAccepted}},
		folder: folder, config: filepath.Join(folder, "fermata.yaml"), key: filepath.Join(folder, "key"),
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	require.NoError(t, err)
	authorized, err := ssh.NewPublicKey(public)
	require.NoError(t, err)
	payload, err := encryption.GenerateKey("k1")
	require.NoError(t, err)
	d.write(t, "key", string(pem.EncodeToMemory(block)))
	d.write(t, "allowed_signers", "bob@estate.test "+string(ssh.MarshalAuthorizedKey(authorized)))
	require.NoError(t, os.Mkdir(filepath.Join(folder, "secrets"), 0o700))
	d.write(t, "secrets/payload", payload.Encode())
	d.write(t, "policy.yaml", policy)
	d.write(t, "fermata.yaml", installation)
	return d
}

const installation = `apiVersion: fermata/v1
kind: Installation
metadata: {name: lab}
spec:
  temporal: {address: 127.0.0.1:1, namespace: fermata}
  encryption: {active: k1, keys: [{id: k1, secret: secret://file/payload}]}
  decisions: {allowedSigners: allowed_signers, policy: policy.yaml}
  secrets: {file: {folder: secrets}}
  records: {folder: records}
  systems:
    - {name: vcenter, type: vsphere}
    - {name: own, type: homemade}
`

const policy = `apiVersion: fermata/v1
kind: Policy
metadata: {name: lab}
spec:
  groups:
    people: {members: [bob@estate.test, carol@estate.test]}
    carol: {members: [carol@estate.test]}
  rules:
    - {name: all, may: {start: [people], approve: [people], operate: [people], purge: [carol]}}
`

func (d *desk) write(t *testing.T, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(d.folder, name), []byte(text), 0o600))
}

// run types a command and returns what stands on the two outputs, and the exit code.
func (d *desk) run(t *testing.T, args ...string) (out, errors string, code int) {
	t.Helper()
	return d.runWith(t.Context(), t, args...)
}

// runWith is run for a command that is interrupted.
func (d *desk) runWith(ctx context.Context, t *testing.T, args ...string) (out, errors string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	app := New()
	app.Writer, app.ErrWriter = &stdout, &stderr
	app.Metadata[dialKey] = dialer(func(context.Context, client.Options) (runs, error) { return d.fake, nil })
	words := append([]string{"fermata", "--config", d.config, "--key", d.key}, args...)
	err := app.RunContext(ctx, Arrange(app, words))
	code = ExitCode(&stderr, err)
	return stdout.String(), stderr.String(), code
}

func (d *desk) planned(t *testing.T) string {
	t.Helper()
	p := previewOf()
	p.Observations = p.Observations[:1]
	var err error
	p.Hash, err = p.Plan.Hash()
	require.NoError(t, err)
	d.progress.Preview = &p
	return p.Hash
}

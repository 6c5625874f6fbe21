// Package authority judges signed decisions inside activities, so that clocks, keys and policy files never touch replay.
package authority

import (
	"context"
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/decision"
)

// Activity types.
const (
	activityOpenGate = "authority.OpenGate"
	activityJudge    = "authority.Judge"
	activityTerms    = "authority.Terms"
)

// Policies gives the policy in force now. Unavailable: the files cannot be read; nothing is decided then.
type Policies interface {
	Policy(ctx context.Context) (*decision.Policy, error)
}

// Activities judge decisions. They run as local activities of the workflow worker: they read, and a repeat is harmless.
type Activities struct {
	policies Policies
	now      func() time.Time
}

// NewActivities judges by the policies at the time that now returns.
func NewActivities(p Policies, now func() time.Time) *Activities {
	return &Activities{policies: p, now: now}
}

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityOpenGate, a.OpenGate)
	register(activityJudge, a.Judge)
	register(activityTerms, a.Terms)
	register(activityJudgeMember, a.JudgeMember)
}

// OpenGateInput asks for OpenGate.
type OpenGateInput struct {
	Gate string `json:"gate"`
}

// OpenGateOutput answers OpenGate.
type OpenGateOutput struct {
	Nonce     string `json:"nonce"`   // Random; a decision must carry it, so none can be made before the gate opened.
	Cluster   string `json:"cluster"` // What a decision must name.
	Namespace string `json:"namespace"`
}

// JudgeInput asks for Judge.
type JudgeInput struct {
	Signed      decision.Signed      `json:"signed"`
	Expectation decision.Expectation `json:"expectation"`
}

// JudgeOutput answers Judge.
type JudgeOutput struct {
	Verdict decision.Verdict `json:"verdict"`
	Terms   *decision.Terms  `json:"terms,omitempty"` // What the policy says of such a run now; nil without a policy file.
}

// TermsInput asks for Terms.
type TermsInput struct {
	Facts decision.Facts `json:"facts"`
}

// TermsOutput answers Terms.
type TermsOutput struct {
	Terms *decision.Terms `json:"terms,omitempty"` // Nil without a policy file.
}

// OpenGate draws a gate's nonce.
func (a *Activities) OpenGate(ctx context.Context, _ OpenGateInput) (OpenGateOutput, error) {
	p, err := a.policies.Policy(ctx)
	if err != nil {
		return OpenGateOutput{}, fault.ForTemporal(err)
	}
	return OpenGateOutput{Nonce: decision.NewNonce(), Cluster: p.Cluster, Namespace: p.Namespace}, nil
}

// Judge says whether a decision counts for a gate.
func (a *Activities) Judge(ctx context.Context, in JudgeInput) (JudgeOutput, error) {
	p, err := a.policies.Policy(ctx)
	if err != nil {
		return JudgeOutput{}, fault.ForTemporal(err)
	}
	verdict, facts := p.Judge(in.Signed, in.Expectation, a.now()), in.Expectation.Facts
	if verdict.Envelope.Command == decision.Start {
		facts.Emergency = verdict.Envelope.Change == decision.ChangeEmergency
	}
	return JudgeOutput{Verdict: verdict, Terms: p.Terms(facts, in.Expectation.Commands...)}, nil
}

// Terms says what the policy has for a run.
func (a *Activities) Terms(ctx context.Context, in TermsInput) (TermsOutput, error) {
	p, err := a.policies.Policy(ctx)
	if err != nil {
		return TermsOutput{}, fault.ForTemporal(err)
	}
	return TermsOutput{Terms: p.Terms(in.Facts)}, nil
}

// OpenGate draws a gate's nonce.
func OpenGate(ctx workflow.Context, in OpenGateInput) (OpenGateOutput, error) {
	return operation.CallLocal[OpenGateOutput](ctx, activityOpenGate, in)
}

// The pauses between two looks for the policy's files. They grow, so that a week without the files fills no history.
const (
	firstPause   = time.Minute
	longestPause = 10 * time.Minute
)

// OpenGateAtLast is OpenGate for who cannot do without: it waits for the policy's files to come back, since without them nobody
// could decide. It gives up only when ctx is cancelled.
func OpenGateAtLast(ctx workflow.Context, in OpenGateInput) (OpenGateOutput, error) {
	opened, err := OpenGate(ctx, in)
	for pause := firstPause; err != nil; pause = min(2*pause, longestPause) {
		workflow.GetLogger(ctx).Warn("opening a gate", "gate", in.Gate, "error", err)
		if stopped := workflow.Sleep(ctx, pause); stopped != nil {
			return OpenGateOutput{}, fmt.Errorf("opening gate %q: %w", in.Gate, stopped)
		}
		opened, err = OpenGate(ctx, in)
	}
	return opened, nil
}

// Judge says whether a decision counts for a gate.
func Judge(ctx workflow.Context, in JudgeInput) (JudgeOutput, error) {
	return operation.CallLocal[JudgeOutput](ctx, activityJudge, in)
}

// Terms says what the policy has for a run.
func Terms(ctx workflow.Context, in TermsInput) (TermsOutput, error) {
	return operation.CallLocal[TermsOutput](ctx, activityTerms, in)
}

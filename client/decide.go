package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	temporal "go.temporal.io/sdk/client"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// Decision is what a person wants of a run.
type Decision struct {
	WorkflowID string
	Command    decision.Command
	Step       string // Of retry and skip; empty if only one step is held.
	Reason     string
	// Run is the ULID of the run that is meant; if another run holds the target meanwhile, nothing is sent. Empty: whichever
	// holds it.
	Run string
	// Hash is of the plan that the person was shown, computed by Hash; a run whose gate asks for another refuses.
	// Empty: whatever the gate asks for, for commands that are not about a plan.
	Hash string
}

// Hash computes the hash of a plan from what is shown, so that a person signs what they saw and not what they were told.
func Hash(p wire.Plan) (string, error) { return p.Hash() }

// Decide signs a command and sends it. The result says whether it counted; an error, that it was not delivered.
func (c *Client) Decide(ctx context.Context, d Decision, p Person) (wire.DecideResult, error) {
	progress, err := c.Progress(ctx, d.WorkflowID, "")
	if err != nil {
		return wire.DecideResult{}, err
	}
	if d.Run != "" && progress.Run != d.Run {
		return wire.DecideResult{}, fault.New(fault.Conflict, "run %s no longer holds %s, run %s does: nothing was sent", d.Run, d.WorkflowID, progress.Run)
	}
	gate, open := progress.Gate(d.Command, d.Step)
	if !open {
		return wire.DecideResult{}, fault.New(fault.Conflict, "%s waits for nothing that %q answers: it is %s%s",
			d.WorkflowID, d.Command, State(progress), waits(progress))
	}
	signed, err := c.Sign(progress, gate, d, p)
	if err != nil {
		return wire.DecideResult{}, err
	}
	return c.Send(ctx, d.WorkflowID, signed)
}

// Sign makes the signed envelope of a decision for a gate, without sending it.
func (c *Client) Sign(progress wire.Progress, gate wire.Gate, d Decision, p Person) (decision.Signed, error) {
	hash := d.Hash
	if hash == "" {
		hash = gate.Hash
	}
	step := ""
	if d.Command == decision.Retry || d.Command == decision.Skip {
		step = gate.Step
	}
	return c.sign(decision.Envelope{
		WorkflowID: d.WorkflowID, Run: progress.Run, Gate: gate.ID, Nonce: gate.Nonce,
		Command: d.Command, Hash: hash, Step: step, Reason: d.Reason,
	}, p)
}

// notReadyFor is how many times, a second apart, a decision is sent to a run whose workflow tasks fail for the moment.
const notReadyFor = 30

// Send delivers a decision that was signed already.
func (c *Client) Send(ctx context.Context, workflowID string, signed decision.Signed) (wire.DecideResult, error) {
	if _, err := decision.Parse(signed.Envelope); err != nil {
		return wire.DecideResult{}, fault.Wrap(fault.Invalid, err, "reading the envelope")
	}
	var handle temporal.WorkflowUpdateHandle
	var err error
	for range notReadyFor {
		handle, err = c.temporal.UpdateWorkflow(ctx, temporal.UpdateWorkflowOptions{
			WorkflowID: workflowID, UpdateID: updateID(signed), UpdateName: wire.UpdateDecide, Args: []any{wire.Decide{Signed: signed}},
			WaitForStage: temporal.WorkflowUpdateStageCompleted,
		})
		var notReady *serviceerror.WorkflowNotReady
		if !errors.As(err, &notReady) {
			break
		}
		select { // Its workers are dying or busy. Sent again under the same id, the decision is taken once.
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	if err != nil {
		return wire.DecideResult{}, translate(err, "sending the decision")
	}
	var result wire.DecideResult
	if err := handle.Get(ctx, &result); err != nil {
		return wire.DecideResult{}, translate(err, "sending the decision")
	}
	return result, nil
}

// updateID is the name under which a decision is sent: sent again, it is answered again. Temporal answers every update of that
// name alike, so the signature is part of it: a forgery of an envelope must not be what the good one is answered with.
func updateID(s decision.Signed) string {
	h := sha256.New()
	h.Write(s.Envelope)
	h.Write([]byte{0}) // No canonical envelope has one.
	h.Write([]byte(s.Signature))
	return hex.EncodeToString(h.Sum(nil))
}

// State says where a run is, in words: "it is running", "it is in its grace period".
func State(p wire.Progress) string {
	switch p.Phase {
	case wire.Ended:
		return string(p.Outcome)
	case wire.Grace:
		return "in its grace period"
	default:
		return string(p.Phase)
	}
}

func waits(p wire.Progress) string {
	text := ""
	for _, g := range p.Gates {
		if g.ID != "run" {
			text += fmt.Sprintf("; it waits at %q for %v", g.ID, g.Commands)
		}
	}
	return text
}

package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/decision"
	"fermata/wire"
)

// glance is how often people look.
const glance = 300 * time.Millisecond

// every calls look until it reports that it is done, or ctx is.
func every(ctx context.Context, d time.Duration, look func() bool) error {
	ticker := time.NewTicker(d)
	defer ticker.Stop()
	for {
		if look() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// begin starts a run. Temporal may be dead, or die before it answers: then the run that holds the target is ours.
func (b *bench) begin(ctx context.Context, r client.Request) (started client.Started, err error) {
	waiting := every(ctx, glance, func() bool {
		started, err = b.Client.Start(ctx, r, b.Requester)
		if err != nil && fault.Is(err, fault.Conflict) {
			var p wire.Progress
			if p, err = b.Client.Progress(ctx, r.WorkflowID(), ""); err == nil && p.Phase != wire.Ended {
				started = client.Started{WorkflowID: r.WorkflowID(), Run: p.Run}
				return true
			}
			return false
		}
		return err == nil
	})
	if waiting != nil {
		return started, fmt.Errorf("starting %s: %w (%w)", r.WorkflowID(), err, waiting)
	}
	return started, nil
}

// state reads where a run is without asking a worker. Ended runs have the state of their outcome.
func (b *bench) state(ctx context.Context, started client.Started) (state string, open bool, err error) {
	d, err := b.Client.Temporal().DescribeWorkflowExecution(ctx, started.WorkflowID, started.RunID)
	if err != nil {
		return "", true, err
	}
	info := d.GetWorkflowExecutionInfo()
	data := info.GetSearchAttributes().GetIndexedFields()[wire.AttributeState.GetName()].GetData()
	if err := json.Unmarshal(data, &state); err != nil {
		return "", true, err
	}
	return state, info.GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// deeds are what people do for a run, besides approving it.
type deeds struct {
	held func(wire.Progress) client.Decision // What the requester says when a step is held.
	look func()                              // Done at each glance.
}

// attend carries a run to its end. One that is refused because a system did not answer while it planned has done nothing;
// people start it again.
func (b *bench) attend(ctx context.Context, r client.Request, d deeds) (out wire.StartOutput, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if out, err = b.once(ctx, r, d); err != nil || out.Outcome != wire.Refused {
			return out, err
		}
		b.refused.Add(1)
	}
}

// once does what people do for a run, until it has ended.
func (b *bench) once(ctx context.Context, r client.Request, d deeds) (out wire.StartOutput, err error) {
	started, err := b.begin(ctx, r)
	if err != nil {
		return out, err
	}
	last := ""
	err = every(ctx, glance, func() bool {
		state, open, err := b.state(ctx, started)
		if err != nil {
			return false
		}
		last = state
		if open {
			b.act(ctx, started, wire.Phase(state), d)
		}
		return !open
	})
	if err != nil {
		return out, b.stuck(started, last, err)
	}
	err = every(ctx, glance, func() bool {
		return b.Client.Temporal().GetWorkflow(ctx, started.WorkflowID, started.RunID).Get(ctx, &out) == nil
	})
	return out, err
}

// act does once what a person would do now. If it is not heard, the state stays and it is done again.
func (b *bench) act(ctx context.Context, started client.Started, phase wire.Phase, d deeds) {
	if d.look != nil {
		d.look()
	}
	if phase != wire.Waiting && (phase != wire.Held || d.held == nil) {
		return
	}
	p, err := b.Client.Progress(ctx, started.WorkflowID, started.RunID)
	if err != nil || p.Phase != phase {
		return
	}
	if phase == wire.Held {
		_, _ = b.Client.Decide(ctx, d.held(p), b.Requester)
		return
	}
	if hash, err := client.Hash(p.Preview.Plan); err == nil {
		_, _ = b.Client.Decide(ctx, client.Decision{WorkflowID: p.WorkflowID, Command: decision.Approve, Hash: hash}, b.Approver)
	}
}

// stuck says where a run is that did not end.
func (b *bench) stuck(started client.Started, state string, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	text := fmt.Sprintf("%s is %q and does not end", started.WorkflowID, state)
	p, progressErr := b.Client.Progress(ctx, started.WorkflowID, started.RunID)
	if progressErr != nil {
		return fmt.Errorf("%s, nor does it answer (%w): %w", text, progressErr, err)
	}
	for _, s := range p.Steps {
		if s.State != wire.StepDone && s.State != wire.StepWaiting && s.State != wire.StepUndone {
			text += fmt.Sprintf("; step %s %s, attempt %d, %v", s.ID, s.State, s.Attempt, s.Reason)
		}
	}
	return fmt.Errorf("%s: %w", text, err)
}

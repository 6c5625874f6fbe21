package client

import (
	"context"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	temporal "go.temporal.io/sdk/client"

	"fermata/activities/fault"
	"fermata/wire"
)

const (
	// lookEvery is how often it is asked whether a worker is there, while its answer is waited for.
	lookEvery = 3 * time.Second
	// looksInVain is how often nobody is there before that is believed: Temporal forgets at its restart who polls, and
	// workers come back within ten seconds.
	looksInVain = 4
)

// await waits for the answer of a workflow that only reads. Where no worker is there to give it, it says so and ends the
// workflow: a person would wait in vain, and a worker that comes later would answer nobody.
func (c *Client) await(ctx context.Context, handle temporal.WorkflowRun, out any, doing string) error {
	getting, enough := context.WithCancel(ctx)
	defer enough()
	got := make(chan error, 1)
	go func() { got <- handle.Get(getting, out) }()
	ticker := time.NewTicker(c.lookEvery)
	defer ticker.Stop()
	for inVain := 0; inVain < looksInVain; {
		select {
		case err := <-got:
			return translate(err, doing)
		case <-ticker.C:
		}
		if inVain++; c.attended(ctx) {
			inVain = 0
		}
	}
	enough()
	if err := <-got; err == nil {
		return nil // It came at the last moment.
	}
	_ = c.temporal.TerminateWorkflow(ctx, handle.GetID(), handle.GetRunID(), "nobody waits for it")
	return fault.New(fault.Unavailable, "%s: %s", doing, unattended)
}

// unattended is what a person is told.
var unattended = fmt.Sprintf("no worker serves queue %s: start one with fermata-worker --serve workflows", wire.Queue)

// slack is how far the clocks of this machine and of Temporal's may differ.
const slack = 2 * time.Second

// attendedSince is attended for a question that had no answer since asked. A worker that lives takes a question at once and
// then polls anew; where nobody polled since, it need not be known for a minute that the last poll was long ago.
func (c *Client) attendedSince(ctx context.Context, asked time.Time) bool {
	if time.Since(asked) < longUnanswered {
		return c.attended(ctx)
	}
	polled, err := PolledSince(ctx, c.temporal.WorkflowService(), c.namespace, wire.Queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW, asked.Add(-slack))
	return err != nil || polled
}

// longUnanswered is somewhat less than the SDK waits for an answer.
const longUnanswered = 8 * time.Second

// attended reports whether a worker serves workflows. Where that cannot be found out, the answer is still waited for.
func (c *Client) attended(ctx context.Context) bool {
	polled, err := Polled(ctx, c.temporal.WorkflowService(), c.namespace, wire.Queue, enumspb.TASK_QUEUE_TYPE_WORKFLOW)
	return err != nil || polled
}

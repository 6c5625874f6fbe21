package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/temporal"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/wire"
)

// Progress asks a run where it is. runID is Temporal's; empty: the latest. NotFound: there is no such run, or its history
// has expired: see Records.
func (c *Client) Progress(ctx context.Context, workflowID, runID string) (wire.Progress, error) {
	asked := time.Now()
	value, err := c.temporal.QueryWorkflow(ctx, workflowID, runID, wire.QueryProgress)
	if err != nil {
		err = translate(err, "asking "+workflowID)
		if !fault.Is(err, fault.NotFound) && !c.attendedSince(ctx, asked) {
			err = fault.New(fault.Unavailable, "asking %s: %s", workflowID, unattended)
		}
		return wire.Progress{}, err
	}
	var p wire.Progress
	if err := value.Get(&p); err != nil {
		return wire.Progress{}, fmt.Errorf("reading the progress of %s (is the encryption key the right one?): %w", workflowID, err)
	}
	if p.Phase != wire.Ended {
		c.addInFlight(ctx, workflowID, runID, &p)
	}
	return p, nil
}

// addInFlight fills in what only Temporal knows of activities in flight: attempts, the last failure, who does it.
func (c *Client) addInFlight(ctx context.Context, workflowID, runID string, p *wire.Progress) {
	d, err := c.temporal.DescribeWorkflowExecution(ctx, workflowID, runID)
	if err != nil {
		return // It is an addition; the progress itself is known.
	}
	for _, a := range d.GetPendingActivities() {
		i := slices.IndexFunc(p.Steps, func(s wire.Step) bool { return s.ID == operation.StepOf(a.GetActivityId()) })
		if i < 0 {
			continue
		}
		step := &p.Steps[i]
		of := converter.ActivitySerializationContext{Namespace: c.namespace, WorkflowID: workflowID, ActivityType: a.GetActivityType().GetName()}
		step.Attempt = int(a.GetAttempt())
		step.Doing = c.doing(of, a.GetHeartbeatDetails())
		if f := a.GetLastFailure(); f != nil && step.Reason == nil {
			reason := fault.FromTemporal(converter.WithFailureConverterSerializationContext(c.failures, of).FailureToError(f))
			step.Reason = &reason
		}
		step.NoWorker = c.unserved(ctx, a, time.Now())
		if a.GetState() == enumspb.PENDING_ACTIVITY_STATE_SCHEDULED && a.GetAttempt() <= 1 && a.GetLastFailure() == nil {
			step.Doing = "waiting for a worker that does " + a.GetActivityType().GetName()
		}
	}
}

// doing is what an activity in flight says that it does.
func (c *Client) doing(of converter.SerializationContext, details *commonpb.Payloads) string {
	var note struct {
		Text string `json:"text"`
	}
	if details == nil || converter.WithDataConverterSerializationContext(c.data, of).FromPayloads(details, &note) != nil {
		return ""
	}
	return note.Text
}

// Watch calls show with each state of a run that differs from the one before, until it has ended or ctx is done. When the
// server cannot be reached it says so through away and goes on as soon as it can.
func (c *Client) Watch(ctx context.Context, workflowID, runID string, show func(wire.Progress), away func(error)) (wire.Progress, error) {
	var last wire.Progress
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		p, err := c.Progress(ctx, workflowID, runID)
		switch {
		case err == nil:
			show(p)
			last = p
			if p.Phase == wire.Ended {
				return p, nil
			}
		case last.Run == "" && lasting(err):
			return last, err
		case ctx.Err() == nil:
			away(err)
		}
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-ticker.C:
		}
	}
}

// lasting reports whether asking again would be answered alike: there is no such run or namespace, or it is nobody's business.
func lasting(err error) bool {
	return fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.Unauthorized)
}

const watchEvery = 500 * time.Millisecond

// Summary is one run in a list.
type Summary struct {
	WorkflowID string     `json:"workflow_id"`
	RunID      string     `json:"temporal_run"`
	Run        string     `json:"run"`
	Kind       string     `json:"kind"`
	Target     string     `json:"target"`
	State      string     `json:"state"`
	Site       string     `json:"site,omitempty"`
	Requester  string     `json:"requester,omitempty"`
	Held       []string   `json:"held,omitempty"`
	WaitingFor []string   `json:"waiting_for,omitempty"`
	Started    time.Time  `json:"started"`
	Closed     *time.Time `json:"closed,omitempty"`
}

// Filter chooses runs.
type Filter struct {
	Open  bool   // Only those that go on.
	State string // Only those in this state (see wire.Phase and wire.Outcome).
	Kind  string
	Run   string // Only the run with this ULID.
	Limit int    // At most so many, newest first; 0: 100.
}

// page is how many runs Temporal is asked for at once; it gives no more unless it is told to.
const page = 1000

// Kinds are the workflow types of runs that Fermata comes with.
func Kinds() []string {
	return []string{
		wire.ProvisionServer, wire.ChangeServer, wire.DecommissionServer, wire.ProvisionFleet,
		wire.ProvisionInstance, wire.DecommissionInstance, wire.RotateDatabasePassword,
	}
}

// List returns runs, newest first.
func (c *Client) List(ctx context.Context, f Filter) ([]Summary, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	var out []Summary
	var token []byte
	for len(out) < limit {
		list, err := c.temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: f.query(), PageSize: int32(min(limit-len(out), page)), NextPageToken: token, //nolint:gosec // At most page.
		})
		if err != nil {
			return nil, translate(err, "listing runs")
		}
		for _, e := range list.GetExecutions() {
			s := Summary{WorkflowID: e.GetExecution().GetWorkflowId(), RunID: e.GetExecution().GetRunId(), Kind: e.GetType().GetName(), Started: e.GetStartTime().AsTime()}
			if e.GetCloseTime() != nil {
				closed := e.GetCloseTime().AsTime()
				s.Closed = &closed
			}
			s.attributes(e.GetSearchAttributes().GetIndexedFields())
			out = append(out, s)
		}
		if token = list.GetNextPageToken(); len(token) == 0 {
			break
		}
	}
	return out, nil
}

func (f Filter) query() string {
	// Runs have a kind, of whatever process; inquiries have none, and what runs start is no run.
	clauses := []string{"FermataKind IS NOT NULL AND FermataKind NOT IN ('" + strings.Join(wire.InnerWorkflows(), "', '") + "')"}
	if f.Kind != "" {
		clauses[0] = "FermataKind = '" + literal(f.Kind) + "'"
	}
	if f.Open {
		clauses = append(clauses, "ExecutionStatus = 'Running'")
	}
	if f.Run != "" {
		clauses = append(clauses, "FermataKey = '"+literal(f.Run)+"'")
	}
	if f.State != "" {
		clauses = append(clauses, "FermataState = '"+literal(f.State)+"'")
	}
	return strings.Join(clauses, " AND ")
}

// literal keeps a value from ending the string that it stands in.
func literal(s string) string { return strings.NewReplacer("'", "", `\`, "").Replace(s) }

func (s *Summary) attributes(fields map[string]*commonpb.Payload) {
	keywords := []struct {
		key  sdk.SearchAttributeKeyKeyword
		into *string
	}{
		{wire.AttributeTarget, &s.Target},
		{wire.AttributeState, &s.State},
		{wire.AttributeSite, &s.Site},
		{wire.AttributeRequester, &s.Requester},
		{wire.AttributeKey, &s.Run},
	}
	for _, k := range keywords {
		if p := fields[k.key.GetName()]; p != nil {
			_ = plain.FromPayload(p, k.into)
		}
	}
	if p := fields[wire.AttributeHeldSteps.GetName()]; p != nil {
		_ = plain.FromPayload(p, &s.Held)
	}
	if p := fields[wire.AttributeWaitingFor.GetName()]; p != nil {
		_ = plain.FromPayload(p, &s.WaitingFor)
	}
}

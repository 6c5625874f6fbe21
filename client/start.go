package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	temporal "go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// Person signs: who it is, and the key.
type Person struct {
	Name   string // Principal in allowed_signers.
	Signer ssh.Signer
}

// Request is something to plan or to start.
type Request struct {
	kind       string
	plans      string // Workflow type that plans it; empty: PlanServer.
	workflowID string
	owner      string
	site       string
	document   json.RawMessage
	summary    string
	reason     string
	change     string
}

// Because gives the reason that is signed with the start.
func (r Request) Because(reason string) Request {
	r.reason = reason
	return r
}

// Emergency asks to act first and be reviewed afterwards, which needs a reason and a policy that allows it.
func (r Request) Emergency() Request {
	r.change = decision.ChangeEmergency
	return r
}

// Provision asks for a server.
func Provision(s *spec.Server) (Request, error) {
	document, err := marshal(s)
	return Request{
		kind: wire.ProvisionServer, workflowID: wire.ServerWorkflowID(s.Metadata.Name), owner: s.Owner(), site: s.Metadata.Site,
		document: document, summary: "Provision " + s.Metadata.Name,
	}, err
}

// Change asks for a server that exists already.
func Change(s *spec.Server) (Request, error) {
	r, err := Provision(s)
	r.kind, r.summary = wire.ChangeServer, "Change "+s.Metadata.Name
	return r, err
}

// Ask asks for a server: for the difference if the records say that it is under management, else for all of it.
func (c *Client) Ask(ctx context.Context, s *spec.Server) (Request, error) {
	managed, err := c.Managed(ctx, s.Owner())
	if err != nil {
		return Request{}, err
	}
	if managed {
		return Change(s)
	}
	return Provision(s)
}

// Decommission asks to take a server out of service and keep it for the grace period; nil: the one in the server's spec.
func Decommission(name string, grace *time.Duration) (Request, error) {
	asked := wire.Decommission{Kind: wire.DecommissionKind, Name: name}
	if grace != nil {
		seconds := int64(*grace / time.Second)
		asked.Grace = &seconds
	}
	document, err := marshal(asked)
	return Request{
		kind: wire.DecommissionServer, workflowID: wire.ServerWorkflowID(name), owner: "server/" + name,
		document: document, summary: "Decommission " + name,
	}, err
}

// ProvisionInstance asks for an instance of a cloud.
func ProvisionInstance(s *spec.Instance) (Request, error) {
	document, err := marshal(s)
	return instanceRequest(wire.ProvisionInstance, "Provision ", s.Metadata.Name, s.Metadata.Site, document), err
}

// DecommissionInstance asks to take an instance out of service and keep it for the grace period; nil: the one in its spec.
// database says what becomes of its database: keep, archive or drop; empty: what its spec says.
func DecommissionInstance(name string, grace *time.Duration, database string) (Request, error) {
	if database != "" && !slices.Contains([]string{spec.DatabaseKeep, spec.DatabaseArchive, spec.DatabaseDrop}, database) {
		return Request{}, fault.New(fault.Invalid, "expected keep, archive or drop for the database, found %q", database)
	}
	asked := wire.Decommission{Kind: wire.DecommissionKind, Name: name, Database: database}
	if grace != nil {
		seconds := int64(*grace / time.Second)
		asked.Grace = &seconds
	}
	document, err := marshal(asked)
	return instanceRequest(wire.DecommissionInstance, "Decommission ", name, "", document), err
}

// RotateDatabasePassword asks for another password of an instance's database login.
func RotateDatabasePassword(name string) (Request, error) {
	document, err := marshal(wire.Rotation{Kind: wire.RotationKind, Name: name})
	return instanceRequest(wire.RotateDatabasePassword, "Rotate the database password of ", name, "", document), err
}

func instanceRequest(kind, doing, name, site string, document json.RawMessage) Request {
	id := wire.InstanceWorkflowID(name)
	return Request{kind: kind, plans: wire.PlanInstance, workflowID: id, owner: id, site: site, document: document, summary: doing + name}
}

// WorkflowID is the id that the run will have: the lock on its target.
func (r Request) WorkflowID() string { return r.workflowID }

// Started names a run.
type Started struct {
	WorkflowID string `json:"workflow_id"`
	Run        string `json:"run"`          // ULID.
	RunID      string `json:"temporal_run"` // Temporal's own id of the first execution.
}

// Plan asks what the request would do. Nothing is changed.
func (c *Client) Plan(ctx context.Context, r Request) (wire.Preview, error) {
	run := NewRun()
	handle, err := c.temporal.ExecuteWorkflow(ctx, temporal.StartWorkflowOptions{
		ID: wire.InquiryWorkflowID("plan/"+r.owner, run), TaskQueue: wire.Queue,
		WorkflowExecutionTimeout: 10 * time.Minute, StaticSummary: "Plan: " + r.summary,
	}, cmp.Or(r.plans, wire.PlanServer), wire.PlanInput{Run: run, Document: r.document, Kind: r.kind})
	if err != nil {
		return wire.Preview{}, translate(err, "asking for a plan")
	}
	var preview wire.Preview
	if err := c.await(ctx, handle, &preview, "planning"); err != nil {
		return wire.Preview{}, err
	}
	return preview, nil
}

// Start signs the request and starts the run. Faults: Conflict if a run holds the target (the text says which).
func (c *Client) Start(ctx context.Context, r Request, p Person) (Started, error) {
	run := NewRun()
	hash, err := decision.Hash(r.document)
	if err != nil {
		return Started{}, fmt.Errorf("hashing the document: %w", err)
	}
	signed, err := c.sign(decision.Envelope{
		WorkflowID: r.workflowID, Run: run, Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash,
		Reason: r.reason, Change: r.change,
	}, p)
	if err != nil {
		return Started{}, err
	}
	handle, err := c.temporal.ExecuteWorkflow(ctx, temporal.StartWorkflowOptions{
		ID: r.workflowID, TaskQueue: wire.Queue, StaticSummary: r.summary, EnableEagerStart: true,
		WorkflowIDConflictPolicy:                 enumspb.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		TypedSearchAttributes: sdk.NewSearchAttributes(
			wire.AttributeKind.ValueSet(r.kind), wire.AttributeTarget.ValueSet(r.owner), wire.AttributeKey.ValueSet(run),
			wire.AttributeSite.ValueSet(r.site), wire.AttributeState.ValueSet(string(wire.Planning)),
		),
	}, r.kind, wire.StartInput{Run: run, Document: r.document, Start: signed})
	if err != nil {
		return Started{}, c.held(ctx, r, translate(err, "starting "+r.summary))
	}
	return Started{WorkflowID: r.workflowID, Run: run, RunID: handle.GetRunID()}, nil
}

// held says who holds a target that is busy.
func (c *Client) held(ctx context.Context, r Request, err error) error {
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	p, progressErr := c.Progress(ctx, r.workflowID, "")
	if progressErr != nil {
		return fault.New(fault.Conflict, "%s is busy with another run: see `fermata show %s`", r.owner, r.workflowID)
	}
	return fault.New(fault.Conflict, "%s is busy: %s asked for by %s is %s (run %s). Wait for it (--wait), or stop it with `fermata cancel %s`",
		r.owner, p.Kind, p.Requester, State(p), p.Run, r.workflowID)
}

// sign completes the envelope and signs it.
func (c *Client) sign(e decision.Envelope, p Person) (decision.Signed, error) {
	if p.Name == "" || p.Signer == nil {
		return decision.Signed{}, fault.New(fault.Unauthorized, "this command must be signed: name yourself (--as) and your SSH key (--key), or load it into ssh-agent")
	}
	now := time.Now().UTC().Truncate(time.Second)
	e.Version, e.Cluster, e.Namespace, e.Person = decision.Version, c.cluster, c.namespace, p.Name
	e.Issued, e.Expires = now, now.Add(lifetime)
	if _, err := e.Canonical(); err != nil {
		return decision.Signed{}, fault.Wrap(fault.Invalid, err, fmt.Sprintf("signing %q as %s", e.Command, p.Name))
	}
	signed, err := decision.Sign(e, p.Signer)
	if err != nil {
		return signed, fmt.Errorf("signing %q as %s: %w", e.Command, p.Name, err)
	}
	return signed, nil
}

// lifetime is how long a signed command may travel.
const lifetime = 15 * time.Minute

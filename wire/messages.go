package wire

import (
	"encoding/json"
	"time"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/decision"
)

// StartInput starts a run.
type StartInput struct {
	Run      string          `json:"run"`               // ULID; it survives retry, reset and continue-as-new.
	Document json.RawMessage `json:"document"`          // What was asked for, as JSON: a server, a decommission.
	Start    decision.Signed `json:"start"`             // Signed by the requester over the document's hash.
	Carried  json.RawMessage `json:"carried,omitempty"` // State of the execution before, after continue-as-new.
	// Fleet is of a run that a fleet began: what people signed for the whole of it, which the run looks at itself.
	Fleet *authority.Membership `json:"fleet,omitempty"`
}

// StartOutput is how a run ended.
type StartOutput struct {
	Outcome    Outcome  `json:"outcome"`
	Reason     string   `json:"reason,omitempty"`
	Record     string   `json:"record,omitempty"` // Hash of the record.
	Sequence   int      `json:"sequence,omitempty"`
	LeftBehind []string `json:"left_behind,omitempty"`
}

// Decommission asks to take a server or an instance out of service.
type Decommission struct {
	Kind  string `json:"kind"` // DecommissionKind.
	Name  string `json:"name"`
	Grace *int64 `json:"grace,omitempty"` // Seconds that the machine is kept; absent: as its spec says.
	// Database says what becomes of an instance's database: keep, archive or drop; absent: as its spec says.
	Database string `json:"database,omitempty"`
}

// Expiry is the end of an account, which an ExpireAccount waits for.
type Expiry struct {
	Run     string          `json:"run"` // ULID of the run that made the account.
	Owner   operation.Owner `json:"owner"`
	Site    string          `json:"site,omitempty"`
	Place   string          `json:"place"`            // Where the account is, in words that a workflow id can hold: local, directory.
	System  string          `json:"system,omitempty"` // Directory, or way into guests.
	Host    *guest.Host     `json:"host,omitempty"`   // Guest that a local account is on.
	Account string          `json:"account"`
	At      time.Time       `json:"at"`
	Desk    string          `json:"desk,omitempty"`   // Ticket system.
	Ticket  string          `json:"ticket,omitempty"` // Empty: there is none.
}

// Rotation asks for another password of an instance's database login.
type Rotation struct {
	Kind string `json:"kind"` // RotationKind.
	Name string `json:"name"` // Of the instance.
}

// RotationKind is the kind of a Rotation document.
const RotationKind = "Rotation"

// DecommissionKind is the kind of a Decommission document.
const DecommissionKind = "Decommission"

// Reservation is what a HoldReservation keeps, and for whom.
type Reservation struct {
	Run    string          `json:"run"` // ULID of the run that holds it.
	Owner  operation.Owner `json:"owner"`
	Holder string          `json:"holder"` // Workflow id of that run.
}

// Decide carries one decision, by update or signal.
type Decide struct {
	Signed decision.Signed `json:"signed"`
}

// DecideResult answers the update.
type DecideResult struct {
	Accepted bool   `json:"accepted"`
	Reason   string `json:"reason,omitempty"` // Why not; or what happens next.
	Code     string `json:"code,omitempty"`   // See decision's Code constants.
}

// Outcome says how a run ended.
type Outcome string

// The outcomes.
const (
	Done        Outcome = "done"
	Refused     Outcome = "refused"      // Never began: the start was not in order, or preflight found a problem.
	Denied      Outcome = "denied"       // A person said no.
	Lapsed      Outcome = "lapsed"       // Nobody decided in time.
	PlanChanged Outcome = "plan-changed" // What was approved is no longer what would be done.
	Undone      Outcome = "undone"
	Cancelled   Outcome = "cancelled"
	Restored    Outcome = "restored"
)

// Phase is what a run does now.
type Phase string

// The phases.
const (
	Planning Phase = "planning"
	Waiting  Phase = "waiting" // For the approval.
	Running  Phase = "running"
	Held     Phase = "held"  // At least one step waits for a person.
	Grace    Phase = "grace" // Out of service, may still be restored.
	Undoing  Phase = "undoing"
	Closing  Phase = "closing"
	Ended    Phase = "ended"
)

// StepState is where a step is.
type StepState string

// The states of a step.
const (
	StepWaiting    StepState = "waiting"
	StepRunning    StepState = "running"
	StepDone       StepState = "done"
	StepHeld       StepState = "held"
	StepSkipped    StepState = "skipped"
	StepCancelled  StepState = "cancelled"
	StepUndoing    StepState = "undoing"
	StepUndone     StepState = "undone"
	StepUndoFailed StepState = "undo-failed"
)

// Step is one step as people see it.
type Step struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	After    []string      `json:"after,omitempty"`
	State    StepState     `json:"state"`
	Reversal string        `json:"reversal"`
	Started  *time.Time    `json:"started,omitempty"`
	Ended    *time.Time    `json:"ended,omitempty"`
	Tries    int           `json:"tries,omitempty"` // How often it was begun; a person's retry counts, Temporal's do not.
	Reason   *fault.Reason `json:"reason,omitempty"`
	Result   []string      `json:"result,omitempty"` // What it did, one line each.
	// Before are the tries before the latest, the oldest first and KeptTries at most: Started, Ended and Reason are those of
	// the latest.
	Before []Try      `json:"before,omitempty"`
	Undone *time.Time `json:"undone,omitempty"` // When its undo came to an end, well or not.
	// Attempt and Doing are of the activity in flight; the client fills them in from Temporal.
	Attempt int    `json:"attempt,omitempty"`
	Doing   string `json:"doing,omitempty"`
	// NoWorker is the queue that the activity waits at while nobody polls it: "compute", "compute@berlin". The client fills
	// it in.
	NoWorker string `json:"no_worker,omitempty"`
}

// Try is a try of a step that did not do it.
type Try struct {
	Started *time.Time    `json:"started,omitempty"`
	Ended   *time.Time    `json:"ended,omitempty"`
	Reason  *fault.Reason `json:"reason,omitempty"`
}

// KeptTries is how many tries of a step are kept beside the latest.
const KeptTries = 10

// Gate is something that waits for a decision.
type Gate struct {
	ID       string             `json:"id"`
	Nonce    string             `json:"nonce"`
	Hash     string             `json:"hash"` // What the decision must name.
	Commands []decision.Command `json:"commands"`
	Step     string             `json:"step,omitempty"`
	Opened   time.Time          `json:"opened"`
	Deadline *time.Time         `json:"deadline,omitempty"`
	Why      string             `json:"why"` // In words.
	// What the policy asks of an approval: how many people, of which groups, and who approved so far.
	Quorum    int        `json:"quorum,omitempty"`
	Groups    []string   `json:"groups,omitempty"`
	Approvers []string   `json:"approvers,omitempty"`
	Escalates *time.Time `json:"escalates,omitempty"` // When more groups are asked.
	Notes     []string   `json:"notes,omitempty"`     // What changed while it waited.
}

// Judged is a decision with its verdict.
type Judged struct {
	Signed  decision.Signed  `json:"signed"`
	Verdict decision.Verdict `json:"verdict"`
	Via     string           `json:"via"` // update, signal or start.
}

// Progress is all that a person may want to know of a run.
type Progress struct {
	Run        string          `json:"run"`
	Kind       string          `json:"kind"`
	Owner      operation.Owner `json:"owner"`
	WorkflowID string          `json:"workflow_id"`
	Cluster    string          `json:"cluster"`
	Namespace  string          `json:"namespace"`
	Requester  string          `json:"requester"`
	Phase      Phase           `json:"phase"`
	Started    time.Time       `json:"started"`
	Ended      *time.Time      `json:"ended,omitempty"`
	Outcome    Outcome         `json:"outcome,omitempty"`
	Reason     string          `json:"reason,omitempty"`
	Planned    *time.Time      `json:"planned,omitempty"` // When the plan was made first.
	Preview    *Preview        `json:"preview,omitempty"`
	Gates      []Gate          `json:"gates,omitempty"`
	Steps      []Step          `json:"steps,omitempty"`
	Decisions  []Judged        `json:"decisions,omitempty"`
	Refused    int             `json:"refused,omitempty"` // Refusals beyond those kept whole.
	Ticket     string          `json:"ticket,omitempty"`  // Link.
	Stopped    *Stopped        `json:"stopped,omitempty"` // No step begins: automation is stopped.
	Waits      string          `json:"waits,omitempty"`   // Why the guard has given no permit yet.
	Policy     *Governed       `json:"policy,omitempty"`
	Facts      *decision.Facts `json:"facts,omitempty"`   // What the policy's rules look at; nil without a policy file.
	Notices    []*NoticeState  `json:"notices,omitempty"` // Who was told, and what came of it.
	Record     string          `json:"record,omitempty"`
	LeftBehind []string        `json:"left_behind,omitempty"`
	Fleet      *Fleet          `json:"fleet,omitempty"`   // Of a fleet: where its servers are.
	PartOf     string          `json:"part_of,omitempty"` // Of a server that a fleet began: the fleet's workflow id.
}

// Governed is what the policy file says of a run, and what became of its approval.
type Governed struct {
	Policy   string `json:"policy"` // Hash of the file.
	Rule     string `json:"rule"`
	Change   string `json:"change"`             // normal, standard or emergency.
	Approved string `json:"approved,omitempty"` // Who approved, or which rule did.
	Permit   int    `json:"permit,omitempty"`   // The guard's number of it.
	// Permitted is when the run heard of its permit; zero in records of older builds.
	Permitted time.Time `json:"permitted,omitzero"`
	Review    string    `json:"review,omitempty"` // What became of an emergency change's review.
	Notes     []string  `json:"notes,omitempty"`  // What changed while the run waited.
}

// Gate returns the open gate that takes the command (for a step, if the gate is about one).
func (p Progress) Gate(c decision.Command, step string) (Gate, bool) {
	for _, g := range p.Gates {
		for _, takes := range g.Commands {
			if takes == c && (step == "" || g.Step == "" || g.Step == step) {
				return g, true
			}
		}
	}
	return Gate{}, false
}

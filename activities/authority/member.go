package authority

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/decision"
	"fermata/spec"
)

const activityJudgeMember = "authority.JudgeMember"

// Membership is what a run is given by the fleet that begins it. Nothing in it is believed: whoever may start workflows
// can write one. It holds what people signed, and what proves that this run is part of it.
type Membership struct {
	Fleet    json.RawMessage `json:"fleet"`    // The fleet's document, which the start signs.
	Workflow string          `json:"workflow"` // Workflow id of the fleet.
	Run      string          `json:"run"`      // ULID of the fleet's run.
	Index    int             `json:"index"`    // Which of the fleet's servers this one is, from 0.
	// Start and Approvals are what people signed, Plan (of which MemberTree is the resolved part) what they approved.
	Start     decision.Signed   `json:"start"`
	Approvals []decision.Signed `json:"approvals,omitempty"`
	Plan      json.RawMessage   `json:"plan"`
	Gate      string            `json:"gate"`            // Where it was approved, with its nonce and when it opened.
	Nonce     string            `json:"nonce,omitempty"` // Empty: nobody was asked.
	Opened    time.Time         `json:"opened,omitzero"`
	Stop      Stop              `json:"stop"`
	Planned   MemberPlan        `json:"planned"` // What of this server stands in the approved plan,
	Proof     []string          `json:"proof,omitempty"`
}

// Stop is the fleet's gate that takes undo and cancel, which its servers' runs obey too.
type Stop struct {
	Gate  string `json:"gate"`
	Nonce string `json:"nonce"`
	Hash  string `json:"hash"`
}

// MemberPlan is the plan of one server of a fleet, in a line. It is a leaf of the tree that is approved.
type MemberPlan struct {
	Owner   operation.Owner `json:"owner"`
	Hash    string          `json:"hash"`    // Of the server's own plan.
	Summary string          `json:"summary"` // For people: placement, address, size.
	// Secrets are pinned for the whole fleet when it plans first.
	Secrets []secret.Pinned `json:"secrets,omitempty"`
}

// Leaf is what the tree is made of: the hash of the canonical JSON.
func (m MemberPlan) Leaf() ([]byte, error) {
	hash, err := decision.Hash(m)
	return []byte(hash), err
}

// MemberTree is the part of a fleet's plan that stands for the plans of all its servers.
type MemberTree struct {
	Root string `json:"root"` // Of the tree over the leaves, in the order of the servers.
	Size int    `json:"size"`
}

// NewMemberTree makes the tree over the plans, and the leaves, for proofs.
func NewMemberTree(plans []MemberPlan) (MemberTree, [][]byte, error) {
	leaves := make([][]byte, len(plans))
	for i, p := range plans {
		leaf, err := p.Leaf()
		if err != nil {
			return MemberTree{}, nil, fmt.Errorf("hashing the plan of %s: %w", p.Owner, err)
		}
		leaves[i] = leaf
	}
	return MemberTree{Root: decision.TreeRoot(leaves), Size: len(plans)}, leaves, nil
}

// JudgeMemberInput asks for JudgeMember.
type JudgeMemberInput struct {
	Member    Membership      `json:"member"`
	FleetKind string          `json:"fleet_kind"` // Workflow types, as the policy's rules match them.
	Kind      string          `json:"kind"`
	Document  json.RawMessage `json:"document"`       // What the run itself was given.
	Hash      string          `json:"hash,omitempty"` // Of the plan that it made itself; empty: it has none yet.
}

// JudgeMemberOutput answers JudgeMember.
type JudgeMemberOutput struct {
	Accepted  bool               `json:"accepted"`
	Code      string             `json:"code,omitempty"`
	Reason    string             `json:"reason,omitempty"` // Why not, in words.
	Requester string             `json:"requester,omitempty"`
	Approvers []string           `json:"approvers,omitempty"`
	Plan      string             `json:"plan,omitempty"`     // Hash of the fleet's plan.
	Verdicts  []decision.Verdict `json:"verdicts,omitempty"` // Of the start, then of each approval.
	Terms     *decision.Terms    `json:"terms,omitempty"`    // Of the run itself; nil without a policy file.
}

// Codes of a refusal beside those of decision.
const (
	CodeNotMember = "not_member" // The run is not what the fleet describes at that place.
	CodeNotPlan   = "not_plan"   // Its plan is not part of what was approved.
	CodeQuorum    = "quorum"     // Too few approvals count.
)

// JudgeMember says whether a server's run is part of what people asked for and approved, by the policy of now. Nothing is
// taken from the fleet's word: documents are expanded and hashed here, signatures looked at again.
func (a *Activities) JudgeMember(ctx context.Context, in JudgeMemberInput) (JudgeMemberOutput, error) {
	p, err := a.policies.Policy(ctx)
	if err != nil {
		return JudgeMemberOutput{}, fault.ForTemporal(err)
	}
	j := &membership{policy: p, in: in, now: a.now()}
	for _, check := range []func() (string, string){j.described, j.started, j.planned, j.approved} {
		if code, reason := check(); code != "" {
			j.out.Accepted, j.out.Code, j.out.Reason = false, code, reason
			return j.out, nil
		}
	}
	j.out.Accepted = true
	return j.out, nil
}

// membership is one judgement under way.
type membership struct {
	policy *decision.Policy
	in     JudgeMemberInput
	now    time.Time
	hash   string           // Of the fleet's document.
	facts  []decision.Facts // Of the fleet, then of the server: both rules must be content.
	out    JudgeMemberOutput
}

// described: the run was given exactly what the fleet's document describes at its place.
func (j *membership) described() (code, reason string) {
	m, fleet := j.in.Member, &spec.Fleet{}
	if err := json.Unmarshal(m.Fleet, fleet); err != nil {
		return CodeNotMember, "the fleet's document cannot be read: " + err.Error()
	}
	if fleet.Owner() != m.Workflow {
		return CodeNotMember, fmt.Sprintf("the document is of %s, the run that began this one is %s", fleet.Owner(), m.Workflow)
	}
	server, err := fleet.Member(m.Index)
	if err != nil {
		return CodeNotMember, err.Error()
	}
	if server.Owner() != string(m.Planned.Owner) {
		return CodeNotMember, fmt.Sprintf("server %d of %s is %s, not %s", m.Index+1, m.Workflow, server.Owner(), m.Planned.Owner)
	}
	expanded, err := hashOf(server)
	given, givenErr := decision.Hash(j.in.Document)
	if err != nil || givenErr != nil || expanded != given {
		return CodeNotMember, fmt.Sprintf("the document of this run is not that of server %d of %s", m.Index+1, m.Workflow)
	}
	if j.hash, err = decision.Hash(m.Fleet); err != nil {
		return CodeNotMember, err.Error()
	}
	j.facts = []decision.Facts{
		{Kind: j.in.FleetKind, Environment: fleet.Metadata.Environment, Site: fleet.Metadata.Site},
		{Kind: j.in.Kind, Environment: server.Metadata.Environment, Site: server.Metadata.Site},
	}
	return "", ""
}

// hashOf is of what a client would have sent.
func hashOf(server *spec.Server) (string, error) {
	document, err := json.Marshal(server)
	if err != nil {
		return "", err
	}
	return decision.Hash(json.RawMessage(document))
}

// started: a person who may do so asked for this fleet, and might have asked for this server alone.
func (j *membership) started() (code, reason string) {
	m := j.in.Member
	for i, facts := range j.facts {
		v := j.policy.JudgeKept(m.Start, decision.Expectation{
			WorkflowID: m.Workflow, Run: m.Run, Gate: decision.StartGate, Hash: j.hash, Commands: []decision.Command{decision.Start}, Facts: facts,
		}, j.now)
		if i == 0 {
			j.out.Verdicts = append(j.out.Verdicts, v)
		}
		if !v.Accepted {
			return v.ReasonCode, "the start of the fleet does not count: " + v.Reason
		}
		if v.Envelope.Change != "" {
			return decision.CodeNotAllowed, "a fleet cannot act first and be reviewed afterwards"
		}
		j.out.Requester = v.Envelope.Person
		j.facts[i].Requester = v.Envelope.Person
	}
	j.out.Terms = j.policy.Terms(j.facts[1])
	return "", ""
}

// planned: the plan that the run made itself is part of the fleet's plan, at its place.
func (j *membership) planned() (code, reason string) {
	m := j.in.Member
	var plan struct {
		Owner    string     `json:"owner"`
		Document string     `json:"document"`
		Resolved MemberTree `json:"resolved"`
	}
	hash, err := decision.Hash(m.Plan)
	if err == nil {
		err = json.Unmarshal(m.Plan, &plan)
	}
	if err != nil || plan.Owner != m.Workflow || plan.Document != j.hash {
		return CodeNotPlan, "the plan is not that of the fleet's document"
	}
	j.out.Plan = hash
	leaf, err := m.Planned.Leaf()
	if err == nil {
		err = decision.CheckTreeProof(plan.Resolved.Root, plan.Resolved.Size, m.Index, leaf, m.Proof)
	}
	if err != nil {
		return CodeNotPlan, fmt.Sprintf("nothing proves that %s is part of the plan of %s: %v", m.Planned.Owner, m.Workflow, err)
	}
	if j.in.Hash != "" && j.in.Hash != m.Planned.Hash {
		return CodeNotPlan, fmt.Sprintf("the plan is %s now, approved as part of %s was %s: what would be done has changed", j.in.Hash, m.Workflow, m.Planned.Hash)
	}
	return "", ""
}

// approved: as many people as the rules ask approved the fleet's plan, and might have approved this server alone.
func (j *membership) approved() (code, reason string) {
	for i, facts := range j.facts {
		terms := j.policy.Terms(facts)
		if terms != nil && terms.Change == spec.ChangeStandard {
			continue // The rule approves it beforehand.
		}
		people, refused := j.approvers(facts, terms, i == 0)
		quorum := 1
		if terms != nil {
			quorum = max(terms.Quorum, 1)
		}
		if len(people) < quorum {
			reason := fmt.Sprintf("%s of %s needs %d approvals, %d count", facts.Kind, j.in.Member.Planned.Owner, quorum, len(people))
			return CodeQuorum, strings.Join(append([]string{reason}, refused...), "; ")
		}
		j.out.Approvers = people
	}
	return "", ""
}

// approvers are the people whose approvals count under the facts, and why others do not.
func (j *membership) approvers(facts decision.Facts, terms *decision.Terms, keep bool) (people, refused []string) {
	m := j.in.Member
	if m.Nonce == "" {
		return nil, nil
	}
	fourEyes := terms == nil || terms.FourEyes
	for _, signed := range m.Approvals {
		v := j.policy.JudgeKept(signed, decision.Expectation{
			WorkflowID: m.Workflow, Run: m.Run, Gate: m.Gate, Nonce: m.Nonce, Hash: j.out.Plan,
			Commands: []decision.Command{decision.Approve}, Facts: facts, Opened: m.Opened,
		}, j.now)
		if keep {
			j.out.Verdicts = append(j.out.Verdicts, v)
		}
		person := v.Envelope.Person
		same := func(other string) bool { return strings.EqualFold(other, person) }
		switch {
		case !v.Accepted:
			refused = append(refused, v.Reason)
		case fourEyes && same(j.out.Requester):
			refused = append(refused, person+" asked for the fleet, so somebody else must approve it")
		case !slices.ContainsFunc(people, same):
			people = append(people, person)
		}
	}
	return people, refused
}

// JudgeMember says whether a server's run is part of what people asked for and approved.
func JudgeMember(ctx workflow.Context, in JudgeMemberInput) (JudgeMemberOutput, error) {
	return operation.CallLocal[JudgeMemberOutput](ctx, activityJudgeMember, in)
}

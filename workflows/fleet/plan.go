package fleet

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/spec"
	"fermata/wire"
)

// planSide is how many servers are planned side by side.
const planSide = 20

// Plan plans every server as it would be planned alone, each in a short run that only reads: only a line of each comes
// back, so that many servers fill no history.
func (p *fleet) Plan(ctx workflow.Context) (wire.Preview, error) {
	p.plans++
	outs := make([]wire.PlanMemberOutput, p.Targets())
	places := workflow.NewSemaphore(ctx, planSide)
	group := workflow.NewWaitGroup(ctx)
	var before []authority.MemberPlan
	if p.frame != nil {
		before = p.frame.Plan().Members
	}
	for i, m := range p.state.Members {
		if err := places.Acquire(ctx, 1); err != nil {
			return wire.Preview{}, err
		}
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			defer places.Release(1)
			outs[i] = p.planMember(ctx, m, before)
		})
	}
	group.Wait(ctx)
	plans := make([]authority.MemberPlan, len(outs))
	for i, out := range outs {
		plans[i] = out.Plan
	}
	tree, _, err := authority.NewMemberTree(plans)
	if err != nil {
		return wire.Preview{}, err
	}
	preview := wire.Preview{Members: plans, Observations: p.observations(outs)}
	preview.Plan.Changes = p.waves()
	if preview.Plan.Resolved, err = json.Marshal(tree); err != nil {
		return wire.Preview{}, fmt.Errorf("keeping what was resolved: %w", err)
	}
	return preview, nil
}

// planMember plans one server. What keeps it from being planned is a problem like any other.
func (p *fleet) planMember(ctx workflow.Context, m *member, before []authority.MemberPlan) wire.PlanMemberOutput {
	var out wire.PlanMemberOutput
	failed := func(err error) wire.PlanMemberOutput {
		return wire.PlanMemberOutput{
			Plan:     authority.MemberPlan{Owner: m.owner()},
			Problems: []wire.Observation{{Name: "planning", Text: fault.FromTemporal(err).Text}},
		}
	}
	document, err := p.serverDocument(m)
	if err != nil {
		return failed(err)
	}
	in := wire.PlanMemberInput{Run: p.memberRun(ctx, m, 1), Document: document}
	if len(before) > m.Index {
		in.Pinned, in.Secrets = true, before[m.Index].Secrets
	}
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:    wire.InquiryWorkflowID("plan/"+string(p.Owner())+"/"+m.Name, fmt.Sprintf("%s-%d", workflow.GetInfo(ctx).WorkflowExecution.RunID, p.plans)),
		StaticSummary: "plan " + m.Name, WorkflowExecutionTimeout: 10 * planFor,
		ParentClosePolicy: enumspb.PARENT_CLOSE_POLICY_TERMINATE,
	})
	if err := workflow.ExecuteChildWorkflow(ctx, wire.PlanMember, in).Get(ctx, &out); err != nil {
		return failed(err)
	}
	return out
}

// serverDocument is the document that the server's own run is given.
func (p *fleet) serverDocument(m *member) (json.RawMessage, error) {
	server, err := p.spec.Member(m.Index)
	if err != nil {
		return nil, err
	}
	return json.Marshal(server)
}

// waves are the plan as a whole; the servers stand beside it, a line each.
func (p *fleet) waves() []wire.PlannedChange {
	var changes []wire.PlannedChange
	sizes := p.spec.Waves()
	for i, size := range sizes {
		var members []*member
		for _, m := range p.state.Members {
			if m.Wave == i+1 {
				members = append(members, m)
			}
		}
		title := servers(size)
		if len(sizes) > 1 {
			title = fmt.Sprintf("wave %d: %s", i+1, servers(size))
		}
		changes = append(changes, wire.PlannedChange{
			Step: stepMembers, Title: title, Action: wire.Create, Object: named(members), Reversal: string(byEach),
		})
	}
	r := p.spec.Spec.Rollout
	if len(changes) > 0 {
		changes[0].Detail = []string{p.pace(), fmt.Sprintf("none other is begun once %d are held or have failed; a busy server is %s",
			r.StopAfterFailures, map[string]string{spec.BusyRefuse: "refused", spec.BusyWait: "waited for"}[r.Busy])}
	}
	return changes
}

// pace is how fast the rollout goes, in words.
func (p *fleet) pace() string {
	r := p.spec.Spec.Rollout
	parts := []string{fmt.Sprintf("at most %d at once", r.MaxConcurrent)}
	if r.PerSite > 0 {
		parts = append(parts, fmt.Sprintf("%d at one site", r.PerSite))
	}
	if r.PerSystem > 0 {
		parts = append(parts, fmt.Sprintf("%d on one compute system", r.PerSystem))
	}
	if r.Pause > 0 {
		parts = append(parts, fmt.Sprintf("a pause of %s between waves", r.Pause))
	}
	return strings.Join(parts, ", ")
}

// observations folds what was seen: the same problem of many servers is one line.
func (p *fleet) observations(outs []wire.PlanMemberOutput) []wire.Observation {
	type seen struct {
		wire.Observation
		of []*member
	}
	var all []*seen
	good := 0
	for i, out := range outs {
		if len(out.Problems) == 0 {
			good++
		}
		for _, o := range out.Problems {
			at := slices.IndexFunc(all, func(s *seen) bool { return s.Observation == o })
			if at < 0 {
				all, at = append(all, &seen{Observation: o}), len(all)
			}
			all[at].of = append(all[at].of, p.state.Members[i])
		}
	}
	found := []wire.Observation{{Name: "servers", Text: fmt.Sprintf("%d of %d can be carried out as planned", good, len(outs)), OK: true}}
	for _, s := range all {
		found = append(found, wire.Observation{Name: s.Name, Text: fmt.Sprintf("%s (%s)", s.Text, named(s.of))})
	}
	return found
}

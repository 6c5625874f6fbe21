package provision

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/authority"
	"fermata/activities/operation"
	"fermata/decision"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// PlanMember plans one server of a fleet as its own run will, and returns a line of it. It changes nothing.
func PlanMember(ctx workflow.Context, in wire.PlanMemberInput) (wire.PlanMemberOutput, error) {
	p, err := newProvision(in.Run, in.Document)
	if err != nil {
		return wire.PlanMemberOutput{}, err
	}
	if in.Pinned {
		p.pins, p.planned = in.Secrets, true
	}
	hash, err := decision.Hash(in.Document)
	if err != nil {
		return wire.PlanMemberOutput{}, runbook.Invalid("hashing the document", err)
	}
	route := operation.Route{Site: p.Policy().Site, RetryFor: runbook.PlanFor, Summary: "plan"}
	preview, err := run.Preview(operation.WithRoute(ctx, route), p, hash)
	if err != nil {
		return wire.PlanMemberOutput{}, err
	}
	return wire.PlanMemberOutput{
		Plan:     authority.MemberPlan{Owner: p.Owner(), Hash: preview.Hash, Summary: p.summary(preview), Secrets: preview.Plan.Secrets},
		Problems: preview.Problems(),
	}, nil
}

// summary is the server in a line: address, size, where it comes from and goes to.
func (p *provision) summary(preview wire.Preview) string {
	s := p.server.Spec
	parts := []string{s.Network.Address, fmt.Sprintf("%d CPUs", s.Compute.CPUs), s.Compute.Memory.String(), "from " + s.Compute.Template}
	var r resolved
	if json.Unmarshal(preview.Plan.Resolved, &r) == nil && r.Placement.Datastore.Name != "" {
		parts = append(parts, "on "+r.Placement.Pool.Name+", "+r.Placement.Datastore.Name)
	}
	if p.server.Metadata.Site != "" {
		parts = append(parts, "at "+p.server.Metadata.Site)
	}
	return strings.Join(parts, "  ")
}

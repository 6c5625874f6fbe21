package client

import (
	"encoding/json"
	"fmt"

	"fermata/activities/authority"
	"fermata/activities/fault"
	"fermata/spec"
	"fermata/wire"
)

// Fleet asks for a fleet of servers.
func Fleet(f *spec.Fleet) (Request, error) {
	document, err := marshal(f)
	return Request{
		kind: wire.ProvisionFleet, plans: wire.PlanFleet, workflowID: wire.FleetWorkflowID(f.Metadata.Name), owner: f.Owner(), site: f.Metadata.Site,
		document: document, summary: fmt.Sprintf("Provision the %d servers of %s", f.Size(), f.Metadata.Name),
	}, err
}

// CheckMembers reports whether the lines that stand beside a fleet's plan are those that the plan covers: a person signs
// the plan's hash, and must have seen what it stands for. A plan without such lines needs none.
func CheckMembers(p wire.Preview) error {
	if p.Plan.Kind != wire.ProvisionFleet {
		return nil
	}
	var covered authority.MemberTree
	if err := json.Unmarshal(p.Plan.Resolved, &covered); err != nil {
		return fault.Wrap(fault.Invalid, err, "reading what the plan covers")
	}
	shown, _, err := authority.NewMemberTree(p.Members)
	if err != nil {
		return fmt.Errorf("hashing what is shown: %w", err)
	}
	if shown != covered {
		return fault.New(fault.Conflict, "the servers that the server shows are not those that the plan covers (%d of %s, not %d of %s): nothing was signed",
			shown.Size, shown.Root, covered.Size, covered.Root)
	}
	return nil
}

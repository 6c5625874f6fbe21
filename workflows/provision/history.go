package provision

import (
	"encoding/json"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/activities/secret"
	"fermata/spec"
	"fermata/wire"
)

// managed is what the records say of a server that is under management.
type managed struct {
	server  *spec.Server // As it was asked for last, with the address that it got.
	asked   spec.Network // As the document says, perhaps only from which range.
	record  string       // Hash of the record that says so.
	run     string       // ULID of that run.
	secrets []secret.Pinned
	books   []playbook // What its plays were; those of a record without any are not known.
}

// lastRecord finds what says how the owner's server was made or changed last; nil: nothing does. Where a server that was
// taken out of service counts as gone, ends is true.
func lastRecord(ctx workflow.Context, owner operation.Owner, ends bool) (*managed, error) {
	out, err := record.FindRecords(ctx, record.FindInput{Owner: owner})
	if err != nil {
		return nil, err
	}
	kinds := []string{wire.ProvisionServer, wire.ChangeServer}
	if ends {
		kinds = append(kinds, wire.DecommissionServer)
	}
	last, entry, err := record.Latest(out.Entries, string(wire.Done), kinds...)
	if err != nil || last == nil || last.Kind == wire.DecommissionServer {
		return nil, err
	}
	return readManaged(*last, entry.Hash)
}

func readManaged(r record.Record, hash string) (*managed, error) {
	found := &managed{server: &spec.Server{}, record: hash, run: r.Run}
	if err := json.Unmarshal(r.Spec, found.server); err != nil {
		return nil, err
	}
	found.server.ApplyDefaults() // Those that came after the record was written.
	var plan wire.Plan
	if len(r.Plan) > 0 {
		if err := json.Unmarshal(r.Plan, &plan); err != nil {
			return nil, err
		}
	}
	found.secrets, found.asked, found.books = plan.Secrets, found.server.Spec.Network, booksOf(plan)
	return found, wasChosen(found.server, r.Plan)
}

// booksOf are the playbooks that a plan holds, of a provision or of a change.
func booksOf(plan wire.Plan) []playbook {
	var p struct {
		Playbooks []playbook `json:"playbooks"`
	}
	_ = json.Unmarshal(plan.Resolved, &p) // A plan of before has none, and what is no plan was refused.
	return p.Playbooks
}

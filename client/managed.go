package client

import (
	"context"
	"encoding/json"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/wire"
)

// Managed reports whether the records say that the owner's server is there: it was provisioned or changed, and not taken
// out of service since.
func (c *Client) Managed(ctx context.Context, owner string) (bool, error) {
	out, err := c.Records(ctx, record.FindInput{Owner: operation.Owner(owner)}, false)
	if err != nil {
		return false, err
	}
	for i := len(out.Entries) - 1; i >= 0; i-- {
		var r record.Record
		if err := json.Unmarshal(out.Entries[i].Record, &r); err != nil {
			return false, fault.Wrap(fault.Invalid, err, "reading the records of "+owner)
		}
		if r.Outcome != string(wire.Done) {
			continue
		}
		switch r.Kind {
		case wire.ProvisionServer, wire.ChangeServer, wire.ProvisionFleet:
			return true, nil
		case wire.DecommissionServer:
			return false, nil
		}
	}
	return false, nil
}

// Compare asks where a server differs from what its record says. NotFound: no record says that it is under management.
func (c *Client) Compare(ctx context.Context, name string) (wire.Comparison, error) {
	out, err := inquire[wire.Comparison](ctx, c, wire.CompareServer, "compare/server/"+name, wire.CompareInput{Name: name})
	if err == nil && out.Record == "" {
		err = fault.New(fault.NotFound, "no record says that server/%s is under management", name)
	}
	return out, err
}

package client

import (
	"context"

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
	last, _, err := record.Latest(out.Entries, string(wire.Done),
		wire.ProvisionServer, wire.ChangeServer, wire.ProvisionFleet, wire.DecommissionServer)
	if err != nil {
		return false, fault.Wrap(fault.Invalid, err, "reading the records of "+owner)
	}
	return last != nil && last.Kind != wire.DecommissionServer, nil
}

// Compare asks where a server differs from what its record says. NotFound: no record says that it is under management.
func (c *Client) Compare(ctx context.Context, name string) (wire.Comparison, error) {
	out, err := inquire[wire.Comparison](ctx, c, wire.CompareServer, "compare/server/"+name, wire.CompareInput{Name: name})
	if err == nil && out.Record == "" {
		err = fault.New(fault.NotFound, "no record says that server/%s is under management", name)
	}
	return out, err
}

package openstack

import (
	"context"

	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/ports"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/cloudx"
)

// port finds the port that carries the operation's mark; nil: none.
func (s *services) port(ctx context.Context, op operation.Op) (*ports.Port, error) {
	mine, err := s.listPorts(ctx, ports.ListOpts{Description: textOf(cloudx.MarkOf(op))})
	if err != nil || len(mine) == 0 {
		return nil, err
	}
	var all []cloudx.Candidate
	for _, p := range mine {
		all = append(all, cloudx.Candidate{ID: p.ID, InUse: p.DeviceID != "", Created: p.CreatedAt})
	}
	id, err := cloudx.Settle(ctx, all, s.deletePort)
	if err != nil {
		return nil, err
	}
	return cloudx.Find(mine, func(p ports.Port) bool { return p.ID == id }), nil
}

func (s *services) deletePort(ctx context.Context, id string) error {
	return translate(ports.Delete(ctx, s.network, id).ExtractErr(), "removing port "+id)
}

// ensurePort makes the port that the server will be plugged into: its address is known before the server is, and its
// group is on it from the first packet.
func (s *services) ensurePort(ctx context.Context, op operation.Op, r cloud.Request) (*ports.Port, error) {
	found, err := s.port(ctx, op)
	if err != nil || found != nil {
		return found, err
	}
	options := ports.CreateOpts{
		NetworkID: r.Placement.Network.ID, Name: r.Name, Description: textOf(cloudx.MarkOf(op)), SecurityGroups: &[]string{r.GroupID},
	}
	if r.Address != "" {
		options.FixedIPs = []map[string]string{{"ip_address": r.Address}}
	}
	refused := translate(ports.Create(ctx, s.network, options).Err, "making a port for "+r.Name)
	if refused != nil && !fault.Is(refused, fault.Conflict) {
		return nil, refused
	}
	// After a Conflict too: the address that is taken may be taken by another attempt's port.
	found, err = s.port(ctx, op)
	switch {
	case err != nil:
		return nil, err
	case found == nil && refused != nil:
		return nil, refused
	case found == nil:
		return nil, fault.New(fault.Unavailable, "making a port for %s: it is not listed yet", r.Name)
	}
	return found, nil
}

// removePorts removes the ports that carry the mark.
func (s *services) removePorts(ctx context.Context, of cloudx.Mark) error {
	mine, err := s.listPorts(ctx, ports.ListOpts{Description: textOf(of)})
	for _, p := range mine {
		if err == nil {
			err = cloudx.Unless(fault.NotFound, s.deletePort(ctx, p.ID))
		}
	}
	return err
}

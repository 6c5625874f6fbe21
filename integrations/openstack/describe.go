package openstack

import (
	"context"
	"net/netip"
	"slices"

	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/gophercloud/gophercloud/v2/openstack/networking/v2/extensions/layer3/floatingips"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/operation"
)

// instance reads a server by its id. Fault: NotFound.
func (s *services) instance(ctx context.Context, id string) (cloud.Instance, error) {
	v, err := servers.Get(ctx, s.compute, id).Extract()
	if err != nil {
		return cloud.Instance{}, translate(err, "reading instance "+id)
	}
	floating, err := s.listFloating(ctx)
	return describe(*v, floating), err
}

// owners reads a server and refuses one of another owner.
func (s *services) owners(ctx context.Context, op operation.Op, id string) (cloud.Instance, error) {
	found, err := s.instance(ctx, id)
	if err == nil && found.Owner != op.Owner {
		whose := string(found.Owner)
		if whose == "" {
			whose = "nobody that Fermata knows"
		}
		return found, fault.New(fault.Conflict, "instance %s belongs to %s", found.Name, whose)
	}
	return found, err
}

// describe is a server as the port has it. Where a floating address leads is Neutron's to say: what Nova shows of it comes late.
func describe(v servers.Server, floating []floatingips.FloatingIP) cloud.Instance {
	m := serverMark(v)
	made := cloud.Instance{ID: v.ID, Name: v.Name, Key: m.Key, Owner: m.Owner, State: stateOf(v.Status), Addresses: addresses(v)}
	if made.State == cloud.Failed {
		made.Fault = v.Fault.Message
	}
	for _, f := range floating {
		if f.FixedIP != "" && slices.Contains(made.Addresses, f.FixedIP) {
			made.Public = f.FloatingIP
		}
	}
	return made
}

// stateOf reads Nova's status. What is between two states is Pending.
func stateOf(status string) cloud.State {
	switch status {
	case "ACTIVE":
		return cloud.Running
	case "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED":
		return cloud.Stopped
	case "ERROR":
		return cloud.Failed
	}
	return cloud.Pending
}

// addresses are a server's fixed ones, IPv4 first.
func addresses(v servers.Server) (list []string) {
	for _, of := range v.Addresses {
		entries, _ := of.([]any)
		for _, e := range entries {
			entry, _ := e.(map[string]any)
			text, _ := entry["addr"].(string)
			if entry["OS-EXT-IPS:type"] == "fixed" && text != "" {
				list = append(list, text)
			}
		}
	}
	slices.SortFunc(list, func(a, b string) int { return order(a).Compare(order(b)) })
	return list
}

// order sorts addresses, IPv4 before IPv6.
func order(text string) netip.Addr {
	a, _ := netip.ParseAddr(text) // What Nova shows; anything else comes first.
	return a
}

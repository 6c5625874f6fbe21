package provision

import (
	"strconv"
	"strings"

	"fermata/activities/compute"
	"fermata/activities/inventory"
	"fermata/activities/ticketing"
	"fermata/spec"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps that deal with the configuration item. They stand in keys of objects in the field: never rename one.
const (
	stepItem    = "item"     // Of a provision.
	stepItemOut = "item-out" // Of a decommission.
)

// register makes the configuration item, once the server was seen to work and before the ticket is closed, which it is linked
// with.
func (p *provision) register(f *run.Frame, r resolved) []runbook.Planned {
	i := p.server.Spec.Inventory
	if i == nil {
		return nil
	}
	request := func() inventory.Request { return p.itemRequest(f, r) }
	item := runbook.RegisterItem(stepItem, i, p.server.Metadata.Name, everyStepBefore(p.server), request)
	item.Detail[0] += ", address " + p.address()
	return []runbook.Planned{item}
}

// itemRequest describes the server. The machine and the ticket are left out where a person skipped their steps.
func (p *provision) itemRequest(f *run.Frame, r resolved) inventory.Request {
	m, s := p.server.Metadata, p.server.Spec
	attributes := map[string]string{
		inventory.CPUs: strconv.Itoa(s.Compute.CPUs), inventory.MemoryMiB: strconv.FormatInt(int64(s.Compute.Memory/spec.MiB), 10),
		"template": r.Placement.Template.Name,
	}
	add := func(name, value string) {
		if value != "" {
			attributes[name] = value
		}
	}
	add("environment", m.Environment)
	add("site", m.Site)
	if s.Network.Domain != "" {
		attributes[inventory.FQDN] = m.Name + "." + s.Network.Domain
	}
	var volumes []string
	for _, v := range s.Storage {
		volumes = append(volumes, v.Mount+" "+v.Size.String())
	}
	add("volumes", strings.Join(volumes, ", "))
	if machine, err := run.Output[compute.Machine](f, stepDeploy); err == nil {
		add("machine", machine.ID)
	}
	request := inventory.Request{
		Class: s.Inventory.Class, Name: m.Name, Address: p.address(), Description: "Provisioned by Fermata, run " + f.Run(), Attributes: attributes,
	}
	if ticket, err := run.Output[ticketing.Ticket](f, runbook.StepTicket); err == nil {
		request.Ticket = ticket.ID
	}
	return request
}

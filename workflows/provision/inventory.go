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
	machine, _ := run.Output[compute.Machine](f, stepDeploy)
	request := p.itemOfMachine(f, r.Placement.Template.Name, machine.ID)
	request.Description = "Provisioned by Fermata, run " + f.Run()
	return request
}

// itemOfMachine describes the server, whoever made its machine.
func (p *provision) itemOfMachine(f *run.Frame, template, machine string) inventory.Request {
	attributes := map[string]string{"template": template}
	for _, a := range p.itemAttributes(machine) {
		attributes[a.Name] = a.Is
	}
	request := inventory.Request{Class: p.server.Spec.Inventory.Class, Name: p.server.Metadata.Name, Address: p.address(), Attributes: attributes}
	if ticket, err := run.Output[ticketing.Ticket](f, runbook.StepTicket); err == nil {
		request.Ticket = ticket.ID
	}
	return request
}

// widestAttribute is how long a value may be, in bytes: every database keeps that much.
const widestAttribute = 400

// itemAttributes are what a change of the server may change, and what never does and is known of every server.
func (p *provision) itemAttributes(machine string) (attributes []pair) {
	m, s := p.server.Metadata, p.server.Spec
	add := func(name, value string) {
		if value != "" {
			attributes = append(attributes, pair{Name: name, Is: value})
		}
	}
	add(inventory.CPUs, strconv.Itoa(s.Compute.CPUs))
	add(inventory.MemoryMiB, strconv.FormatInt(int64(s.Compute.Memory/spec.MiB), 10))
	add("environment", m.Environment)
	add("site", m.Site)
	if s.Network.Domain != "" {
		add(inventory.FQDN, m.Name+"."+s.Network.Domain)
	}
	var volumes []string
	for _, v := range s.Storage {
		volumes = append(volumes, v.Mount+" "+v.Size.String())
	}
	all := strings.Join(volumes, ", ")
	add("volumes", strings.ToValidUTF8(all[:min(len(all), widestAttribute)], ""))
	add("machine", machine)
	return attributes
}

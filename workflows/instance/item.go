package instance

import (
	"strconv"

	"fermata/activities/cloud"
	"fermata/activities/inventory"
	"fermata/activities/ticketing"
	"fermata/spec"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// register makes the configuration item, once all was seen to work.
func (p *instance) register(f *run.Frame, r resolved) []runbook.Planned {
	i := p.spec.Spec.Inventory
	if i == nil {
		return nil
	}
	after := append(p.inner(), runbook.StepHealth)
	for _, device := range runbook.Firewalls(p.spec.Spec.Firewall) {
		after = append(after, runbook.FirewallStep(device))
	}
	return []runbook.Planned{runbook.RegisterItem(stepItem, i, p.spec.Metadata.Name, after, func() inventory.Request { return p.itemRequest(f, r) })}
}

// itemRequest describes the instance. What the cloud made and the ticket are left out where a person skipped their steps.
func (p *instance) itemRequest(f *run.Frame, r resolved) inventory.Request {
	m, s := p.spec.Metadata, p.spec.Spec
	attributes := map[string]string{
		inventory.CPUs: strconv.Itoa(r.CPUs), inventory.MemoryMiB: strconv.FormatInt(r.MemoryBytes/int64(spec.MiB), 10),
		"image": r.Placement.Image.Name,
	}
	if m.Environment != "" {
		attributes["environment"] = m.Environment
	}
	if m.Site != "" {
		attributes["site"] = m.Site
	}
	if s.Cloud.Domain != "" {
		attributes[inventory.FQDN] = m.Name + "." + s.Cloud.Domain
	}
	request := inventory.Request{Class: s.Inventory.Class, Name: m.Name, Description: "Provisioned by Fermata, run " + f.Run(), Attributes: attributes}
	if made, err := made(f); err == nil {
		request.Address, attributes["instance"] = made.Addresses[0], made.ID
	}
	if public, err := run.Output[cloud.PublicAddress](f, stepPublic); err == nil {
		attributes["public_address"] = public.Address
	}
	if ticket, err := run.Output[ticketing.Ticket](f, runbook.StepTicket); err == nil {
		request.Ticket = ticket.ID
	}
	return request
}

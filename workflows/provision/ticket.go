package provision

import (
	"fermata/spec"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

func (p *provision) desk(f *run.Frame) runbook.Desk {
	return runbook.Desk{Frame: f, Ticket: p.server.Spec.Ticket, Subject: p.subject(), Owner: p.Owner()}
}

func (p *decommission) desk(f *run.Frame) runbook.Desk {
	return runbook.Desk{Frame: f, Ticket: p.server.Spec.Ticket, Subject: p.subject(), Owner: p.Owner()}
}

func (p *change) desk(f *run.Frame) runbook.Desk {
	return runbook.Desk{Frame: f, Ticket: p.asked.server.Spec.Ticket, Subject: p.subject(), Owner: p.Owner()}
}

// subject is what the ticket is called.
func (p *provision) subject() string {
	if t := p.server.Spec.Ticket; t != nil && t.Subject != "" {
		return t.Subject
	}
	return "Provision " + p.server.Metadata.Name
}

// subject is what the ticket is called. The spec's own subject is for the provision.
func (p *decommission) subject() string { return "Decommission " + p.asked.Name }

// everyStepBefore names whatever may come last: runbook.Linked drops what a plan does not have.
func everyStepBefore(server *spec.Server) []string {
	after := []string{stepItem, stepVerify, stepReady, stepPool, runbook.StepHealth, runbook.StepApplication, runbook.StepSystem, runbook.StepReach, stepAbsent, stepDestroy, stepResolve}
	for _, device := range runbook.Firewalls(server.Spec.Firewall) {
		after = append(after, runbook.FirewallStep(device))
	}
	for _, v := range server.Spec.Storage {
		after = append(after, runbook.StepVolume+v.Name)
	}
	return after
}

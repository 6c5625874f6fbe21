package provision

import (
	"fmt"
	"strconv"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/inventory"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps that deal with the configuration item. They stand in keys of objects in the field: never rename one.
const (
	stepItem    = "item"     // Of a provision.
	stepItemOut = "item-out" // Of a decommission.
)

// lookAtInventory proves the way to the CMDB, and that no item in service has the name or the owner: it would hold the run at
// its last step, with the server in the pool.
func (p *provision) lookAtInventory(ctx workflow.Context) []wire.Observation {
	i := p.server.Spec.Inventory
	name := runbook.System(inventory.Capability, i.System)
	if _, err := inventory.Check(ctx, inventory.CheckInput{System: i.System, Class: i.Class}); err != nil {
		return runbook.Failed(name, err)
	}
	found, err := inventory.FindItems(ctx, inventory.FindItemsInput{System: i.System, Query: inventory.Query{
		Owner: p.Owner(), Class: i.Class, Name: p.server.Metadata.Name,
	}})
	if err != nil {
		return runbook.Failed(name, err)
	}
	seen := []wire.Observation{runbook.Fine(name, "reachable; items of %s can be made", classOf(i))}
	for _, item := range found.Items {
		if item.State == inventory.Retired || p.made(item.Key) {
			continue
		}
		who := "was not made by Fermata: retire it or choose another name"
		if item.Owner != "" {
			who = fmt.Sprintf("belongs to %s (key %s): decommission that first", item.Owner, item.Key)
		}
		seen = append(seen, runbook.Problem(name, "item %q (%s) is in service already and %s", item.Name, item.ID, who))
	}
	return seen
}

func classOf(i *spec.Inventory) string {
	if i.Class == "" {
		return "the configured class"
	}
	return "class " + i.Class
}

// register makes the configuration item, once the server was seen to work and before the ticket is closed, which it is linked
// with. An undo retires it: what stands in a CMDB is evidence.
func (p *provision) register(f *run.Frame, r resolved) []runbook.Planned {
	i := p.server.Spec.Inventory
	if i == nil {
		return nil
	}
	name := p.server.Metadata.Name
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepItem, Title: "register the configuration item", After: everyStepBefore(p.server), Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				out, err := inventory.RegisterItem(ctx, inventory.RegisterItemInput{System: i.System, Op: op, Request: p.itemRequest(f, r)})
				lines := []string{"item " + out.Item.ID + " " + out.Item.Link}
				if out.Item.Ticket != "" {
					lines = append(lines, "linked with ticket "+out.Item.Ticket)
				}
				return run.Result{Output: out.Item, Lines: lines}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := inventory.WithdrawItem(ctx, inventory.WithdrawItemInput{
					System: i.System, Op: op, Note: "Retired by Fermata: run " + op.Key.Run + ", which made it or brought it back, was undone.",
				})
				return err
			},
		},
		Action: wire.Create, Object: "configuration item " + name,
		Detail: []string{"of " + classOf(i) + ", address " + p.address(), "an undo retires it: items are evidence"},
	}}
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

// findItems lists the owner's items in service.
func (p *decommission) findItems(found *estate) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(inventory.Capability, p.server.Spec.Inventory.System)
		out, err := inventory.FindItems(ctx, inventory.FindItemsInput{System: p.server.Spec.Inventory.System, Query: inventory.Query{Owner: p.Owner()}})
		if err != nil {
			return runbook.Failed(name, err)
		}
		for _, item := range out.Items {
			if item.State == inventory.InService {
				found.Items = append(found.Items, listed{ID: item.ID, Class: item.Class, Name: item.Name})
			}
		}
		return []wire.Observation{runbook.Fine(name, "%d items of this owner in service", len(found.Items))}
	}
}

// listed is a configuration item as the plan of a decommission names it.
type listed struct {
	ID    string `json:"id"`
	Class string `json:"class"`
	Name  string `json:"name"`
}

// retireItems retires what the plan found. A restore brings exactly these back.
func (p *decommission) retireItems(found estate) []runbook.Planned {
	if len(found.Items) == 0 {
		return nil
	}
	set := func(ctx workflow.Context, op operation.Op, s inventory.State, note string) error {
		for _, item := range found.Items {
			_, err := inventory.SetState(ctx, inventory.SetStateInput{System: p.server.Spec.Inventory.System, Op: op, ItemID: item.ID, State: s, Note: note})
			if err != nil {
				return err
			}
		}
		return nil
	}
	object := "configuration items"
	for _, item := range found.Items {
		object += " " + item.Name + " (" + item.ID + ")"
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepItemOut, Title: "retire the configuration item", After: []string{stepRetire}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				err := set(ctx, op, inventory.Retired, "Retired by Fermata: decommissioned by run "+op.Key.Run+".")
				return run.Result{Lines: []string{object + " retired"}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				return set(ctx, op, inventory.InService, "Back in service by Fermata: the decommission, run "+op.Key.Run+", was taken back.")
			},
		},
		Action: wire.Change, Object: object, Detail: []string{"retired, not deleted: items are evidence"},
	}}
}

package provision

import (
	"go.temporal.io/sdk/workflow"

	"fermata/activities/inventory"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// stepItemAttributes stands in keys of objects in the field: never rename it. The steps that register and retire the item have
// the ids that a provision and a decommission give them.
const stepItemAttributes = "item-attributes"

// itemDiff is what happens to the configuration item.
type itemDiff struct {
	Register bool `json:"register,omitempty"`
	// Item gets other attributes: an empty value stands for none.
	Item       *runbook.Listed `json:"item,omitempty"`
	Attributes []pair          `json:"attributes,omitempty"`
	// Out are retired, in the database From: no item is asked for, or one in another database.
	Out  []runbook.Listed `json:"out,omitempty"`
	From *spec.Inventory  `json:"from,omitempty"`
}

// movesItem reports whether the recorded item's database is not asked for any more.
func (p *change) movesItem() bool {
	was, asked := p.was.server.Spec.Inventory, p.asked.server.Spec.Inventory
	return was != nil && (asked == nil || asked.System != was.System)
}

// lookAtItems are the readings of the item that is asked for, and of those that are not any more.
func (p *change) lookAtItems(now *reality) (readings []runbook.Reading) {
	if p.asked.server.Spec.Inventory != nil {
		readings = append(readings, p.asked.seeItem(now))
	}
	if p.movesItem() {
		readings = append(readings, runbook.FindItems(p.was.server.Spec.Inventory, p.Owner(), &now.itemsOut))
	}
	return readings
}

// seeItem finds the item in service that the owner has, and those of others that stand in the way of making one.
func (p *provision) seeItem(now *reality) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		i := p.server.Spec.Inventory
		name := runbook.System(inventory.Capability, i.System)
		if _, err := inventory.Check(ctx, inventory.CheckInput{System: i.System, Class: i.Class}); err != nil {
			return runbook.Failed(name, err)
		}
		query := inventory.Query{Owner: p.Owner(), Class: i.Class, Name: p.server.Metadata.Name}
		found, err := inventory.FindItems(ctx, inventory.FindItemsInput{System: i.System, Query: query})
		if err != nil {
			return runbook.Failed(name, err)
		}
		for _, item := range found.Items {
			switch {
			case item.State != inventory.InService:
			case item.Owner == p.Owner():
				now.items = append(now.items, item)
			default:
				now.peoples = append(now.peoples, item)
			}
		}
		now.listed = true
		return []wire.Observation{runbook.Fine(name, "reachable; %d items of this owner in service", len(now.items))}
	}
}

// item compares the item with what is asked for. Its observations are what forbids the change.
func (p *change) item(now reality, d *difference) []wire.Observation {
	diff := itemDiff{}
	if len(now.itemsOut) > 0 {
		diff.Out, diff.From = now.itemsOut, p.was.server.Spec.Inventory
	}
	problems := p.itemOf(now, &diff)
	if diff.Register || diff.Item != nil || len(diff.Out) > 0 {
		d.Item = &diff
	}
	return problems
}

func (p *change) itemOf(now reality, diff *itemDiff) (problems []wire.Observation) {
	i := p.asked.server.Spec.Inventory
	if i == nil || !now.listed {
		return nil
	}
	name := runbook.System(inventory.Capability, i.System)
	switch len(now.items) {
	case 0:
		for _, other := range now.peoples {
			problems = append(problems, runbook.Problem(name, "item %q (%s) is in service already and is not this server's: retire it or choose another name", other.Name, other.ID))
		}
		diff.Register = true
		return problems
	case 1:
	default:
		return []wire.Observation{runbook.Problem(name, "%d items of this owner are in service, expected one: retire the others", len(now.items))}
	}
	item := now.items[0]
	if others := p.asked.otherAttributes(item, now); len(others) > 0 {
		diff.Item, diff.Attributes = &runbook.Listed{ID: item.ID, Class: item.Class, Name: item.Name}, others
	}
	return nil
}

// otherAttributes are those that the item has otherwise than the server. What else stands in the item is not Fermata's.
func (p *provision) otherAttributes(item inventory.Item, now reality) (others []pair) {
	for _, a := range p.itemAttributes(now.machine.ID) {
		if a.Was = item.Attributes[a.Name]; a.Was != a.Is {
			others = append(others, a)
		}
	}
	return others
}

// listing registers the item or brings it up to date, and retires the one that is not asked for any more.
func (p *change) listing(f *run.Frame, d difference) (steps []runbook.Planned) {
	if d.Item == nil {
		return nil
	}
	i, name := p.asked.server.Spec.Inventory, p.asked.server.Metadata.Name
	if d.Item.Register {
		item := runbook.RegisterItem(stepItem, i, name, nil, func() inventory.Request {
			request := p.asked.itemOfMachine(f, p.asked.server.Spec.Compute.Template, d.Machine.ID)
			request.Description = "Registered by Fermata, run " + f.Run()
			return request
		})
		item.Detail[0] += ", address " + p.asked.address()
		steps = append(steps, item)
	}
	if d.Item.Item != nil {
		steps = append(steps, p.attributes(*d.Item))
	}
	return append(steps, runbook.RetireItemsOf("no longer asked for since", "change", stepItemOut, d.Item.From, d.Item.Out)...)
}

func (p *change) attributes(diff itemDiff) runbook.Planned {
	set := func(ctx workflow.Context, op operation.Op, attributes map[string]string, note string) error {
		_, err := inventory.SetAttributes(ctx, inventory.SetAttributesInput{
			System: p.asked.server.Spec.Inventory.System, Op: op, ItemID: diff.Item.ID, Attributes: attributes, Note: note,
		})
		return err
	}
	was, is := map[string]string{}, map[string]string{}
	var detail []string
	for _, a := range diff.Attributes {
		was[a.Name], is[a.Name] = a.Was, a.Is
		detail = append(detail, pair{Name: a.Name, Was: orNone(a.Was), Is: a.Is}.text())
	}
	return runbook.Planned{
		Step: run.Step{
			ID: stepItemAttributes, Title: "bring the configuration item up to date", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				return run.Result{Lines: detail}, set(ctx, op, is, "Changed by Fermata, run "+op.Key.Run+".")
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				return set(ctx, op, was, "As before by Fermata: run "+op.Key.Run+" was undone.")
			},
		},
		Action: wire.Change, Object: "configuration item " + diff.Item.Name + " (" + diff.Item.ID + ")", Detail: detail,
	}
}

// configurationItem is compared with the one that the record asks for.
func (c *comparison) configurationItem(p *provision, now reality) {
	object := "configuration item " + p.server.Metadata.Name
	if len(now.items) != 1 {
		actual := "none in service"
		if len(now.items) > 1 {
			actual = "several in service"
		}
		c.add(object, "in service", actual)
		return
	}
	c.add(object, "in service", "in service")
	for _, a := range p.otherAttributes(now.items[0], now) {
		c.add("attribute "+a.Name+" of the "+object, a.Is, orNone(a.Was))
	}
}

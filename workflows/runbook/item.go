package runbook

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/inventory"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

// LookAtInventory proves the way to the CMDB, and that no item in service has the name or the owner: it would hold the run at
// its last step, with its target in service.
func LookAtInventory(i *spec.Inventory, owner operation.Owner, target string, made func(key string) bool) Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := System(inventory.Capability, i.System)
		if _, err := inventory.Check(ctx, inventory.CheckInput{System: i.System, Class: i.Class}); err != nil {
			return Failed(name, err)
		}
		found, err := inventory.FindItems(ctx, inventory.FindItemsInput{System: i.System, Query: inventory.Query{Owner: owner, Class: i.Class, Name: target}})
		if err != nil {
			return Failed(name, err)
		}
		seen := []wire.Observation{Fine(name, "reachable; items of %s can be made", classOf(i))}
		for _, item := range found.Items {
			if item.State == inventory.Retired || made(item.Key) {
				continue
			}
			who := "was not made by Fermata: retire it or choose another name"
			if item.Owner != "" {
				who = fmt.Sprintf("belongs to %s (key %s): decommission that first", item.Owner, item.Key)
			}
			seen = append(seen, Problem(name, "item %q (%s) is in service already and %s", item.Name, item.ID, who))
		}
		return seen
	}
}

func classOf(i *spec.Inventory) string {
	if i.Class == "" {
		return "the configured class"
	}
	return "class " + i.Class
}

// RegisterItem makes the configuration item that stands for the target. An undo retires it: what stands in a CMDB is evidence.
func RegisterItem(id string, i *spec.Inventory, target string, after []string, request func() inventory.Request) Planned {
	return Planned{
		Step: run.Step{
			ID: id, Title: "register the configuration item", After: after, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				out, err := inventory.RegisterItem(ctx, inventory.RegisterItemInput{System: i.System, Op: op, Request: request()})
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
		Action: wire.Create, Object: "configuration item " + target,
		Detail: []string{"of " + classOf(i), "an undo retires it: items are evidence"},
	}
}

// Listed is a configuration item as the plan of a decommission names it.
type Listed struct {
	ID    string `json:"id"`
	Class string `json:"class"`
	Name  string `json:"name"`
}

// FindItems lists the owner's items in service.
func FindItems(i *spec.Inventory, owner operation.Owner, into *[]Listed) Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := System(inventory.Capability, i.System)
		out, err := inventory.FindItems(ctx, inventory.FindItemsInput{System: i.System, Query: inventory.Query{Owner: owner}})
		if err != nil {
			return Failed(name, err)
		}
		for _, item := range out.Items {
			if item.State == inventory.InService {
				*into = append(*into, Listed{ID: item.ID, Class: item.Class, Name: item.Name})
			}
		}
		return []wire.Observation{Fine(name, "%d items of this owner in service", len(*into))}
	}
}

// RetireItems retires what the plan of a decommission found. A restore brings exactly these back.
func RetireItems(id string, i *spec.Inventory, items []Listed, after ...string) []Planned {
	return RetireItemsOf("decommissioned by", "decommission", id, i, items, after...)
}

// RetireItemsOf is RetireItems of any process. People read in the item why it is retired ("no longer asked for since", the
// run), and of what that was a part ("change") where it comes back.
func RetireItemsOf(why, process, id string, i *spec.Inventory, items []Listed, after ...string) []Planned {
	if len(items) == 0 {
		return nil
	}
	set := func(ctx workflow.Context, op operation.Op, s inventory.State, note string) error {
		for _, item := range items {
			_, err := inventory.SetState(ctx, inventory.SetStateInput{System: i.System, Op: op, ItemID: item.ID, State: s, Note: note})
			if err != nil {
				return err
			}
		}
		return nil
	}
	object := "configuration items"
	for _, item := range items {
		object += " " + item.Name + " (" + item.ID + ")"
	}
	return []Planned{{
		Step: run.Step{
			ID: id, Title: "retire the configuration item", After: after, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				err := set(ctx, op, inventory.Retired, "Retired by Fermata: "+why+" run "+op.Key.Run+".")
				return run.Result{Lines: []string{object + " retired"}}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				return set(ctx, op, inventory.InService, "Back in service by Fermata: the "+process+", run "+op.Key.Run+", was taken back.")
			},
		},
		Action: wire.Change, Object: object, Detail: []string{"retired, not deleted: items are evidence"},
	}}
}

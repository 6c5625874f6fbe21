package provision

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// cmdb is what the inventory's activities keep: the item stands in the estate's objects.
type cmdb struct {
	request inventory.Request // Of the item that was registered last.
	system  string
	found   []inventory.Item // What a search finds beside the run's own.
	deaf    bool             // States are answered and not set.
	notes   []string

	attributes map[string]string // Of the run's own item.
}

func withInventory(s *spec.Server) {
	s.Spec.Inventory = &spec.Inventory{System: "cmdb", Class: "cmdb_ci_linux_server"}
}

// keep registers the activities of the inventory.
func (b *bench) keep(t *testing.T) *cmdb {
	t.Helper()
	c, e := &cmdb{}, b.estate
	register := func(name string, f any) { b.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name}) }
	register("inventory.Check", func(context.Context, inventory.CheckInput) (inventory.CheckOutput, error) {
		return inventory.CheckOutput{}, e.did("inventory.Check", nil)
	})
	register("inventory.FindItems", func(_ context.Context, in inventory.FindItemsInput) (inventory.FindItemsOutput, error) {
		out := inventory.FindItemsOutput{Items: c.found}
		if state, there := e.objects["item"]; there {
			out.Items = append(slices.Clone(c.found), inventory.Item{ID: "ci-1", Class: "cmdb_ci_linux_server", Name: "web-01", Key: runULID + "/item/web-01", Owner: in.Query.Owner, State: inventory.State(state), Attributes: maps.Clone(c.attributes)})
		}
		return out, e.did("inventory.FindItems", nil)
	})
	register("inventory.RegisterItem", func(_ context.Context, in inventory.RegisterItemInput) (inventory.RegisterItemOutput, error) {
		c.request, c.system = in.Request, in.System
		err := e.did("inventory.RegisterItem", e.set("item", string(inventory.InService)))
		return inventory.RegisterItemOutput{Item: inventory.Item{ID: "ci-1", Link: "https://cmdb.estate.test/ci-1", Ticket: in.Request.Ticket}}, err
	})
	register("inventory.WithdrawItem", func(_ context.Context, in inventory.WithdrawItemInput) (inventory.WithdrawItemOutput, error) {
		c.notes = append(c.notes, in.Note)
		return inventory.WithdrawItemOutput{}, e.did("inventory.WithdrawItem", func() {
			if _, there := e.objects["item"]; there && in.Op.Key.String() == runULID+"/item/web-01" {
				e.objects["item"] = string(inventory.Retired)
			}
		})
	})
	register("inventory.SetAttributes", func(_ context.Context, in inventory.SetAttributesInput) (inventory.SetAttributesOutput, error) {
		c.notes = append(c.notes, in.ItemID+" "+in.Note)
		return inventory.SetAttributesOutput{}, e.did("inventory.SetAttributes", func() {
			for name, value := range in.Attributes {
				if c.attributes[name] = value; value == "" {
					delete(c.attributes, name)
				}
			}
		})
	})
	register("inventory.SetState", func(_ context.Context, in inventory.SetStateInput) (inventory.SetStateOutput, error) {
		c.notes = append(c.notes, in.ItemID+" "+in.Note)
		change := e.set("item", string(in.State))
		if c.deaf || in.ItemID != "ci-1" {
			change = nil
		}
		return inventory.SetStateOutput{}, e.did("inventory.SetState", change)
	})
	return c
}

func TestTheConfigurationItemIsRegisteredOnceTheServerWorks(t *testing.T) {
	t.Parallel()
	b := setup(t, withInventory)
	c := b.keep(t)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Equal(t, "in-service", b.estate.objects["item"])
	last := func(name string) int { return slices.Index(b.estate.calls, name) }
	for _, pair := range [][2]string{
		{"loadbalancer.SetMember", "inventory.RegisterItem"}, {"inventory.RegisterItem", "ticketing.AddNote"}, {"inventory.RegisterItem", "ticketing.SetStatus"},
	} {
		require.Less(t, last(pair[0]), last(pair[1]), "%v", pair)
	}
	verified, asked := b.step(t, stepVerify).Ended, b.step(t, stepItem).Started
	require.False(t, asked.Before(*verified), "not before it was seen to work")
	require.Equal(t, []string{"cmdb", "cmdb_ci_linux_server", "web-01", "10.20.0.11", "7"},
		[]string{c.system, c.request.Class, c.request.Name, c.request.Address, c.request.Ticket})
	server := &spec.Server{}
	require.NoError(t, json.Unmarshal(b.document, server))
	require.Equal(t, "2", c.request.Attributes[inventory.CPUs])
	require.Equal(t, "4096", c.request.Attributes[inventory.MemoryMiB])
	require.Equal(t, "web-01."+server.Spec.Network.Domain, c.request.Attributes[inventory.FQDN])
	require.Equal(t, server.Metadata.Environment, c.request.Attributes["environment"])
	require.Equal(t, "vm-1", c.request.Attributes["machine"])
	require.Contains(t, c.request.Description, runULID)
	require.Equal(t, []string{"item ci-1 https://cmdb.estate.test/ci-1", "linked with ticket 7"}, b.step(t, stepItem).Result)
}

func TestNoItemWithoutTheSection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.estate.unpolled = []string{"fermata.inventory"}
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	for _, call := range b.estate.calls {
		require.False(t, strings.HasPrefix(call, "inventory."), call)
	}
}

func TestAnItemWithoutATicket(t *testing.T) {
	t.Parallel()
	b := setup(t, withInventory, func(s *spec.Server) { s.Spec.Ticket, s.Spec.Inventory.Class = nil, "" })
	c := b.keep(t)
	b.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Empty(t, c.request.Ticket)
	require.Empty(t, c.request.Class)
	require.Equal(t, "in-service", b.estate.objects["item"])
}

// An undo retires the item, whether the answer to its making came or not; what never began is not taken back.
func TestAnUndoRetiresTheItem(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]struct {
		item  string
		calls int
	}{
		"ticketing.AddNote": {"retired", 1}, "inventory.RegisterItem": {"", 1}, "guest.InstallApplication": {"", 0},
	} {
		t.Run("at "+at, func(t *testing.T) {
			t.Parallel()
			b := setup(t, withInventory)
			c := b.keep(t)
			b.estate.failing[at] = fault.Invalid
			b.say(t, time.Minute, bob, decision.Approve, "")
			b.say(t, 3*time.Minute, alice, decision.Undo, "", func(*decision.Envelope, *string) { delete(b.estate.failing, "ticketing.AddNote") })
			out := b.carry(t)
			require.Equal(t, wire.Undone, out.Outcome)
			require.Empty(t, out.LeftBehind)
			require.Equal(t, want.item, b.estate.objects["item"])
			require.Equal(t, want.calls, b.times("inventory.WithdrawItem"))
			require.NotContains(t, b.estate.objects, "machine")
			for _, note := range c.notes {
				require.Contains(t, note, runULID)
			}
		})
	}
}

func TestAnItemThatStaysInServiceIsLeftBehind(t *testing.T) {
	t.Parallel()
	b := setup(t, withInventory)
	b.keep(t)
	b.estate.failing["ticketing.AddNote"], b.estate.failing["inventory.WithdrawItem"] = fault.Invalid, fault.Conflict
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 3*time.Minute, alice, decision.Undo, "", func(*decision.Envelope, *string) { delete(b.estate.failing, "ticketing.AddNote") })
	out := b.carry(t)
	require.Equal(t, wire.Undone, out.Outcome)
	require.Len(t, out.LeftBehind, 1)
	require.Contains(t, out.LeftBehind[0], "register the configuration item")
}

func TestPreflightLooksAtTheInventory(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		spoil func(*world, *cmdb)
		text  string
	}{
		"nobody serves it": {func(e *world, _ *cmdb) { e.unpolled = []string{"fermata.inventory"} }, "no worker serves queue fermata.inventory"},
		"it is away":       {func(e *world, _ *cmdb) { e.failing["inventory.Check"] = fault.Unauthorized }, "inventory.Check fails"},
		"no class":         {func(e *world, _ *cmdb) { e.failing["inventory.FindItems"] = fault.Invalid }, "inventory.FindItems fails"},
		"people's item": {func(_ *world, c *cmdb) {
			c.found = []inventory.Item{{ID: "ci-9", Name: "web-01", State: inventory.InService}}
		}, "(ci-9) is in service already and was not made by Fermata"},
		"another run's": {func(_ *world, c *cmdb) {
			c.found = []inventory.Item{{ID: "ci-9", Name: "web-01", State: inventory.InService, Key: "01A/item/web-01", Owner: "server/web-01"}}
		}, "belongs to server/web-01 (key 01A/item/web-01)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, withInventory)
			x.spoil(b.estate, b.keep(t))
			out := b.carry(t)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
			require.Empty(t, b.estate.objects)
		})
	}
}

// A retired item is no obstacle, and neither is what this very run made before it was reset.
func TestItemsThatAreNoObstacle(t *testing.T) {
	t.Parallel()
	b := setup(t, withInventory)
	c := b.keep(t)
	b.estate.objects["item"] = string(inventory.InService)
	c.found = []inventory.Item{{ID: "ci-9", Name: "web-01", State: inventory.Retired, Key: "01A/item/web-01", Owner: "server/web-01"}}
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.carry(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
}

// decommissioned is outOfService for a server that has an item.
func decommissioned(t *testing.T, then func(*bench, *cmdb)) (*bench, *cmdb, wire.StartOutput) {
	t.Helper()
	first := setup(t, withInventory)
	first.keep(t)
	first.say(t, time.Minute, bob, decision.Approve, "")
	require.Equal(t, wire.Done, first.carry(t).Outcome)
	b := setup(t)
	c := b.keep(t)
	c.found = []inventory.Item{{ID: "ci-0", Name: "web-01", Owner: "server/web-01", Key: "01A/item/web-01", State: inventory.Retired}}
	b.estate.objects, b.estate.records = first.estate.objects, first.estate.records
	hour := int64(3600)
	document, err := json.Marshal(wire.Decommission{Kind: wire.DecommissionKind, Name: "web-01", Grace: &hour})
	require.NoError(t, err)
	b.say(t, time.Minute, bob, decision.Approve, "")
	then(b, c)
	b.ExecuteWorkflow(wire.DecommissionServer, wire.StartInput{Run: runULID, Document: document, Start: b.start(t, wire.DecommissionServer, document)})
	return b, c, b.result(t)
}

func TestADecommissionRetiresTheItem(t *testing.T) {
	t.Parallel()
	t.Run("the grace period passes", func(t *testing.T) {
		t.Parallel()
		b, c, out := decommissioned(t, func(b *bench, _ *cmdb) {
			b.RegisterDelayedCallback(func() {
				require.Equal(t, wire.Grace, b.progress(t).Phase)
				require.Equal(t, "retired", b.estate.objects["item"], "before the grace period")
			}, 30*time.Minute)
		})
		require.Equal(t, wire.Done, out.Outcome, out.Reason)
		require.Equal(t, map[string]string{"ticket": "resolved", "item": "retired"}, b.estate.objects)
		require.Equal(t, []string{"ci-1 Retired by Fermata: decommissioned by run " + runULID + "."}, c.notes, "what was retired before is left alone")
	})
	t.Run("restored", func(t *testing.T) {
		t.Parallel()
		b, c, out := decommissioned(t, func(b *bench, _ *cmdb) { b.say(t, 10*time.Minute, alice, decision.Restore, "") })
		require.Equal(t, wire.Restored, out.Outcome)
		require.Empty(t, out.LeftBehind)
		require.Equal(t, map[string]string{"machine": "on", "rules": "open", "member": "ready", "ticket": "rejected", "item": "in-service"}, b.estate.objects)
		require.Len(t, c.notes, 2)
		require.Contains(t, c.notes[1], "ci-1 Back in service")
	})
	t.Run("cancelled as it is retired", func(t *testing.T) {
		t.Parallel()
		b, _, out := decommissioned(t, func(b *bench, _ *cmdb) {
			b.estate.failing["inventory.SetState"] = fault.Unavailable
			b.say(t, time.Minute+10*time.Second, bob, decision.Cancel, "", func(*decision.Envelope, *string) { delete(b.estate.failing, "inventory.SetState") })
		})
		require.Equal(t, wire.Cancelled, out.Outcome)
		require.Empty(t, out.LeftBehind)
		require.Equal(t, "in-service", b.estate.objects["item"])
	})
	t.Run("one that stays in service is left", func(t *testing.T) {
		t.Parallel()
		_, _, out := decommissioned(t, func(b *bench, c *cmdb) {
			c.deaf = true
			b.say(t, 2*time.Hour, bob, decision.Undo, "")
		})
		require.Equal(t, wire.Undone, out.Outcome, "the last look held the run")
		require.Contains(t, out.Reason, bob)
	})
}

func TestTheTicketIsNotClosedBeforeTheItemIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t, withInventory)
	b.keep(t)
	b.estate.failing["inventory.RegisterItem"] = fault.Conflict
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.RegisterDelayedCallback(func() {
		require.Equal(t, "open", b.estate.objects["ticket"])
		delete(b.estate.failing, "inventory.RegisterItem")
	}, 2*time.Minute)
	b.say(t, 3*time.Minute, alice, decision.Retry, stepItem)
	require.Equal(t, wire.Done, b.carry(t).Outcome)
	require.Equal(t, []string{"resolved", "in-service"}, []string{b.estate.objects["ticket"], b.estate.objects["item"]})
}

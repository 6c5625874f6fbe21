package provision

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// listed makes a server that has a configuration item, if its spec asked for one, and then a document that asks for something
// else.
func listed(t *testing.T, ask func(*spec.Server), was ...func(*spec.Server)) (*bench, *standing, *cmdb) {
	t.Helper()
	b, s := inService(t, ask, was...)
	c := b.keep(t)
	recorded := &spec.Server{}
	require.NoError(t, json.Unmarshal(b.estate.records[0].Spec, recorded))
	if recorded.Spec.Inventory != nil {
		b.estate.objects["item"] = string(inventory.InService)
		c.attributes = attributesOf(recorded)
	}
	return b, s, c
}

// attributesOf are those of a server's item, with some that no change looks at.
func attributesOf(server *spec.Server) map[string]string {
	attributes := map[string]string{"template": "as the platform names it", "note": "somebody's"}
	for _, a := range (&provision{server: server}).itemAttributes("vm-1") {
		attributes[a.Name] = a.Is
	}
	return attributes
}

func TestAnItemThatIsAsItWasRegistered(t *testing.T) {
	t.Parallel()
	b, s, _ := listed(t, asBefore, withInventory)
	require.Equal(t, wire.NothingToChange, b.alter(t).Reason)
	require.Empty(t, s.acts())
}

// A discovery may have given the item another class, and an item of the server's own that no record asked for is taken up.
func TestItemsThatAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	for name, was := range map[string][]func(*spec.Server){"of another class": {withInventory}, "of before": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, c := listed(t, withInventory, was...)
			delete(b.estate.objects, "item")
			c.found = []inventory.Item{{ID: "ci-9", Class: "cmdb_ci_server", Name: "web-01", State: inventory.InService, Owner: "server/web-01", Key: "01A/item/web-01"}}
			b.say(t, time.Minute, bob, decision.Approve, "")
			c.attributes = map[string]string{}
			out := b.alter(t)
			require.Equal(t, wire.Done, out.Outcome, out.Reason)
			require.Equal(t, []string{"inventory.SetAttributes"}, s.acts())
			require.Equal(t, "ci-9 Changed by Fermata, run "+runULID+".", c.notes[0])
		})
	}
}

func TestTheItemFollowsTheServer(t *testing.T) {
	t.Parallel()
	b, s, c := listed(t, more, withInventory)
	b.say(t, time.Minute, bob, decision.Approve, "")
	out := b.alter(t)
	require.Equal(t, wire.Done, out.Outcome, out.Reason)
	acts := s.acts()
	require.Equal(t, []string{"probe.Get", "inventory.SetAttributes"}, acts[len(acts)-2:], "once the server was seen to work")
	asked := &spec.Server{}
	require.NoError(t, json.Unmarshal(b.document, asked))
	require.Equal(t, attributesOf(asked), c.attributes, "what else stands in it stays")
	require.Equal(t, []string{
		"cpus: 2 -> 3", "memory_mib: 4096 -> 8192", "volumes: /srv/data 20GiB -> /srv/data 40GiB, /srv/logs 1GiB",
	}, b.lastStep(t, stepItemAttributes).Result)
	require.Equal(t, []string{"ci-1 Changed by Fermata, run " + runULID + "."}, c.notes)
}

func TestTheItemIsAsBeforeAfterAnUndo(t *testing.T) {
	t.Parallel()
	b, _, c := listed(t, func(x *spec.Server) { x.Spec.Compute.CPUs++ }, withInventory)
	delete(c.attributes, "environment") // Somebody took it away.
	before := map[string]string{}
	for name, value := range c.attributes {
		before[name] = value
	}
	b.estate.failing["ticketing.AddNote"] = fault.Invalid
	b.say(t, time.Minute, bob, decision.Approve, "")
	b.say(t, 10*time.Minute, alice, decision.Undo, "", func(*decision.Envelope, *string) { delete(b.estate.failing, "ticketing.AddNote") })
	out := b.alter(t)
	require.Equal(t, wire.Undone, out.Outcome)
	require.Empty(t, out.LeftBehind)
	require.Equal(t, before, c.attributes)
	require.Len(t, c.notes, 2)
}

func TestAnItemForAServerThatHasNone(t *testing.T) {
	t.Parallel()
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		b, s, c := listed(t, withInventory)
		b.say(t, time.Minute, bob, decision.Approve, "")
		out := b.alter(t)
		require.Equal(t, wire.Done, out.Outcome, out.Reason)
		require.Equal(t, []string{"inventory.RegisterItem"}, s.acts())
		require.Equal(t, []string{"cmdb", "cmdb_ci_linux_server", "web-01", "10.20.0.11", "7", "vm-1", "2", "debian-12"}, []string{
			c.system, c.request.Class, c.request.Name, c.request.Address, c.request.Ticket, c.request.Attributes["machine"],
			c.request.Attributes[inventory.CPUs], c.request.Attributes["template"],
		})
		require.Contains(t, c.request.Description, runULID)
	})
	t.Run("undone", func(t *testing.T) {
		t.Parallel()
		b, _, _ := listed(t, withInventory)
		b.estate.failing["ticketing.AddNote"] = fault.Invalid
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.say(t, 10*time.Minute, alice, decision.Undo, "", func(*decision.Envelope, *string) { delete(b.estate.failing, "ticketing.AddNote") })
		out := b.alter(t)
		require.Equal(t, wire.Undone, out.Outcome)
		require.Empty(t, out.LeftBehind)
		require.Equal(t, "retired", b.estate.objects["item"])
	})
	t.Run("held", func(t *testing.T) {
		t.Parallel()
		b, _, _ := listed(t, withInventory)
		b.estate.failing["inventory.RegisterItem"] = fault.Conflict
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.RegisterDelayedCallback(func() { delete(b.estate.failing, "inventory.RegisterItem") }, 2*time.Minute)
		b.say(t, 3*time.Minute, alice, decision.Retry, stepItem)
		require.Equal(t, wire.Done, b.alter(t).Outcome)
		require.Equal(t, "in-service", b.estate.objects["item"])
	})
	// People retired it: the record says that the server has one.
	t.Run("any more", func(t *testing.T) {
		t.Parallel()
		b, s, _ := listed(t, asBefore, withInventory)
		b.estate.objects["item"] = string(inventory.Retired)
		b.say(t, time.Minute, bob, decision.Approve, "")
		require.Equal(t, wire.Done, b.alter(t).Outcome)
		require.Equal(t, []string{"inventory.RegisterItem"}, s.acts())
	})
}

func TestAnItemThatIsNoLongerAskedFor(t *testing.T) {
	t.Parallel()
	without := func(x *spec.Server) { x.Spec.Inventory = nil }
	t.Run("done", func(t *testing.T) {
		t.Parallel()
		b, s, c := listed(t, without, withInventory)
		b.say(t, time.Minute, bob, decision.Approve, "")
		out := b.alter(t)
		require.Equal(t, wire.Done, out.Outcome, out.Reason)
		require.Equal(t, []string{"inventory.SetState"}, s.acts())
		require.Equal(t, "retired", b.estate.objects["item"])
		require.Equal(t, []string{"ci-1 Retired by Fermata: no longer asked for since run " + runULID + "."}, c.notes)
	})
	t.Run("undone", func(t *testing.T) {
		t.Parallel()
		b, _, c := listed(t, without, withInventory)
		b.estate.failing["ticketing.AddNote"] = fault.Invalid
		b.say(t, time.Minute, bob, decision.Approve, "")
		b.say(t, 10*time.Minute, alice, decision.Undo, "", func(*decision.Envelope, *string) { delete(b.estate.failing, "ticketing.AddNote") })
		require.Equal(t, wire.Undone, b.alter(t).Outcome)
		require.Equal(t, "in-service", b.estate.objects["item"])
		require.Contains(t, c.notes[1], "the change, run "+runULID+", was taken back")
	})
}

func TestItemsThatForbidAChange(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct {
		was   []func(*spec.Server)
		ask   func(*spec.Server)
		spoil func(*world, *cmdb)
		text  string
	}{
		"people's item": {nil, withInventory, func(_ *world, c *cmdb) {
			c.found = []inventory.Item{{ID: "ci-9", Name: "web-01", State: inventory.InService}}
		}, `item "web-01" (ci-9) is in service already and is not this server's`},
		"two of the server": {[]func(*spec.Server){withInventory}, asBefore, func(_ *world, c *cmdb) {
			c.found = []inventory.Item{{ID: "ci-9", Name: "web-01", State: inventory.InService, Owner: "server/web-01"}}
		}, "2 items of this owner are in service"},
		"another class": {
			[]func(*spec.Server){withInventory},
			func(s *spec.Server) { s.Spec.Inventory.Class = "cmdb_ci_server" }, func(*world, *cmdb) {},
			`inventory.class: "cmdb_ci_server" instead of "cmdb_ci_linux_server"`,
		},
		"nobody serves it": {
			[]func(*spec.Server){withInventory},
			func(s *spec.Server) { s.Spec.Inventory = nil },
			func(e *world, _ *cmdb) { e.unpolled = []string{"fermata.inventory"} }, "--serve inventory",
		},
		"it is away": {nil, withInventory, func(e *world, _ *cmdb) { e.failing["inventory.Check"] = fault.Unauthorized }, "inventory.Check fails"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, s, c := listed(t, x.ask, x.was...)
			x.spoil(b.estate, c)
			out := b.alter(t)
			require.Equal(t, wire.Refused, out.Outcome)
			require.Contains(t, out.Reason, x.text)
			require.Empty(t, s.acts())
		})
	}
}

func TestDriftOfTheItemIsTold(t *testing.T) {
	t.Parallel()
	compare := func(t *testing.T, spoil func(*world, *cmdb)) []wire.Item {
		t.Helper()
		b, _, c := listed(t, asBefore, withInventory)
		spoil(b.estate, c)
		b.ExecuteWorkflow(wire.CompareServer, wire.CompareInput{Name: "web-01"})
		require.NoError(t, b.GetWorkflowError())
		var out wire.Comparison
		require.NoError(t, b.GetWorkflowResult(&out))
		require.Empty(t, out.Unread)
		return out.Drifted()
	}
	require.Empty(t, compare(t, func(*world, *cmdb) {}))
	require.Equal(t, []wire.Item{{Object: "configuration item web-01", Recorded: "in service", Actual: "none in service", Drift: true}},
		compare(t, func(e *world, _ *cmdb) { e.objects["item"] = string(inventory.Retired) }))
	require.Equal(t, []wire.Item{{Object: "attribute cpus of the configuration item web-01", Recorded: "2", Actual: "64", Drift: true}},
		compare(t, func(_ *world, c *cmdb) { c.attributes[inventory.CPUs] = "64" }))
}

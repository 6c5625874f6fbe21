package servicenow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/inventory/inventorytest"
	"fermata/integrations/servicenow"
	emulator "fermata/sandbox/estate/servicenow"
)

func itemRequest() inventory.Request {
	return inventory.Request{Name: "web-01", Address: "10.20.0.11", Description: "Provisioned", Attributes: map[string]string{
		inventory.CPUs: "2", inventory.MemoryMiB: "4096", inventory.FQDN: "web-01.estate.test", "site": "berlin",
	}}
}

// TestColumns: what a class has columns for stands in them, and in attributes all of it.
func TestColumns(t *testing.T) {
	t.Parallel()
	for class, has := range map[string]bool{"cmdb_ci_linux_server": true, "cmdb_ci_hardware": false} {
		b := setup(t, servicenow.Normal, nil)
		r := itemRequest()
		r.Class = class
		item, err := b.goodCMDB(t).EnsureItem(t.Context(), inventorytest.Op(), r)
		require.NoError(t, err)
		require.Equal(t, class, item.Class)
		require.Equal(t, b.server.URL()+"/"+class+".do?sys_id="+item.ID, item.Link)
		require.Equal(t, r.Attributes, item.Attributes)
		fields := b.server.ConfigurationItems()[0].Fields
		require.Equal(t, []string{"1", "1", "Provisioned", "web-01.estate.test"},
			[]string{fields["install_status"], fields["operational_status"], fields["short_description"], fields["fqdn"]})
		require.Equal(t, "[fermata owner server/web-01]\ncpus: 2\nfqdn: web-01.estate.test\nmemory_mib: 4096\nsite: berlin", fields["attributes"])
		if has {
			require.Equal(t, []string{"2", "4096"}, []string{fields["cpu_count"], fields["ram"]})
		} else {
			require.NotContains(t, fields, "cpu_count")
		}
	}
}

// TestClasses: the configured class counts where a spec names none, and nothing is written into tables that are no classes.
func TestClasses(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	none := b.desk(t, "fermata", goodPassword)
	require.NoError(t, none.CheckClass(t.Context(), ""), "who keeps tickets here only has no class")
	isKind(t, fault.Unauthorized, b.desk(t, "fermata", "not-the-password").CheckClass(t.Context(), ""))
	_, err := none.EnsureItem(t.Context(), inventorytest.Op(), itemRequest())
	isKind(t, fault.Invalid, err, "ciClass")
	_, err = none.FindItems(t.Context(), inventory.Query{Name: "web-01"})
	isKind(t, fault.Invalid, err, "ciClass")
	for _, class := range []string{"sys_user", "incident", "sys_script", "cmdb", "CMDB_CI_SERVER", "../sys_user", "cmdb_ci_server/" + itemID} {
		isKind(t, fault.Invalid, b.goodCMDB(t).CheckClass(t.Context(), class), "class")
		r := itemRequest()
		r.Class = class
		_, err := b.goodCMDB(t).EnsureItem(t.Context(), inventorytest.Op(), r)
		isKind(t, fault.Invalid, err, "class")
	}
	require.Empty(t, b.server.ConfigurationItems())
	isKind(t, fault.Invalid, b.goodCMDB(t).CheckClass(t.Context(), "cmdb_ci_oven"), "Invalid table cmdb_ci_oven")
}

// TestItemOfAnotherClass: a discovery that knows better gives an item a class that extends the one it was made in.
func TestItemOfAnotherClass(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	op := inventorytest.Op()
	item, err := b.goodCMDB(t).EnsureItem(t.Context(), op, itemRequest())
	require.NoError(t, err)
	require.NoError(t, b.server.Reclassify(item.ID, "cmdb_ci_linux_server"))
	again, err := b.goodCMDB(t).EnsureItem(t.Context(), op, itemRequest())
	require.NoError(t, err)
	require.Equal(t, []string{item.ID, "cmdb_ci_linux_server"}, []string{again.ID, again.Class})
	_, err = b.goodCMDB(t).EnsureItem(t.Context(), inventorytest.Op(), itemRequest())
	isKind(t, fault.Conflict, err, item.ID)
	retired, err := b.goodCMDB(t).EnsureState(t.Context(), op, item.ID, inventory.Retired, "x")
	require.NoError(t, err)
	require.Equal(t, inventory.Retired, retired.State)
	require.Len(t, b.server.ConfigurationItems(), 1)
}

// TestHostNamesKnowNoCase: people write WEB-01 for web-01.
func TestHostNamesKnowNoCase(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, func(o *emulator.Options) {
		o.FoldCase, o.Items = true, []emulator.Item{{ID: itemID, Class: itemClass, Name: "WEB-01"}}
	})
	_, err := b.goodCMDB(t).EnsureItem(t.Context(), inventorytest.Op(), itemRequest())
	isKind(t, fault.Conflict, err, itemID, "was not made by Fermata")
	require.Len(t, b.server.ConfigurationItems(), 1)
}

// TestItemThatCannotBeFoundAgain: what the user may not write is dropped, and a search for it returns everything.
func TestItemThatCannotBeFoundAgain(t *testing.T) {
	t.Parallel()
	for _, column := range []string{"correlation_id", "attributes"} {
		b := setup(t, servicenow.Normal, func(o *emulator.Options) {
			o.Users = append(o.Users, emulator.User{Name: "half", Password: "half-half-half", Roles: []string{"itil"}, Hidden: []string{"cmdb_ci." + column}})
		})
		half := b.cmdb(t, "half", "half-half-half")
		for range 2 {
			_, err := half.EnsureItem(t.Context(), inventorytest.Op(), itemRequest())
			isKind(t, fault.Unauthorized, err, column)
			require.Len(t, b.server.ConfigurationItems(), 1, "another one is not made: what the search returns gives it away")
		}
		require.Equal(t, "7", b.server.ConfigurationItems()[0].Fields["install_status"], "it would never be found again")
		require.Contains(t, b.server.ConfigurationItems()[0].Fields["comments"], "without its operation key")
	}
}

// TestRightsOfTheCMDB: a role lets in, and an ACL of a table still refuses.
func TestRightsOfTheCMDB(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, func(o *emulator.Options) {
		o.Users = append(o.Users,
			emulator.User{Name: "locked", Password: "locked-locked", Roles: []string{"itil"}, Locked: []string{"cmdb_ci"}},
			emulator.User{Name: "stuck", Password: "stuck-stuck", Roles: []string{"itil"}, Hidden: []string{"cmdb_ci.install_status"}},
			emulator.User{Name: "apart", Password: "apart-apart", Roles: []string{"itil"}, Hidden: []string{"change_request.cmdb_ci"}})
	})
	op := inventorytest.Op()
	locked := b.cmdb(t, "locked", "locked-locked")
	_, err := locked.EnsureItem(t.Context(), op, itemRequest())
	isKind(t, fault.Unauthorized, err, "ACL Exception")
	require.Empty(t, b.server.ConfigurationItems())
	item, err := b.goodCMDB(t).EnsureItem(t.Context(), op, itemRequest())
	require.NoError(t, err)
	_, err = locked.EnsureState(t.Context(), op, item.ID, inventory.Retired, "x")
	isKind(t, fault.Unauthorized, err, "ACL Exception")
	_, err = b.cmdb(t, "stuck", "stuck-stuck").EnsureState(t.Context(), op, item.ID, inventory.Retired, "x")
	isKind(t, fault.Unauthorized, err, "install_status")
	require.Equal(t, "1", b.server.ConfigurationItems()[0].Fields["install_status"])

	r := itemRequest()
	ticketOp := op
	ticketOp.Key.Step = "ticket"
	ticket, err := b.good(t).EnsureTicket(t.Context(), ticketOp, request())
	require.NoError(t, err)
	r.Ticket = ticket.ID
	_, err = b.cmdb(t, "apart", "apart-apart").EnsureItem(t.Context(), op, r)
	isKind(t, fault.Unauthorized, err, "cmdb_ci of change_request")
	require.Empty(t, b.server.Tickets()[0].Fields["cmdb_ci"])
}

// TestRuleOfTheCMDB: an instance's own rule may keep retired items retired.
func TestRuleOfTheCMDB(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, func(o *emulator.Options) { o.RetiredStay = true })
	op := inventorytest.Op()
	item, err := b.goodCMDB(t).EnsureItem(t.Context(), op, itemRequest())
	require.NoError(t, err)
	for range 2 {
		_, err = b.goodCMDB(t).EnsureState(t.Context(), op, item.ID, inventory.Retired, "x")
		require.NoError(t, err)
	}
	_, err = b.goodCMDB(t).EnsureState(t.Context(), op, item.ID, inventory.InService, "x")
	isKind(t, fault.Conflict, err, "Business Rule")
	_, err = b.goodCMDB(t).EnsureItem(t.Context(), inventorytest.Op(), itemRequest())
	isKind(t, fault.Conflict, err, "Business Rule")
	require.Len(t, b.server.ConfigurationItems(), 1)
	require.Equal(t, "7", b.server.ConfigurationItems()[0].Fields["install_status"])
}

// TestTicketOfTheItem: the ticket was opened before the item was there, maybe with an older namesake; this run's item counts.
func TestTicketOfTheItem(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	older, err := b.server.AddItem("somebody", itemClass, map[string]string{"name": "web-01", "install_status": "7"})
	require.NoError(t, err)
	op := inventorytest.Op()
	ticketOp := op
	ticketOp.Key.Step = "ticket"
	ticket, err := b.goodCMDB(t).EnsureTicket(t.Context(), ticketOp, request())
	require.NoError(t, err)
	require.Equal(t, older, b.server.Tickets()[0].Fields["cmdb_ci"])
	r := itemRequest()
	r.Ticket = ticket.ID
	item, err := b.goodCMDB(t).EnsureItem(t.Context(), op, r)
	require.NoError(t, err)
	require.NotEqual(t, older, item.ID)
	require.Equal(t, item.ID, b.server.Tickets()[0].Fields["cmdb_ci"])
}

// TestNotesFitTheirField: the newest notes stay whole, the oldest lines go.
func TestNotesFitTheirField(t *testing.T) {
	t.Parallel()
	b := setup(t, servicenow.Normal, nil)
	op := inventorytest.Op()
	item, err := b.goodCMDB(t).EnsureItem(t.Context(), op, itemRequest())
	require.NoError(t, err)
	_, err = b.goodCMDB(t).EnsureState(t.Context(), op, item.ID, inventory.Retired, strings.Repeat("first ", 500))
	require.NoError(t, err)
	_, err = b.goodCMDB(t).EnsureState(t.Context(), op, item.ID, inventory.InService, "[code]<b>x</b>[/code] second "+strings.Repeat("y", 1000))
	require.NoError(t, err)
	comments := b.server.ConfigurationItems()[0].Fields["comments"]
	require.True(t, strings.HasSuffix(comments, "yyyy"))
	require.Contains(t, comments, "(code)<b>x</b>(/code) second")
	require.NotContains(t, comments, "first")
}

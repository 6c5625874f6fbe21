package servicenow_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/inventory"
	"fermata/activities/inventory/inventorytest"
	"fermata/activities/operation"
	"fermata/integrations/servicenow"
	emulator "fermata/sandbox/estate/servicenow"
)

const itemClass = "cmdb_ci_server"

var ownerLine = regexp.MustCompile(`^\[fermata owner (.*)\](\n|$)`)

// TestInventoryConformance runs the suite beside each kind of ticket, with both kinds of credentials.
func TestInventoryConformance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind   servicenow.Kind
		oauth  bool
		change func(*emulator.Options)
	}{
		"changes":                       {servicenow.Normal, false, nil},
		"incidents":                     {servicenow.Incident, true, nil},
		"an instance that ignores case": {servicenow.Normal, false, func(o *emulator.Options) { o.FoldCase = true }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inventorytest.Run(t, inventorytest.Bench{Open: func(t *testing.T) inventorytest.System {
				t.Helper()
				b := setup(t, c.kind, c.change)
				b.oauth = c.oauth
				return b.cmdbSystem()
			}})
		})
	}
}

func (b bench) cmdb(t *testing.T, user, password string) *servicenow.Driver {
	t.Helper()
	c := b.config(user)
	c.CIClass = itemClass
	return desk(t, c, password)
}

func (b bench) goodCMDB(t *testing.T) *servicenow.Driver {
	t.Helper()
	if b.oauth {
		return b.cmdb(t, "app", goodSecret)
	}
	return b.cmdb(t, "fermata", goodPassword)
}

func (b bench) cmdbSystem() inventorytest.System {
	return inventorytest.System{
		Class: itemClass, Unknown: "cmdb_ci_oven", Absent: itemID,
		NewCMDB: func(t *testing.T) inventory.CMDB { t.Helper(); return b.goodCMDB(t) },
		Denied:  func(t *testing.T) inventory.CMDB { t.Helper(); return b.cmdb(t, "fermata", "not-the-password") },
		Weak:    func(t *testing.T) inventory.CMDB { t.Helper(); return b.cmdb(t, "weak", "weak-weak-weak") },
		Items:   b.judgeItems,
		Foreign: func(t *testing.T, item inventorytest.Judged) string {
			t.Helper()
			fields := map[string]string{
				"name": item.Name, "correlation_id": item.Key,
				"sys_created_on": fmt.Sprintf("2020-01-01 00:00:%02d", len(b.server.ConfigurationItems())), // An instance has no fractions of a second.
			}
			if item.Owner != "" {
				fields["attributes"] = "[fermata owner " + string(item.Owner) + "]"
			}
			if item.State == inventory.Retired {
				fields["install_status"], fields["operational_status"] = "7", "6"
			}
			id, err := b.server.AddItem("somebody", item.Class, fields)
			require.NoError(t, err)
			return id
		},
		OpenTicket: func(t *testing.T, op operation.Op) string {
			t.Helper()
			op.Key.Step = "ticket"
			ticket, err := b.good(t).EnsureTicket(t.Context(), op, request())
			require.NoError(t, err)
			return ticket.ID
		},
		Linked: func(t *testing.T, number string) string {
			t.Helper()
			for _, ticket := range b.server.Tickets() {
				if ticket.Number == number {
					return ticket.Fields["cmdb_ci"]
				}
			}
			require.Fail(t, "no ticket "+number)
			return ""
		},
		LoseNext: b.faults.LoseNext, FailNext: b.faults.FailNext,
		Down: func(t *testing.T) { t.Helper(); require.NoError(t, b.server.Close()) },
	}
}

// judgeItems reads the emulator's own state, and knows by itself how owner and state are written.
func (b bench) judgeItems(t *testing.T) (found []inventorytest.Judged) {
	t.Helper()
	for _, item := range b.server.ConfigurationItems() {
		one := inventorytest.Judged{
			ID: item.Fields["sys_id"], Class: item.Table, Name: item.Fields["name"], Address: item.Fields["ip_address"],
			Key: item.Fields["correlation_id"], State: inventory.InService, Text: item.Fields["attributes"] + "\n" + item.Fields["comments"],
		}
		if match := ownerLine.FindStringSubmatch(item.Fields["attributes"]); match != nil {
			one.Owner = operation.Owner(match[1])
		}
		if item.Fields["install_status"] == "7" {
			require.Equal(t, "6", item.Fields["operational_status"])
			one.State = inventory.Retired
		}
		found = append(found, one)
	}
	return found
}

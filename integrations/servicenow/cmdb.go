package servicenow

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/operation"
)

// EnsureItem makes the item of the operation, as inventory.CMDB says. It goes through the Table API, not through the
// identification engine: that one takes an item of the same name over. Faults beside those of the port: Invalid for what the
// fields cannot hold, Unauthorized where a right is missing (also one on correlation_id or attributes).
func (d *Driver) EnsureItem(ctx context.Context, op operation.Op, r inventory.Request) (inventory.Item, error) {
	if err := checkOperation(op); err != nil {
		return inventory.Item{}, fmt.Errorf("making a configuration item: %w", err)
	}
	if !nameable(r.Name) || r.Name != line(r.Name) {
		return inventory.Item{}, fault.New(fault.Invalid, "making a configuration item: no item can have the name %q", r.Name)
	}
	class, err := d.class(r.Class)
	if err != nil {
		return inventory.Item{}, err
	}
	found, err := d.keyedItems(ctx, op.Key.String())
	if err == nil && len(found) == 0 {
		found, err = d.makeItem(ctx, op, class, r)
	}
	if err != nil {
		return inventory.Item{}, err
	}
	item, err := d.adoptItem(ctx, op, found)
	if err == nil && r.Ticket != "" {
		item.Ticket, err = d.linkTicket(ctx, op, r.Ticket, item.ID)
	}
	return item, err
}

// makeItem brings the owner's retired item back, or creates one, and looks again: another attempt may have done the same.
func (d *Driver) makeItem(ctx context.Context, op operation.Op, class string, r inventory.Request) ([]itemRecord, error) {
	doing := fmt.Sprintf("making configuration item %q in %s", r.Name, class)
	content, err := writeAttributes(op.Owner, r.Attributes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	old, err := d.retiredItem(ctx, op, class, r.Name, doing)
	if err != nil {
		return nil, err
	}
	if old != nil && old.Key.value == op.Key.String() { // Another attempt was faster, just now.
		return d.keyedItems(ctx, op.Key.String())
	}
	fields := itemContent(op, r, content)
	var sysID string
	if old == nil {
		var made oneItem
		err = d.client.call(ctx, request{method: http.MethodPost, path: []string{"now", "table", class}, query: itemView(), body: fields, doing: doing}, &made)
		sysID = made.SysID.value
	} else {
		sysID = old.SysID.value
		fields["comments"] = noted(old.Comments.value, "Back in service by Fermata, operation "+op.Key.String()+"; before that it carried "+old.Key.value+".")
		err = d.updateItem(ctx, old.Class.value, sysID, fields, doing)
	}
	if err != nil {
		return nil, err
	}
	return d.seenAgain(ctx, op, sysID, doing)
}

// itemContent are the fields of a new item. What a class has no column for, an instance ignores; attributes hold it in any case.
func itemContent(op operation.Op, r inventory.Request, attributes string) map[string]string {
	fields := map[string]string{
		"name": r.Name, "ip_address": line(r.Address), "short_description": line(r.Description), "attributes": attributes,
		"correlation_id": op.Key.String(), "install_status": statusInstalled, "operational_status": operationalRunning,
	}
	for name, column := range columns() {
		if value := line(r.Attributes[name]); value != "" {
			fields[column] = value
		}
	}
	return fields
}

// columns are the attributes that classes have columns for.
func columns() map[string]string {
	return map[string]string{inventory.CPUs: "cpu_count", inventory.MemoryMiB: "ram", inventory.FQDN: "fqdn"}
}

// retiredItem returns the owner's newest retired item, or the one that carries the operation's key by now; nil if there is none.
// Fault: Conflict for another item in service that has the name or the owner: it belongs to another operation, or to people.
func (d *Driver) retiredItem(ctx context.Context, op operation.Op, class, name, doing string) (*itemRecord, error) {
	found, err := d.findItems(ctx, inventory.Query{Owner: op.Owner, Class: class, Name: name})
	if err != nil {
		return nil, err
	}
	var old *itemRecord
	for _, r := range found {
		owner, _ := readAttributes(r.Attributes.value)
		switch {
		case owner == op.Owner && r.Key.value == op.Key.String():
			return &r, nil
		case r.state() == inventory.Retired && owner == op.Owner:
			old = &r
		case r.state() == inventory.Retired:
		case owner == "":
			return nil, fault.New(fault.Conflict, "%s: item %q (%s) is in service already and was not made by Fermata: retire it, or give it another name",
				doing, r.Name.value, r.SysID.value)
		default:
			return nil, fault.New(fault.Conflict, "%s: item %q (%s) is in service already for %s, operation %s", doing, r.Name.value, r.SysID.value, owner, r.Key.value)
		}
	}
	return old, nil
}

// seenAgain reads back what was written. An instance drops what the user may not write without a word: an item that would never
// be found again is retired.
func (d *Driver) seenAgain(ctx context.Context, op operation.Op, sysID, doing string) ([]itemRecord, error) {
	mine, err := d.getItem(ctx, sysID, doing)
	if err != nil {
		return nil, err
	}
	if owner, _ := readAttributes(mine.Attributes.value); mine.Key.value != op.Key.String() || owner != op.Owner {
		err := fault.New(fault.Unauthorized, "%s: item %s does not show the key and the owner that were given to it: let the user read and write correlation_id and attributes of %s",
			doing, sysID, baseClass)
		if retiring := d.retireItem(ctx, mine, "Retired by Fermata: this item was made without its operation key, so it could not be found again.", doing); retiring != nil {
			d.log.WarnContext(ctx, "an item without a key stays in service", "item", sysID, "reason", retiring.Error())
		}
		return nil, err
	}
	found, err := d.keyedItems(ctx, op.Key.String())
	if err == nil && len(found) == 0 { // The search lags behind, and the next attempt sees.
		err = fault.New(fault.Unavailable, "%s: item %s is not found by its key yet", doing, sysID)
	}
	return found, err
}

// adoptItem returns the oldest of the items that carry the key, in service. The others are retired.
func (d *Driver) adoptItem(ctx context.Context, op operation.Op, found []itemRecord) (inventory.Item, error) {
	oldest, others := found[0], found[1:]
	if owner, _ := readAttributes(oldest.Attributes.value); owner != op.Owner {
		return inventory.Item{}, fault.New(fault.Conflict, "making a configuration item: item %s carries the key %s and belongs to %q", oldest.SysID.value, op.Key, owner)
	}
	for _, other := range others {
		why := "Retired by Fermata: item " + oldest.SysID.value + " is the one of this operation. Two attempts at one step made an item each; the older one counts."
		if err := d.retireItem(ctx, other, why, "retiring a double item"); err != nil {
			return inventory.Item{}, err
		}
	}
	return d.EnsureState(ctx, op, oldest.SysID.value, inventory.InService, "Back in service by Fermata, operation "+op.Key.String()+".")
}

// EnsureState brings the item into the state, as inventory.CMDB says. State and note are written at once, so a note is there
// once. Faults beside those of the port: Invalid for an id that is none.
func (d *Driver) EnsureState(ctx context.Context, op operation.Op, id string, s inventory.State, note string) (inventory.Item, error) {
	doing := fmt.Sprintf("bringing configuration item %s to %q", id, s)
	if !sysIDForm.MatchString(id) || (s != inventory.InService && s != inventory.Retired) {
		return inventory.Item{}, fault.New(fault.Invalid, "%s: expected a sys_id, and in-service or retired", doing)
	}
	r, err := d.getItem(ctx, id, doing)
	if err != nil {
		return inventory.Item{}, err
	}
	if owner, _ := readAttributes(r.Attributes.value); owner != op.Owner {
		return inventory.Item{}, fault.New(fault.Conflict, "%s: it belongs to %q, not to %s", doing, owner, op.Owner)
	}
	if r.state() == s {
		return d.shown(r), nil
	}
	if err := d.moveItem(ctx, r, s, note, doing); err != nil {
		return inventory.Item{}, err
	}
	if r, err = d.getItem(ctx, id, doing); err != nil {
		return inventory.Item{}, err
	}
	if r.state() != s {
		return inventory.Item{}, fault.New(fault.Unauthorized, "%s: it stays %q: let the user write install_status of %s", doing, r.Status.display, baseClass)
	}
	return d.shown(r), nil
}

func (d *Driver) retireItem(ctx context.Context, r itemRecord, note, doing string) error {
	if r.state() == inventory.Retired {
		return nil
	}
	return d.moveItem(ctx, r, inventory.Retired, note, doing)
}

func (d *Driver) moveItem(ctx context.Context, r itemRecord, s inventory.State, note, doing string) error {
	fields := map[string]string{"install_status": statusInstalled, "operational_status": operationalRunning}
	if s == inventory.Retired {
		fields = map[string]string{"install_status": statusRetired, "operational_status": operationalRetired}
	}
	maps.Copy(fields, map[string]string{"comments": noted(r.Comments.value, note)})
	return d.updateItem(ctx, r.Class.value, r.SysID.value, fields, doing)
}

// linkTicket writes the item into cmdb_ci of this run's ticket, and returns its number. A ticket of another system is none of
// this one's. Fault: Conflict for one of another run.
func (d *Driver) linkTicket(ctx context.Context, op operation.Op, number, sysID string) (string, error) {
	if !numberForm.MatchString(number) {
		d.log.InfoContext(ctx, "a ticket of another system is not linked with the item", "ticket", number)
		return "", nil
	}
	ticket, err := d.numbered(ctx, number)
	if fault.Is(err, fault.NotFound) {
		d.log.InfoContext(ctx, "a ticket of another system is not linked with the item", "ticket", number)
		return "", nil
	}
	if err != nil {
		return "", err
	}
	doing := "linking ticket " + number + " with item " + sysID
	if !op.Key.SameRun(ticket.Key.value) {
		return "", fault.New(fault.Conflict, "%s: it belongs to another operation (its correlation_id is %q)", doing, ticket.Key.value)
	}
	if ticket.Item.value == sysID {
		return number, nil
	}
	if err := d.update(ctx, ticket.SysID.value, map[string]string{"cmdb_ci": sysID}, doing); err != nil {
		return "", err
	}
	if ticket, err = d.get(ctx, ticket.SysID.value, doing); err != nil {
		return "", err
	}
	if ticket.Item.value != sysID {
		return "", fault.New(fault.Unauthorized, "%s: the link does not show: let the user read and write cmdb_ci of %s", doing, d.config.table())
	}
	return number, nil
}

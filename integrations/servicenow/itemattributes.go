package servicenow

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// EnsureAttributes changes lines of the item's attributes and the columns that stand for them, as inventory.CMDB says.
// Attributes and note are written at once, so a note is there once. Lines that people wrote stay.
func (d *Driver) EnsureAttributes(ctx context.Context, op operation.Op, id string, attributes map[string]string, note string) (inventory.Item, error) {
	doing := "changing attributes of configuration item " + fmt.Sprintf("%q", id)
	if !sysIDForm.MatchString(id) {
		return inventory.Item{}, fault.New(fault.Invalid, "%s: expected a sys_id", doing)
	}
	r, fields, err := d.attributeChange(ctx, op, id, attributes, doing)
	if err != nil || len(fields) == 0 {
		return d.shown(r), err
	}
	fields["comments"] = noted(r.Comments.value, note)
	if err := d.updateItem(ctx, r.Class.value, id, fields, doing); err != nil {
		return inventory.Item{}, err
	}
	if r, fields, err = d.attributeChange(ctx, op, id, attributes, doing); err == nil && len(fields) > 0 {
		err = fault.New(fault.Unauthorized, "%s: they stay as they were: let the user write attributes of %s", doing, baseClass)
	}
	return d.shown(r), err
}

// attributeChange reads the item and says which fields are to be written; none where it is as wanted.
func (d *Driver) attributeChange(ctx context.Context, op operation.Op, id string, attributes map[string]string, doing string) (itemRecord, map[string]string, error) {
	if err := checkOperation(op); err != nil {
		return itemRecord{}, nil, fmt.Errorf("%s: %w", doing, err)
	}
	r, err := d.getItem(ctx, id, doing)
	if err != nil {
		return itemRecord{}, nil, err
	}
	if owner, _ := readAttributes(r.Attributes.value); owner != op.Owner {
		return itemRecord{}, nil, fault.New(fault.Conflict, "%s: it belongs to %q, not to %s", doing, owner, op.Owner)
	}
	content, err := editAttributes(r.Attributes.value, attributes)
	if err != nil {
		return itemRecord{}, nil, fmt.Errorf("%s: %w", doing, err)
	}
	if content == plainLines(r.Attributes.value) {
		return r, nil, nil
	}
	fields := map[string]string{"attributes": content}
	for name, column := range columns() {
		if value, named := attributes[name]; named {
			fields[column] = line(value)
		}
	}
	return r, fields, nil
}

func plainLines(content string) string {
	return strings.TrimRight(strings.ReplaceAll(content, "\r\n", "\n"), "\n")
}

// editAttributes replaces the lines of the attributes that are named, takes away those that are empty, and puts the others
// behind. Faults: those of writeAttributes.
func editAttributes(content string, attributes map[string]string) (string, error) {
	if _, err := writeAttributes("", attributes); err != nil {
		return "", err
	}
	wanted := maps.Clone(attributes)
	var lines []string
	for i, old := range strings.Split(plainLines(content), "\n") {
		name, _, _ := strings.Cut(strings.TrimSpace(old), ": ")
		value, named := attributes[name]
		if i == 0 || !named {
			lines = append(lines, old)
			continue
		}
		if _, first := wanted[name]; first && value != "" {
			lines = append(lines, name+": "+ticketing.Line(value, valueLimit))
		}
		delete(wanted, name)
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if wanted[name] != "" {
			lines = append(lines, name+": "+ticketing.Line(wanted[name], valueLimit))
		}
	}
	edited := strings.Join(lines, "\n")
	if len(edited) > attributesLimit {
		return "", fault.New(fault.Invalid, "the item's attributes are %d bytes, and %d fit", len(edited), attributesLimit)
	}
	return edited, nil
}

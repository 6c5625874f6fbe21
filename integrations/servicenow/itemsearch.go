package servicenow

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/operation"
)

// CheckClass proves that items of the class can be changed, as inventory.CMDB says. Like Check, it updates a record that cannot
// exist, because there is no way to ask for a right.
func (d *Driver) CheckClass(ctx context.Context, class string) error {
	if class == "" && d.config.CIClass == "" { // Who keeps tickets here only has no class.
		_, err := d.searchItems(ctx, baseClass, "name=fermata", "asking whether the CMDB answers")
		return err
	}
	class, err := d.class(class)
	if err != nil {
		return err
	}
	doing := "asking whether the user may change items of " + class
	err = d.updateItem(ctx, class, strings.Repeat("0", 32), map[string]string{}, doing)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case fault.Is(err, fault.Ambiguous): // Nothing could have changed.
		return fault.Wrap(fault.Unavailable, err, "")
	case err == nil:
		return fault.New(fault.Invalid, "%s: the instance changed a record that cannot exist: is url the address of one?", doing)
	}
	return err
}

// class is the class that is asked for, or the configured one.
func (d *Driver) class(class string) (string, error) {
	if class == "" {
		class = d.config.CIClass
	}
	if class == "" {
		return "", fault.New(fault.Invalid, "which class is the configuration item of? set it in the spec, or ciClass in the configuration")
	}
	if !itemClassForm.MatchString(class) {
		return "", fault.New(fault.Invalid, "class %q: expected one of the CMDB such as cmdb_ci_server, or an own one that begins with u_ or x_", class)
	}
	return class, nil
}

// FindItems looks for items, as inventory.CMDB says. Faults: Invalid for a name without a class, or what a query cannot hold.
func (d *Driver) FindItems(ctx context.Context, q inventory.Query) ([]inventory.Item, error) {
	found, err := d.findItems(ctx, q)
	items := make([]inventory.Item, 0, len(found))
	for _, r := range found {
		items = append(items, d.shown(r))
	}
	return items, err
}

func (d *Driver) findItems(ctx context.Context, q inventory.Query) (found []itemRecord, err error) {
	if q.Owner != "" {
		if found, err = d.ownedItems(ctx, q.Owner); err != nil {
			return nil, err
		}
	}
	if q.Name != "" {
		named, err := d.namedItems(ctx, q.Class, q.Name)
		if err != nil {
			return nil, err
		}
		for _, r := range named {
			if !slices.ContainsFunc(found, func(other itemRecord) bool { return other.SysID.value == r.SysID.value }) {
				found = append(found, r)
			}
		}
	}
	sortItems(found)
	return found, nil
}

func sortItems(found []itemRecord) {
	slices.SortFunc(found, func(a, b itemRecord) int {
		return cmp.Or(cmp.Compare(a.Created.value, b.Created.value), cmp.Compare(a.SysID.value, b.SysID.value))
	})
}

// ownedItems returns the owner's items in all classes.
func (d *Driver) ownedItems(ctx context.Context, owner operation.Owner) ([]itemRecord, error) {
	doing := "looking for the items of " + string(owner)
	if !valueForm.MatchString(string(owner)) {
		return nil, fault.New(fault.Invalid, "%s: expected up to 100 letters, digits and . _ : / @ + -", doing)
	}
	found, err := d.searchItems(ctx, baseClass, "attributesLIKE"+ownerMark(owner)+"^ORDERBYsys_created_on", doing)
	if err != nil {
		return nil, err
	}
	if err := showing(found, doing, "attributes", func(r itemRecord) bool {
		return strings.Contains(strings.ToLower(r.Attributes.value), strings.ToLower(ownerMark(owner)))
	}); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(r itemRecord) bool { o, _ := readAttributes(r.Attributes.value); return o != owner }), nil
}

// namedItems returns the items of the name in the class, and those that extend it. Host names know no case (RFC 4343), so
// where the instance ignores it, another case is the same name.
func (d *Driver) namedItems(ctx context.Context, class, name string) ([]itemRecord, error) {
	class, err := d.class(class)
	if err != nil {
		return nil, err
	}
	doing := fmt.Sprintf("looking for item %q in %s", name, class)
	if !nameable(name) {
		return nil, fault.New(fault.Invalid, "%s: no item has such a name", doing)
	}
	found, err := d.searchItems(ctx, class, "name="+name+"^ORDERBYsys_created_on", doing)
	if err != nil {
		return nil, err
	}
	return found, showing(found, doing, "name", func(r itemRecord) bool { return strings.EqualFold(r.Name.value, name) })
}

// keyedItems returns the items that carry the key, oldest first.
func (d *Driver) keyedItems(ctx context.Context, key string) ([]itemRecord, error) {
	doing := "looking for the item of " + key
	found, err := d.searchItems(ctx, baseClass, "correlation_id="+key+"^ORDERBYsys_created_on", doing)
	if err != nil {
		return nil, err
	}
	if err := showing(found, doing, "correlation_id", func(r itemRecord) bool { return strings.EqualFold(r.Key.value, key) }); err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(r itemRecord) bool { return r.Key.value != key }) // Some databases ignore case.
	sortItems(found)
	return found, nil
}

// showing refuses an answer with items that were not asked for: the instance leaves a condition on a field out that the user may
// not read, and returns everything.
func showing(found []itemRecord, doing, column string, asked func(itemRecord) bool) error {
	for _, r := range found {
		if !asked(r) {
			return fault.New(fault.Unauthorized, "%s: the instance returned %q, which was not asked for: let the user read %s of %s",
				doing, r.Name.value, column, baseClass)
		}
	}
	return nil
}

func (d *Driver) searchItems(ctx context.Context, class, query, doing string) ([]itemRecord, error) {
	values := itemView()
	values.Set("sysparm_query", query)
	values.Set("sysparm_limit", page)
	var found []oneItem
	if err := d.client.call(ctx, request{method: http.MethodGet, path: []string{"now", "table", class}, query: values, doing: doing}, &found); err != nil {
		return nil, err
	}
	records := make([]itemRecord, len(found))
	for i, r := range found {
		records[i] = itemRecord(r)
	}
	return records, nil
}

func (d *Driver) getItem(ctx context.Context, sysID, doing string) (itemRecord, error) {
	var r oneItem
	err := d.client.call(ctx, request{method: http.MethodGet, path: []string{"now", "table", baseClass, sysID}, query: itemView(), doing: doing}, &r)
	return itemRecord(r), err
}

func (d *Driver) updateItem(ctx context.Context, class, sysID string, fields map[string]string, doing string) error {
	var r oneItem
	return d.client.call(ctx, request{method: http.MethodPatch, path: []string{"now", "table", class, sysID}, query: itemView(), body: fields, doing: doing}, &r)
}

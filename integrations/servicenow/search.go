package servicenow

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// valueForm is what may go into an encoded query and fits into correlation_id, which has 100 characters: no ^, which
// begins another condition, and nothing that an instance would run as a script.
var valueForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,99}$`)

// numberForm is the number of a ticket.
var numberForm = regexp.MustCompile(`^[A-Z]{2,10}[0-9]{4,16}$`)

// scriptPrefix makes an instance run what follows it in a query.
const scriptPrefix = "javascript:"

// nameable says whether a name can stand in an encoded query: there is no way to escape a ^ in one.
func nameable(name string) bool {
	return name != "" && len(name) <= 255 && !strings.Contains(name, "^") && !strings.ContainsFunc(name, unicode.IsControl) &&
		!strings.HasPrefix(strings.ToLower(strings.TrimSpace(name)), scriptPrefix)
}

// checkOperation refuses a key or an owner that the fields cannot carry.
func checkOperation(op operation.Op) error {
	if key := op.Key.String(); !valueForm.MatchString(key) || strings.HasPrefix(strings.ToLower(key), scriptPrefix) {
		return fault.New(fault.Invalid, "operation key %q: expected up to 100 letters, digits and . _ : / @ + -, which correlation_id can hold", key)
	}
	if !valueForm.MatchString(string(op.Owner)) {
		return fault.New(fault.Invalid, "owner %q: expected up to 100 letters, digits and . _ : / @ + -, which correlation_display can hold", op.Owner)
	}
	return nil
}

func checkNumber(id string) error {
	if !numberForm.MatchString(id) {
		return fault.New(fault.Invalid, "ticket %q: expected a number such as CHG0030001", id)
	}
	return nil
}

// page is more than the attempts at one operation can make.
const page = "100"

// withKey returns the tickets that carry the key, oldest first. Faults: Unauthorized where the instance does not search
// by the key: it leaves a condition on a field out that the user may not read, and returns everything.
func (d *Driver) withKey(ctx context.Context, key string) ([]record, error) {
	doing := "looking for the ticket of " + key
	found, err := d.search(ctx, "correlation_id="+key+"^ORDERBYsys_created_on", doing)
	if err != nil {
		return nil, err
	}
	for _, r := range found {
		if !strings.EqualFold(r.Key.value, key) {
			return nil, fault.New(fault.Unauthorized, "%s: the instance returned %s, which does not carry it: let the user read correlation_id of %s",
				doing, r.Number.value, d.config.table())
		}
	}
	found = slices.DeleteFunc(found, func(r record) bool { return r.Key.value != key }) // Some databases ignore case.
	slices.SortFunc(found, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.Created.value, b.Created.value), cmp.Compare(a.Number.value, b.Number.value))
	})
	return found, nil
}

// numbered returns the ticket of a number.
func (d *Driver) numbered(ctx context.Context, number string) (record, error) {
	doing := "reading ticket " + number
	if err := checkNumber(number); err != nil {
		return record{}, err
	}
	found, err := d.search(ctx, "number="+number, doing)
	if err != nil {
		return record{}, err
	}
	found = slices.DeleteFunc(found, func(r record) bool { return r.Number.value != number })
	switch len(found) {
	case 0:
		return record{}, fault.New(fault.NotFound, "%s: there is none in %s, or the user may not see it", doing, d.config.table())
	case 1:
		return found[0], nil
	}
	return record{}, fault.New(fault.Conflict, "%s: %d records carry this number", doing, len(found))
}

func (d *Driver) search(ctx context.Context, query, doing string) ([]record, error) {
	values := d.config.view()
	values.Set("sysparm_query", query)
	values.Set("sysparm_limit", page)
	var found []record
	err := d.client.call(ctx, request{method: http.MethodGet, path: d.config.list(), query: values, doing: doing}, &found)
	return found, err
}

// get reads one ticket by its sys_id.
func (d *Driver) get(ctx context.Context, sysID, doing string) (record, error) {
	var r one
	err := d.client.call(ctx, request{method: http.MethodGet, path: append(d.config.list(), sysID), query: d.config.view(), doing: doing}, &r)
	return record(r), err
}

// update changes fields of a ticket.
func (d *Driver) update(ctx context.Context, sysID string, fields map[string]string, doing string) error {
	var r one
	return d.client.call(ctx, request{
		method: http.MethodPatch, path: append(d.config.list(), sysID), query: d.config.view(), body: fields, doing: doing,
	}, &r)
}

// named returns the sys_ids of what has the name in a list.
func (d *Driver) named(ctx context.Context, path []string, query url.Values, name, doing string) ([]string, error) {
	values := maps.Clone(query)
	values.Set("sysparm_query", "name="+name+query.Get("sysparm_query"))
	values.Set("sysparm_limit", page)
	var found []struct {
		SysID field `json:"sys_id"`
		Name  field `json:"name"`
	}
	if err := d.client.call(ctx, request{method: http.MethodGet, path: path, query: values, doing: doing}, &found); err != nil {
		return nil, err
	}
	var ids []string
	for _, one := range found {
		if one.Name.value == name && sysIDForm.MatchString(one.SysID.value) {
			ids = append(ids, one.SysID.value)
		}
	}
	return ids, nil
}

// group returns the sys_id of an active assignment group.
func (d *Driver) group(ctx context.Context, name string) (string, error) {
	doing := fmt.Sprintf("looking for assignment group %q", name)
	if !nameable(name) {
		return "", fault.New(fault.NotFound, "%s: no group has such a name", doing)
	}
	ids, err := d.named(ctx, []string{"now", "table", "sys_user_group"},
		url.Values{"sysparm_query": {"^active=true"}, "sysparm_fields": {"sys_id,name"}}, name, doing)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", fault.New(fault.NotFound, "%s: there is no active one, or the user may not see it", doing)
	case len(ids) > 1:
		return "", fault.New(fault.Conflict, "%s: %d groups have this name", doing, len(ids))
	}
	return ids[0], nil
}

// item returns the sys_id of the configuration item that stands for the owner: server/web-01 is the item web-01. No
// item, or more than one, is no fault: the ticket is the evidence, the link is a help.
func (d *Driver) item(ctx context.Context, owner operation.Owner) (string, error) {
	_, name, ok := strings.Cut(string(owner), "/")
	if d.config.CIClass == "" || !ok || !nameable(name) {
		return "", nil
	}
	ids, err := d.named(ctx, []string{"now", "cmdb", "instance", d.config.CIClass}, url.Values{}, name,
		fmt.Sprintf("looking for item %q in the CMDB", name))
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	if err != nil || len(ids) != 1 {
		if err == nil {
			d.log.InfoContext(ctx, "a ticket is not linked with an item of the CMDB", "class", d.config.CIClass, "name", name, "items", len(ids))
		}
		return "", err
	}
	return ids[0], nil
}

package servicenow

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"fermata/activities/fault"
	"fermata/activities/inventory"
	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// baseClass is the table of all configuration items, whatever their class.
const baseClass = "cmdb_ci"

// Values of install_status and operational_status, as the platform comes.
const (
	statusInstalled, statusRetired         = "1", "7"
	operationalRunning, operationalRetired = "1", "6"
)

// Lengths in bytes: never more characters than that.
const (
	attributesLimit = 4000
	valueLimit      = 500
	commentsLimit   = 3800
)

// itemClassForm are the names of classes that items may be made in: those of the platform, and an installation's own. Others
// are tables of people, rights and scripts.
var itemClassForm = regexp.MustCompile(`^(cmdb_ci|[ux]_)[a-z0-9_]{0,72}$`)

var attributeForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// itemRecord is a configuration item, as far as it is read.
type itemRecord struct {
	SysID      field `json:"sys_id"`
	Class      field `json:"sys_class_name"`
	Name       field `json:"name"`
	Address    field `json:"ip_address"`
	Attributes field `json:"attributes"`
	Comments   field `json:"comments"`
	Key        field `json:"correlation_id"`
	Status     field `json:"install_status"`
	Created    field `json:"sys_created_on"`
}

const itemFields = "sys_id,sys_class_name,name,ip_address,attributes,comments,correlation_id,install_status,sys_created_on"

func itemView() url.Values {
	return url.Values{"sysparm_display_value": {"all"}, "sysparm_fields": {itemFields}}
}

// oneItem is a result of one item.
type oneItem itemRecord

// UnmarshalJSON reads an item that has a sys_id and a class.
func (o *oneItem) UnmarshalJSON(text []byte) error {
	var r itemRecord
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	if !sysIDForm.MatchString(r.SysID.value) || !itemClassForm.MatchString(r.Class.value) {
		return fmt.Errorf("expected a sys_id and a class, found %q and %q", r.SysID.value, r.Class.value)
	}
	*o = oneItem(r)
	return nil
}

func (r itemRecord) state() inventory.State {
	if r.Status.value == statusRetired {
		return inventory.Retired
	}
	return inventory.InService
}

func (d *Driver) shown(r itemRecord) inventory.Item {
	owner, attributes := readAttributes(r.Attributes.value)
	target := d.client.base.JoinPath(r.Class.value + ".do")
	target.RawQuery = url.Values{"sys_id": {r.SysID.value}}.Encode()
	return inventory.Item{
		ID: r.SysID.value, Link: target.String(), Class: r.Class.value, Name: r.Name.value, Address: r.Address.value,
		Attributes: attributes, State: r.state(), Key: r.Key.value, Owner: owner,
	}
}

// A CMDB has one field for another system's id. It holds the key; the owner is the first line of attributes, in brackets, so
// that a search for one owner does not find another whose name is longer.
const ownerBegin = "[fermata owner "

func ownerMark(owner operation.Owner) string { return ownerBegin + string(owner) + "]" }

// writeAttributes writes the owner, and an attribute in each line. Faults: Invalid for a name that a line cannot hold, and for
// more than fits.
func writeAttributes(owner operation.Owner, attributes map[string]string) (string, error) {
	lines := []string{ownerMark(owner)}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		if !attributeForm.MatchString(name) {
			return "", fault.New(fault.Invalid, "attribute %q: expected up to 40 lower-case letters, digits and underscores", name)
		}
		lines = append(lines, name+": "+ticketing.Line(attributes[name], valueLimit))
	}
	content := strings.Join(lines, "\n")
	if len(content) > attributesLimit {
		return "", fault.New(fault.Invalid, "the item's attributes are %d bytes, and %d fit", len(content), attributesLimit)
	}
	return content, nil
}

// readAttributes reads what writeAttributes wrote; of anything else, nothing.
func readAttributes(content string) (operation.Owner, map[string]string) {
	first, rest, _ := strings.Cut(strings.ReplaceAll(content, "\r\n", "\n"), "\n")
	name, begins := strings.CutPrefix(strings.TrimSpace(first), ownerBegin)
	name, ends := strings.CutSuffix(name, "]")
	if !begins || !ends {
		return "", nil
	}
	attributes := map[string]string{}
	for _, one := range strings.Split(rest, "\n") {
		if key, value, ok := strings.Cut(strings.TrimSpace(one), ": "); ok {
			attributes[key] = value
		}
	}
	return operation.Owner(name), attributes
}

// noted adds a note to the comments of an item, which are plain text. What is oldest is dropped where it does not fit.
func noted(comments, note string) string {
	all := strings.TrimSpace(comments + "\n" + text(note))
	for len(all) > commentsLimit {
		_, rest, ok := strings.Cut(all, "\n")
		if !ok {
			return ticketing.Text(all, commentsLimit)
		}
		all = rest
	}
	return all
}

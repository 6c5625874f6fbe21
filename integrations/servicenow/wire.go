package servicenow

import (
	"encoding/json"
	"fmt"
	"strconv"

	"fermata/activities/operation"
	"fermata/activities/ticketing"
)

// field is a field of a record. The Change Management API, and the Table API with sysparm_display_value=all, write an
// object with value and display_value; the reference's examples also show plain texts, and numbers such as 3.0.
type field struct{ value, display string }

// UnmarshalJSON reads each of the forms.
func (f *field) UnmarshalJSON(text []byte) error {
	var pair struct {
		Value   json.RawMessage `json:"value"`
		Display json.RawMessage `json:"display_value"`
	}
	if len(text) > 0 && text[0] == '{' {
		if err := json.Unmarshal(text, &pair); err != nil {
			return err
		}
		f.value, f.display = scalar(pair.Value), scalar(pair.Display)
		return nil
	}
	f.value = scalar(text)
	f.display = f.value
	return nil
}

// scalar reads a text, a number or a truth; what is none of these is "".
func scalar(text json.RawMessage) string {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return ""
	}
	switch v := value.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// record is a change request or an incident, as far as it is read.
type record struct {
	SysID   field `json:"sys_id"`
	Number  field `json:"number"`
	Subject field `json:"short_description"`
	State   field `json:"state"`
	Group   field `json:"assignment_group"`
	Key     field `json:"correlation_id"`
	Owner   field `json:"correlation_display"`
	Item    field `json:"cmdb_ci"`
	Created field `json:"sys_created_on"`
}

// recordFields are asked of the Table API.
const recordFields = "sys_id,number,short_description,state,assignment_group,correlation_id,correlation_display,cmdb_ci,sys_created_on"

// one is a result of one record. The reference's examples show a list of one in places.
type one record

// UnmarshalJSON reads a record, or a list of one.
func (o *one) UnmarshalJSON(text []byte) error {
	var r record
	if len(text) > 0 && text[0] == '[' {
		var list []record
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		if len(list) != 1 {
			return fmt.Errorf("expected one record, found %d", len(list))
		}
		r = list[0]
	} else if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	if !sysIDForm.MatchString(r.SysID.value) {
		return fmt.Errorf("expected a sys_id, found %q", r.SysID.value)
	}
	*o = one(r)
	return nil
}

func (d *Driver) translate(r record) ticketing.Ticket {
	return ticketing.Ticket{
		ID: r.Number.value, Link: d.link(r.Number.value), Queue: r.Group.display, Subject: r.Subject.value,
		Status: d.config.status(r.State.value), Key: r.Key.value, Owner: operation.Owner(r.Owner.value),
	}
}

package servicenow

import (
	"net/url"
	"slices"
	"strconv"

	"fermata/activities/ticketing"
)

// States of change requests ("State model and transitions"); New is -5, and what lies between goes up by one.
const (
	changeNew       = -5
	changeImplement = -1
	changeReview    = 0
	changeClosed    = 3
	changeCanceled  = 4
)

// States of incidents, as the platform comes; New is 1 and On Hold is 3.
const (
	incidentProgress = 2
	incidentResolved = 6
	incidentClosed   = 7
	incidentCanceled = 8
)

func (c Config) table() string {
	if c.Kind == Incident {
		return "incident"
	}
	return "change_request"
}

// list is the path of all tickets of the table; a record's sys_id follows it.
func (c Config) list() []string {
	if c.Kind == Incident {
		return []string{"now", "table", "incident"}
	}
	return []string{"sn_chg_rest", "change"}
}

// creation is the path that a new ticket is sent to.
func (c Config) creation() []string {
	switch c.Kind {
	case Incident:
		return c.list()
	case Standard:
		return append(c.list(), string(Standard), c.Template)
	case Normal, Emergency:
	}
	return append(c.list(), string(c.Kind))
}

// view asks the Table API for the form that the Change Management API has of itself.
func (c Config) view() url.Values {
	if c.Kind != Incident {
		return url.Values{}
	}
	return url.Values{"sysparm_display_value": {"all"}, "sysparm_fields": {recordFields}}
}

// status reads a state. What is neither resolved nor canceled, in whatever state an instance added, waits for somebody.
func (c Config) status(state string) ticketing.Status {
	n, err := strconv.Atoi(state)
	switch {
	case err != nil:
		return ticketing.Open
	case c.Kind == Incident && (n == incidentResolved || n == incidentClosed), c.Kind != Incident && n == changeClosed:
		return ticketing.Resolved
	case c.Kind == Incident && n == incidentCanceled, c.Kind != Incident && n == changeCanceled:
		return ticketing.Rejected
	}
	return ticketing.Open
}

// toward picks the state that comes next on the way of a change request to a status, out of those that the instance
// offers: the end if it is there, else the nearest one further on. ok is false if none leads there.
func toward(want ticketing.Status, current int, offered []int) (state int, ok bool) {
	slices.Sort(offered)
	switch want {
	case ticketing.Resolved:
		if slices.Contains(offered, changeClosed) {
			return changeClosed, true
		}
		for _, state := range offered {
			if state > current && state <= changeReview {
				return state, true
			}
		}
	case ticketing.Rejected:
		return changeCanceled, slices.Contains(offered, changeCanceled)
	case ticketing.Open: // Only a change model of the instance's own lets a closed one be opened.
		for _, state := range slices.Backward(offered) {
			if state >= changeNew && state <= changeImplement {
				return state, true
			}
		}
	}
	return 0, false
}

// closeCode is the choice for a resolved ticket.
func (c Config) closeCode() string {
	switch {
	case c.CloseCode != "":
		return c.CloseCode
	case c.Kind == Incident:
		return "Solution provided"
	}
	return "successful"
}

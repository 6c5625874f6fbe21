package servicenow

import (
	"fmt"
	"slices"
)

// refusal is what a business rule or a data policy says.
type refusal struct{ text string }

func rule(table, name string) *refusal {
	return &refusal{fmt.Sprintf("Operation against file '%s' was aborted by Business Rule '%s^%s'. Business Rule Stack:%s",
		table, name, "5230b9179735ca504546f027f053af79", name)}
}

func policy(field string) *refusal {
	return &refusal{"Data Policy Exception: The following fields are mandatory: " + field}
}

func initialState(table string) string {
	if table == changes {
		return "-5"
	}
	return "1"
}

// labels are the names of states.
func labels(table string) map[string]string {
	if table == changes {
		return map[string]string{
			"-5": "New", "-4": "Assess", "-3": "Authorize", "-2": "Scheduled", "-1": "Implement", "0": "Review", "3": "Closed", "4": "Canceled",
		}
	}
	return map[string]string{"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"}
}

// next are the states that a change request of a kind may go to, by "State progression for normal, standard, and
// emergency changes": what is in review cannot be canceled, what is closed stays so.
func next(kind, state string) []string {
	early := map[string]map[string][]string{
		"normal":    {"-5": {"-4", "4"}, "-4": {"-3", "-5", "4"}, "-3": {"-2", "-5", "4"}},
		"standard":  {"-5": {"-2", "4"}},
		"emergency": {"-5": {"-3", "4"}, "-3": {"-2", "-5", "4"}},
	}
	late := map[string][]string{"-2": {"-1", "4"}, "-1": {"0", "4"}, "0": {"3"}}
	if to, ok := early[kind][state]; ok {
		return to
	}
	return late[state]
}

// judge says whether an update is refused. merged is the record as it would be.
func (s *Server) judge(r *Record, wanted map[string]string, merged map[string]string) *refusal {
	from, to := r.Fields["state"], merged["state"]
	if _, ok := labels(r.Table)[to]; !ok {
		return rule(r.Table, "Check State")
	}
	if r.Table == incidents {
		return s.judgeIncident(r, from, to, merged)
	}
	if _, ok := wanted["description"]; ok && r.Fields["type"] == "standard" {
		return rule(changes, "Restrict fields from Standard Change")
	}
	if from == to {
		return nil
	}
	if !slices.Contains(next(r.Fields["type"], from), to) {
		return rule(changes, "Change Model: Check State Transition")
	}
	waits := from == "-4" || from == "-3"
	if s.options.Approvals && waits && (to == "-3" || to == "-2") && r.Fields["approval"] != "approved" {
		return rule(changes, "Change Model: Check State Transition")
	}
	if to != "4" && merged["assignment_group"] == "" {
		return policy("Assignment group")
	}
	if to == "3" {
		return closing(merged, "Close code")
	}
	return nil
}

func (s *Server) judgeIncident(r *Record, from, to string, merged map[string]string) *refusal {
	group, _ := s.group(merged["assignment_group"])
	switch {
	case from == to:
		return nil
	case from == "7" || from == "8":
		return rule(incidents, "Prevent changes of closed incidents")
	case from == "6" && to != "7" && group.NoReopen:
		return rule(incidents, "Prevent reopening")
	case from == "6" && to == "8":
		return rule(incidents, "Prevent canceling of resolved incidents")
	case to == "6" || to == "7":
		return closing(merged, "Resolution code")
	}
	return nil
}

func closing(merged map[string]string, code string) *refusal {
	if merged["close_code"] == "" {
		return policy(code)
	}
	if merged["close_notes"] == "" {
		return policy("Close notes")
	}
	return nil
}

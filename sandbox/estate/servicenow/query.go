package servicenow

import (
	"slices"
	"strings"
)

// row is a record of any table.
type row map[string]string

type condition struct {
	field, operator, value string
	or                     bool // Belongs to the condition before it.
	fresh                  bool // Begins another query (^NQ).
}

// query reads an encoded query and returns the rows that match, in the order that it asks for. A condition on a field
// that the user does not see, or that is none, is left out: the reference says so.
func query(text string, rows []row, known func(field string) bool, user string, fold bool) []row {
	var conditions []condition
	var orders []string
	for _, term := range strings.Split(text, "^") {
		if strings.HasPrefix(term, "ORDERBY") {
			orders = append(orders, strings.TrimPrefix(term, "ORDERBY"))
			continue
		}
		if c, ok := parse(term); ok && (c.fresh || known(c.field)) {
			conditions = append(conditions, c)
		}
	}
	found := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !matches(conditions, r, user, fold) })
	for _, order := range slices.Backward(orders) {
		field, down := strings.CutPrefix(order, "DESC")
		if !known(field) {
			continue
		}
		slices.SortStableFunc(found, func(a, b row) int {
			if down {
				return strings.Compare(b[field], a[field])
			}
			return strings.Compare(a[field], b[field])
		})
	}
	return found
}

func parse(term string) (condition, bool) {
	var c condition
	if rest, ok := strings.CutPrefix(term, "OR"); ok {
		c.or, term = true, rest
	} else if rest, ok := strings.CutPrefix(term, "NQ"); ok {
		c.fresh, term = true, rest
	}
	end := strings.IndexFunc(term, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') })
	if end < 1 {
		return c, c.fresh
	}
	c.field, term = term[:end], term[end:]
	for _, operator := range []string{"!=", "=", "LIKE", "STARTSWITH", "ENDSWITH"} {
		if value, ok := strings.CutPrefix(term, operator); ok {
			c.operator, c.value = operator, value
			return c, true
		}
	}
	return c, c.fresh
}

// matches joins what stands between ^ with and, ^OR with the condition before, and ^NQ with all before.
func matches(conditions []condition, r row, user string, fold bool) bool {
	group, last := true, true
	for i, c := range conditions {
		holds := c.operator == "" || c.holds(r[c.field], user, fold)
		switch {
		case c.fresh:
			if group && last && i > 0 {
				return true
			}
			group, last = true, holds
		case c.or:
			last = last || holds
		default:
			group, last = group && last, holds
		}
	}
	return group && last
}

func (c condition) holds(text, user string, fold bool) bool {
	value := c.value
	if script, ok := strings.CutPrefix(value, "javascript:"); ok { // An instance runs it.
		value = ""
		if script == "gs.getUserName()" {
			value = user
		}
	}
	if fold {
		text, value = strings.ToLower(text), strings.ToLower(value)
	}
	switch c.operator {
	case "=":
		return text == value
	case "!=":
		return text != value
	case "LIKE":
		return strings.Contains(text, value)
	case "STARTSWITH":
		return strings.HasPrefix(text, value)
	}
	return strings.HasSuffix(text, value)
}

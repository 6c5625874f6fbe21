package nft

import (
	"strconv"
	"strings"
	"time"
)

func (c *chain) json(t *table) object {
	o := object{"family": t.Family, "table": t.Name, "name": c.Name, "handle": c.Number}
	if c.Hook != "" {
		o["type"], o["hook"], o["prio"], o["policy"] = c.Type, c.Hook, c.Priority, c.Policy
	}
	return o
}

func (s *set) json(t *table) object {
	o := object{"family": t.Family, "table": t.Name, "name": s.Name, "handle": s.Number, "type": s.Type}
	if len(s.Flags) > 0 {
		o["flags"] = s.Flags
	}
	var list []any
	for _, e := range s.living() {
		if e.Until == 0 && e.Comment == "" {
			list = append(list, valueJSON("saddr", e.Value))
			continue
		}
		inner := object{"val": valueJSON("saddr", e.Value)}
		if d, err := time.ParseDuration(e.Timeout); err == nil {
			inner["timeout"] = int(d.Seconds())
			inner["expires"] = max(0, int(time.Until(time.UnixMilli(e.Until)).Seconds()))
		}
		if e.Comment != "" {
			inner["comment"] = e.Comment
		}
		list = append(list, object{"elem": inner})
	}
	if len(list) > 0 {
		o["elem"] = list
	}
	return o
}

func (r *rule) json(t *table, c *chain) object {
	var expr []any
	for _, e := range r.Parts {
		expr = append(expr, e.json())
	}
	o := object{"family": t.Family, "table": t.Name, "chain": c.Name, "handle": r.Number, "expr": expr}
	if r.Comment != "" {
		o["comment"] = r.Comment
	}
	return o
}

func (e expression) json() object {
	switch e.Kind {
	case "match":
		return object{"match": e.matchJSON()}
	case "counter":
		return object{"counter": object{"packets": 0, "bytes": 0}}
	case "jump", "goto":
		return object{e.Kind: object{"target": e.Target}}
	case "log":
		if e.Target != "" {
			return object{"log": object{"prefix": e.Target}}
		}
	}
	return object{e.Kind: nil}
}

func (e expression) matchJSON() object {
	protocol, field, _ := strings.Cut(e.Left, " ")
	op := "=="
	var left any = object{"payload": object{"protocol": protocol, "field": field}}
	switch {
	case protocol == "ct":
		left, op = object{"ct": object{"key": field}}, "in"
	case protocol == "meta":
		left = object{"meta": object{"key": field}}
	case field == "":
		left = object{"meta": object{"key": protocol}}
	}
	if e.Not {
		op = "!="
	}
	var values []any
	for _, v := range e.Values {
		values = append(values, valueJSON(field, v))
	}
	var right any = values
	switch {
	case e.Target != "":
		right = "@" + e.Target
	case e.Braces:
		right = object{"set": values}
	case len(values) == 1:
		right = values[0]
	}
	return object{"op": op, "left": left, "right": right}
}

func valueJSON(field, value string) any {
	if addr, bits, ok := strings.Cut(value, "/"); ok {
		if n, err := strconv.Atoi(bits); err == nil {
			return object{"prefix": object{"addr": addr, "len": n}}
		}
	}
	if first, last, ok := interval(value); ok && strings.Contains(value, "-") {
		return object{"range": []string{first.String(), last.String()}}
	}
	if field != "dport" && field != "sport" && field != "saddr" {
		return value
	}
	if from, to, ok := strings.Cut(value, "-"); ok {
		m, err1 := strconv.Atoi(from)
		n, err2 := strconv.Atoi(to)
		if err1 == nil && err2 == nil {
			return object{"range": []int{m, n}}
		}
	}
	if n, err := strconv.Atoi(value); err == nil {
		return n
	}
	return value
}

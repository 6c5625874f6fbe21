package nft

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// list is "nft list ...".
func (r *Ruleset) list(o options, stdout, stderr io.Writer) int {
	words := o.command[1:]
	line := strings.Join(o.command, " ")
	fail := func(word string, text string) int {
		at := strings.LastIndex(line, word)
		fmt.Fprintf(stderr, "Error: %s\n%s\n%s%s\n", text, line, strings.Repeat(" ", at), strings.Repeat("^", len(word)))
		return 1
	}
	if len(words) == 0 {
		return fail("list", "syntax error, unexpected newline")
	}
	object, words := words[0], words[1:]
	fam := "ip"
	if len(words) > 0 && family(words[0]) {
		fam, words = words[0], words[1:]
	}
	want := listing{object: object}
	var tables []*table
	switch object {
	case "ruleset", "tables", "chains", "sets":
		tables = r.state.Tables
	case "table", "chain", "set":
		needed := 2
		if object == "table" {
			needed = 1
		}
		if len(words) < needed {
			return fail(object, "syntax error, unexpected newline, expecting string")
		}
		t := r.state.table(fam, words[0])
		if t == nil {
			return fail(words[0], "No such file or directory")
		}
		tables = []*table{t}
		if needed == 2 {
			want.name = words[1]
			if object == "chain" && t.chain(want.name) == nil || object == "set" && t.set(want.name) == nil {
				return fail(want.name, "No such file or directory")
			}
		}
	default:
		return fail(object, "syntax error, unexpected "+object)
	}
	if o.json {
		fmt.Fprintln(stdout, want.json(tables))
	} else {
		want.text(stdout, tables, o.handles)
	}
	return 0
}

// listing says what of a table is shown.
type listing struct{ object, name string }

func (l listing) chains(t *table) []*chain {
	var chosen []*chain
	for _, c := range t.Chains {
		if l.object == "ruleset" || l.object == "table" || l.object == "chains" || l.object == "chain" && c.Name == l.name {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

func (l listing) sets(t *table) []*set {
	var chosen []*set
	for _, s := range t.Sets {
		if l.object == "ruleset" || l.object == "table" || l.object == "sets" || l.object == "set" && s.Name == l.name {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

func (l listing) text(w io.Writer, tables []*table, handles bool) {
	mark := func(number int) string {
		if handles {
			return fmt.Sprintf(" # handle %d", number)
		}
		return ""
	}
	for _, t := range tables {
		if l.object == "tables" {
			fmt.Fprintf(w, "table %s %s%s\n", t.Family, t.Name, mark(t.Number))
			continue
		}
		fmt.Fprintf(w, "table %s %s {%s\n", t.Family, t.Name, mark(t.Number))
		gap := ""
		for _, s := range l.sets(t) {
			fmt.Fprintf(w, "%s\tset %s {%s\n\t\ttype %s\n", gap, s.Name, mark(s.Number), s.Type)
			if len(s.Flags) > 0 {
				fmt.Fprintf(w, "\t\tflags %s\n", strings.Join(s.Flags, ","))
			}
			if list := s.living(); len(list) > 0 {
				fmt.Fprintf(w, "\t\telements = { %s }\n", elementText(list))
			}
			fmt.Fprint(w, "\t}\n")
			gap = "\n"
		}
		for _, c := range l.chains(t) {
			fmt.Fprintf(w, "%s\tchain %s {%s\n", gap, c.Name, mark(c.Number))
			if c.Hook != "" {
				fmt.Fprintf(w, "\t\ttype %s hook %s priority %s; policy %s;\n", c.Type, c.Hook, priorityText(c.Priority), c.Policy)
			}
			if l.object != "chains" {
				for _, r := range c.Rules {
					fmt.Fprintf(w, "\t\t%s%s\n", r.text(), mark(r.Number))
				}
			}
			fmt.Fprint(w, "\t}\n")
			gap = "\n"
		}
		fmt.Fprint(w, "}\n")
	}
}

func elementText(list []element) string {
	var texts []string
	for _, e := range list {
		text := e.Value
		if e.Timeout != "" {
			text += " timeout " + e.Timeout
		}
		if e.Comment != "" {
			text += fmt.Sprintf(" comment %q", e.Comment)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func priorityText(n int) string {
	for name, value := range priorities {
		if value == n {
			return name
		}
	}
	return fmt.Sprint(n)
}

func (r *rule) text() string {
	var parts []string
	for _, e := range r.Parts {
		parts = append(parts, e.text())
	}
	if r.Comment != "" {
		parts = append(parts, `comment "`+r.Comment+`"`)
	}
	return strings.Join(parts, " ")
}

func (e expression) text() string {
	switch e.Kind {
	case "counter":
		return "counter packets 0 bytes 0"
	case "jump", "goto":
		return e.Kind + " " + e.Target
	case "log":
		if e.Target != "" {
			return `log prefix "` + e.Target + `"`
		}
	case "match":
		values := e.Values
		if !strings.Contains(e.Left, " ") { // Names of interfaces.
			values = nil
			for _, v := range e.Values {
				values = append(values, `"`+v+`"`)
			}
		}
		right := strings.Join(values, ",")
		switch {
		case e.Target != "":
			right = "@" + e.Target
		case e.Braces:
			right = "{ " + strings.Join(values, ", ") + " }"
		}
		if e.Not {
			right = "!= " + right
		}
		return e.Left + " " + right
	}
	return e.Kind
}

type object = map[string]any

func (l listing) json(tables []*table) string {
	list := []any{object{"metainfo": object{"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}}
	for _, t := range tables {
		if l.object == "ruleset" || l.object == "table" || l.object == "tables" {
			list = append(list, object{"table": object{"family": t.Family, "name": t.Name, "handle": t.Number}})
		}
		for _, s := range l.sets(t) {
			list = append(list, object{"set": s.json(t)})
		}
		for _, c := range l.chains(t) {
			list = append(list, object{"chain": c.json(t)})
		}
		if l.object == "chains" {
			continue
		}
		for _, c := range l.chains(t) {
			for _, r := range c.Rules {
				list = append(list, object{"rule": r.json(t, c)})
			}
		}
	}
	data, err := json.Marshal(object{"nftables": list})
	if err != nil {
		return "" // Strings and numbers only: it cannot fail.
	}
	return string(data)
}

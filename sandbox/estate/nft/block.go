package nft

import (
	"slices"
	"strconv"
	"strings"
)

// tableBlock reads "table inet filter { chain x { ... } set y { ... } }" and turns it into commands.
func (p *parser) tableBlock() []*mistake {
	t := action{verb: "add", object: "table"}
	if m := p.inTable(&t); m != nil {
		return one(m)
	}
	p.actions = append(p.actions, t)
	if !p.accept("{") {
		return one(p.end())
	}
	var mistakes []*mistake
	// Chains come into being before the rules of any: a rule may jump to a chain that stands below it.
	first := len(p.actions)
	for {
		p.lines()
		if p.accept("}") {
			break
		}
		if p.at >= len(p.list) {
			return append(mistakes, p.wrong(p.peek()))
		}
		mistakes = append(mistakes, p.tablePart(t)...)
		if len(mistakes) > 0 && p.at >= len(p.list) {
			break
		}
	}
	block := p.actions[first:]
	slices.SortStableFunc(block, func(a, b action) int { return order(a) - order(b) })
	return mistakes
}

func order(a action) int {
	switch a.object {
	case "chain":
		return 0
	case "set":
		return 1
	}
	return 2
}

func (p *parser) tablePart(t action) []*mistake {
	a := t
	object := p.next()
	a.object = object.text
	if object.text != "chain" && object.text != "set" {
		p.skipLine(object.line)
		return one(p.wrong(object))
	}
	name, m := p.word()
	if m == nil {
		m = p.expect("{")
	}
	if m != nil {
		p.skipLine(m.at.line)
		return one(m)
	}
	a.name, a.where = name.text, name
	if a.object == "set" {
		if m := p.setBody(&a); m != nil {
			p.skipLine(m.at.line)
			return one(m)
		}
		p.actions = append(p.actions, a)
		return nil
	}
	a.chain.Name = a.name
	at := len(p.actions)
	p.actions = append(p.actions, a)
	mistakes := p.chainRules(&a)
	p.actions[at].chain = a.chain
	return mistakes
}

func (p *parser) skipLine(line int) {
	for p.at < len(p.list) && p.list[p.at].line <= line {
		p.at++
	}
}

// chainRules reads the inside of a chain in a file: its type and policy, and rules.
func (p *parser) chainRules(a *action) []*mistake {
	var mistakes []*mistake
	for {
		p.lines()
		switch {
		case p.accept("}"):
			return mistakes
		case p.at >= len(p.list):
			return append(mistakes, p.wrong(p.peek()))
		}
		var m *mistake
		if first := p.peek().text; first == "type" || first == "policy" {
			m = p.chainProperty(&a.chain)
		} else {
			b := *a
			b.object, b.verb, b.chain = "rule", "add", chain{}
			b.rule, m = p.rule()
			if m == nil {
				m = p.end()
			}
			p.actions = append(p.actions, b)
		}
		if m != nil {
			mistakes = append(mistakes, m)
			p.skipLine(m.at.line)
		}
	}
}

// chainBody reads "{ type filter hook forward priority 0; policy drop; }" of a command; the brace is taken.
func (p *parser) chainBody(c *chain, _ *action) *mistake {
	for {
		p.lines()
		if p.accept("}") {
			return nil
		}
		if m := p.chainProperty(c); m != nil {
			return m
		}
	}
}

var priorities = map[string]int{"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}

func (p *parser) chainProperty(c *chain) *mistake {
	switch t := p.next(); t.text {
	case "policy":
		t, m := p.word()
		if m == nil && t.text != "accept" && t.text != "drop" {
			m = p.wrong(t)
		}
		c.Policy = t.text
		return m
	case "type":
		return p.chainHook(c)
	default:
		return p.wrong(t)
	}
}

func (p *parser) chainHook(c *chain) *mistake {
	kind, m := p.word()
	if m == nil {
		m = p.expect("hook")
	}
	if m != nil {
		return m
	}
	hook, m := p.word()
	if m == nil {
		m = p.expect("priority")
	}
	if m != nil {
		return m
	}
	c.Type, c.Hook = kind.text, hook.text
	if c.Policy == "" {
		c.Policy = "accept"
	}
	t := p.next()
	n, ok := priorities[t.text]
	if !ok {
		var err error
		if n, err = strconv.Atoi(t.text); err != nil {
			return p.wrong(t)
		}
	}
	c.Priority = n
	return nil
}

// setBody reads "{ type ipv4_addr; flags timeout; elements = { ... } }"; the brace is taken.
func (p *parser) setBody(a *action) *mistake {
	a.set.Name = a.name
	for {
		p.lines()
		if p.accept("}") {
			return nil
		}
		var m *mistake
		switch t := p.next(); t.text {
		case "type":
			t, m = p.word()
			a.set.Type = t.text
			if m == nil && !slices.Contains([]string{"ipv4_addr", "ipv6_addr", "inet_service"}, t.text) {
				m = p.wrong(t)
			}
		case "flags":
			for {
				t, m = p.word()
				a.set.Flags = append(a.set.Flags, t.text)
				if m != nil || !p.accept(",") {
					break
				}
			}
		case "timeout", "comment":
			p.next()
		case "elements":
			if m = p.expect("="); m == nil {
				a.set.Elements, m = p.elements()
			}
		default:
			m = p.wrong(t)
		}
		if m != nil {
			return m
		}
	}
}

// elements reads { a, b timeout 4s comment "x" }.
func (p *parser) elements() ([]element, *mistake) {
	if m := p.expect("{"); m != nil {
		return nil, m
	}
	var list []element
	for {
		for p.accept("\n") { //nolint:revive // Skipping.
		}
		t, m := p.word()
		if m != nil {
			return nil, m
		}
		e := element{Value: strings.TrimSpace(t.text)}
		for {
			if p.accept("timeout") {
				e.Timeout = p.next().text
			} else if p.accept("comment") {
				e.Comment = p.next().text
			} else {
				break
			}
		}
		list = append(list, e)
		for p.accept("\n") { //nolint:revive // Skipping.
		}
		if p.accept("}") {
			return list, nil
		}
		if m := p.expect(","); m != nil {
			return nil, m
		}
	}
}

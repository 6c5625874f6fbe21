package nft

import (
	"slices"
	"strconv"
	"strings"
)

// action is one command of a script.
type action struct {
	verb, object string
	family       string
	table, name  string
	where        token // What an error of the kernel points at.
	tableAt      token
	source       *source

	chain    chain // add chain
	rule     *rule // add rule, insert rule
	handle   int   // delete rule
	position int   // Handle to add behind or insert before; 0: at the end, at the front.
	set      set   // add set
	elements []element
}

type parser struct {
	source  *source
	list    []token
	at      int
	actions []action
	include func(path string) ([]action, []*mistake)
}

// parse reads a script. All syntax errors are returned, as nft reports them all.
func parse(s *source, include func(string) ([]action, []*mistake)) ([]action, []*mistake) {
	list, broken := tokens(s)
	if broken != nil {
		return nil, []*mistake{broken}
	}
	p := &parser{source: s, list: list, include: include}
	var mistakes []*mistake
	for p.at < len(p.list) {
		if p.accept("\n") || p.accept(";") {
			continue
		}
		line := p.peek().line
		if err := p.statement(); err != nil {
			mistakes = append(mistakes, err...)
			for p.at < len(p.list) && p.list[p.at].line <= max(line, err[len(err)-1].at.line) {
				p.at++
			}
		}
	}
	return p.actions, mistakes
}

func (p *parser) peek() token {
	if p.at < len(p.list) {
		return p.list[p.at]
	}
	n := len(p.source.lines)
	width := 1
	if n > 0 {
		width = len(p.source.lines[n-1]) + 1
	}
	return token{text: "\n", line: max(1, n), from: width, to: width}
}

func (p *parser) next() token { t := p.peek(); p.at++; return t }

func (p *parser) accept(text string) bool {
	if t := p.peek(); p.at < len(p.list) && !t.quoted && t.text == text {
		p.at++
		return true
	}
	return false
}

func (p *parser) wrong(t token) *mistake {
	text := t.text
	if text == "\n" {
		text = "newline"
	}
	return &mistake{t, p.source, "syntax error, unexpected " + text}
}

// word takes a word that is no punctuation.
func (p *parser) word() (token, *mistake) {
	t := p.next()
	if t.quoted || t.text == "\n" || strings.Contains(punctuation, t.text) || t.text == "==" || t.text == "!=" {
		m := p.wrong(t)
		m.text += ", expecting string"
		return t, m
	}
	return t, nil
}

func (p *parser) number() (int, *mistake) {
	t := p.next()
	n, err := strconv.Atoi(t.text)
	if err != nil || n < 0 {
		return 0, p.wrong(t)
	}
	return n, nil
}

func (p *parser) expect(text string) *mistake {
	if t := p.next(); t.quoted || t.text != text {
		return p.wrong(t)
	}
	return nil
}

// end wants the end of a statement.
func (p *parser) end() *mistake {
	if t := p.peek(); p.at >= len(p.list) || !t.quoted && (t.text == "\n" || t.text == ";" || t.text == "}") {
		if t.text != "}" {
			p.at++
		}
		return nil
	}
	return p.wrong(p.next())
}

func (p *parser) lines() {
	for p.accept("\n") || p.accept(";") { //nolint:revive // Skipping.
	}
}

var verbs = []string{"add", "create", "insert", "delete", "flush", "destroy"}

func one(m *mistake) []*mistake {
	if m == nil {
		return nil
	}
	return []*mistake{m}
}

func (p *parser) statement() []*mistake {
	first := p.peek()
	switch {
	case p.accept("include"):
		return p.included()
	case first.text == "table" && !first.quoted:
		p.next()
		return p.tableBlock()
	case slices.Contains(verbs, first.text):
		p.next()
		m := p.command(first.text)
		if m == nil {
			m = p.end()
		}
		return one(m)
	}
	p.next()
	if p.peek().text == "\n" {
		m := p.wrong(p.peek())
		m.text += ", expecting string"
		return one(m)
	}
	for p.peek().text != "\n" {
		p.next()
	}
	return one(p.wrong(p.peek()))
}

func (p *parser) included() []*mistake {
	t := p.next()
	if !t.quoted || p.include == nil {
		return one(p.wrong(t))
	}
	actions, mistakes := p.include(t.text)
	p.actions = append(p.actions, actions...)
	return mistakes
}

func family(word string) bool {
	return slices.Contains([]string{"ip", "ip6", "inet", "arp", "bridge", "netdev"}, word)
}

// object reads [family] table.
func (p *parser) inTable(a *action) *mistake {
	a.family, a.source = "ip", p.source
	if family(p.peek().text) {
		a.family = p.next().text
	}
	t, m := p.word()
	a.table, a.tableAt, a.where = t.text, t, t
	return m
}

func (p *parser) command(verb string) *mistake {
	object, m := p.word()
	if m != nil {
		return m
	}
	a := action{verb: verb, object: object.text, where: object, source: p.source}
	if a.object == "ruleset" && verb == "flush" {
		if family(p.peek().text) {
			a.family = p.next().text
		}
		p.actions = append(p.actions, a)
		return nil
	}
	if !slices.Contains([]string{"table", "chain", "rule", "set", "element"}, a.object) {
		return p.wrong(object)
	}
	if m := p.inTable(&a); m != nil {
		return m
	}
	if a.object != "table" {
		name, m := p.word()
		if m != nil {
			return m
		}
		a.name, a.where = name.text, name
	}
	if m := p.details(&a); m != nil {
		return m
	}
	p.actions = append(p.actions, a)
	return nil
}

func (p *parser) details(a *action) *mistake {
	adding := a.verb == "add" || a.verb == "create" || a.verb == "insert"
	switch {
	case a.object == "rule" && a.verb == "delete":
		if m := p.expect("handle"); m != nil {
			return m
		}
		a.where = p.peek()
		n, m := p.number()
		a.handle = n
		return m
	case a.object == "rule" && adding:
		for p.peek().text == "handle" || p.peek().text == "position" {
			p.next()
			n, m := p.number()
			if m != nil {
				return m
			}
			a.position = n
		}
		r, m := p.rule()
		a.rule = r
		return m
	case a.object == "chain" && adding && p.accept("{"):
		a.chain.Name = a.name
		return p.chainBody(&a.chain, a)
	case a.object == "set" && adding:
		if m := p.expect("{"); m != nil {
			return m
		}
		return p.setBody(a)
	case a.object == "element":
		list, m := p.elements()
		a.elements = list
		return m
	}
	return nil
}

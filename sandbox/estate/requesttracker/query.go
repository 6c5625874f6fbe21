package requesttracker

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// row is a ticket as a query sees it: who asks matters for __CurrentUser__.
type row struct {
	ticket *Ticket
	asker  string
}

type condition func(row) bool

// parseQuery reads a part of TicketSQL: conditions on id, Queue, Status, Subject, Creator and custom fields, joined by
// AND, OR and parentheses. The empty query finds nothing, as in RT.
func parseQuery(query string) (condition, error) {
	if strings.TrimSpace(query) == "" {
		return func(row) bool { return false }, nil
	}
	p := &queryParser{query: query, tokens: queryToken.FindAllString(query, -1)}
	if strings.Join(p.tokens, "") != strings.Join(outsideQuotes(query), "") {
		return nil, p.wrong("a valid character")
	}
	c, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.peek() != "" {
		return nil, p.wrong("AND or OR")
	}
	return c, nil
}

var (
	quoted     = `'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"`
	queryToken = regexp.MustCompile(quoted + `|!=|<=|>=|[=<>()]|[A-Za-z_][\w.]*(?:\{[^}]*\})?|\d+`)
	spaceForm  = regexp.MustCompile(quoted + `|\S`)
)

// outsideQuotes is the query without the spaces between its parts, to see whether a part was passed over.
func outsideQuotes(query string) []string { return spaceForm.FindAllString(query, -1) }

type queryParser struct {
	query  string
	tokens []string
	at     int
}

func (p *queryParser) peek() string {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return ""
}

func (p *queryParser) next() string {
	token := p.peek()
	p.at++
	return token
}

func (p *queryParser) wrong(expected string) error {
	return fmt.Errorf("Wrong query, expecting %s near '%s' in '%s'", expected, p.peek(), p.query) //nolint:staticcheck // RT's words.
}

func (p *queryParser) or() (condition, error) { return p.join("OR", p.and) }

func (p *queryParser) and() (condition, error) { return p.join("AND", p.one) }

func (p *queryParser) join(word string, part func() (condition, error)) (condition, error) {
	left, err := part()
	for err == nil && strings.EqualFold(p.peek(), word) {
		p.next()
		a := left
		var b condition
		if b, err = part(); err != nil {
			break
		}
		if word == "OR" {
			left = func(r row) bool { return a(r) || b(r) }
		} else {
			left = func(r row) bool { return a(r) && b(r) }
		}
	}
	return left, err
}

func (p *queryParser) one() (condition, error) {
	if p.peek() == "(" {
		p.next()
		c, err := p.or()
		if err == nil && p.next() != ")" {
			err = p.wrong("a closing parenthesis")
		}
		return c, err
	}
	field := unquote(p.next())
	read, ok := reader(field)
	if !ok {
		return nil, p.wrong("a KEYWORD")
	}
	operator := strings.ToUpper(p.next())
	if operator == "IS" && strings.EqualFold(p.peek(), "NOT") {
		p.next()
		operator = "IS NOT"
	}
	value := p.next()
	if value == "" {
		return nil, p.wrong("a VALUE")
	}
	return compare(read, operator, unquote(value), p)
}

var customFieldForm = regexp.MustCompile(`^(?i:CF|CustomField)\.\{(.*)\}$`)

func reader(field string) (func(*Ticket) string, bool) {
	if m := customFieldForm.FindStringSubmatch(field); m != nil {
		return func(t *Ticket) string { return t.Fields[m[1]] }, true
	}
	switch strings.ToLower(field) {
	case "id":
		return func(t *Ticket) string { return strconv.Itoa(t.ID) }, true
	case "queue":
		return func(t *Ticket) string { return t.Queue }, true
	case "status":
		return func(t *Ticket) string { return t.Status }, true
	case "subject":
		return func(t *Ticket) string { return t.Subject }, true
	case "creator":
		return func(t *Ticket) string { return t.Creator }, true
	}
	return nil, false
}

func compare(read func(*Ticket) string, operator, value string, p *queryParser) (condition, error) {
	wanted := func(r row) string {
		if value == "__CurrentUser__" {
			return r.asker
		}
		return value
	}
	number := func(text string) int { n, _ := strconv.Atoi(text); return n }
	switch operator {
	case "=":
		return func(r row) bool { return strings.EqualFold(read(r.ticket), wanted(r)) }, nil
	case "!=":
		return func(r row) bool { return !strings.EqualFold(read(r.ticket), wanted(r)) }, nil
	case "LIKE":
		return func(r row) bool { return strings.Contains(strings.ToLower(read(r.ticket)), strings.ToLower(wanted(r))) }, nil
	case "<":
		return func(r row) bool { return number(read(r.ticket)) < number(value) }, nil
	case ">":
		return func(r row) bool { return number(read(r.ticket)) > number(value) }, nil
	case "IS":
		return func(r row) bool { return read(r.ticket) == "" }, nil
	case "IS NOT":
		return func(r row) bool { return read(r.ticket) != "" }, nil
	}
	return nil, p.wrong("an OPERATOR")
}

var escaped = regexp.MustCompile(`\\(.)`)

func unquote(token string) string {
	if len(token) < 2 || (token[0] != '\'' && token[0] != '"') {
		return token
	}
	return escaped.ReplaceAllString(token[1:len(token)-1], "$1")
}

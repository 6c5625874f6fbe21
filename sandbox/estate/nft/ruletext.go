package nft

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// commentLimit is what the kernel keeps of a comment (NFTNL_UDATA_COMMENT_MAXLEN).
const commentLimit = 128

var verdicts = []string{"accept", "drop", "return", "reject", "continue"}

// rule reads the parts of a rule up to the end of the statement.
func (p *parser) rule() (*rule, *mistake) {
	r := &rule{}
	for {
		t := p.peek()
		if p.at >= len(p.list) || !t.quoted && (t.text == "\n" || t.text == ";" || t.text == "}") {
			if len(r.Parts) == 0 {
				return nil, p.wrong(t)
			}
			return r, nil
		}
		if t.text == "comment" {
			return r, p.comment(r)
		}
		e, m := p.expression()
		if m != nil {
			return nil, m
		}
		r.Parts = append(r.Parts, e)
	}
}

func (p *parser) comment(r *rule) *mistake {
	word := p.next()
	if len(r.Parts) == 0 {
		return p.wrong(word)
	}
	t := p.next()
	if t.text == "\n" || len(t.text) > commentLimit {
		m := p.wrong(t)
		if t.text != "\n" {
			m.text = fmt.Sprintf("comment too long, %d characters maximum allowed", commentLimit)
		}
		return m
	}
	r.Comment = t.text
	return nil
}

func (p *parser) expression() (expression, *mistake) {
	t, m := p.word()
	if m != nil {
		return expression{}, p.wrong(t)
	}
	switch {
	case slices.Contains(verdicts, t.text):
		if t.text == "reject" && p.accept("with") {
			p.next()
			p.next()
		}
		return expression{Kind: t.text}, nil
	case t.text == "counter":
		if p.accept("packets") {
			p.next()
			p.accept("bytes")
			p.next()
		}
		return expression{Kind: "counter"}, nil
	case t.text == "jump" || t.text == "goto":
		name, m := p.word()
		return expression{Kind: t.text, Target: name.text}, m
	case t.text == "log":
		e := expression{Kind: "log"}
		if p.accept("prefix") {
			e.Target = p.next().text
		}
		return e, nil
	}
	return p.match(t)
}

// fields are what a match may look at.
var fields = map[string][]string{
	"ip": {"saddr", "daddr", "protocol"}, "ip6": {"saddr", "daddr", "nexthdr"}, "tcp": {"dport", "sport"}, "udp": {"dport", "sport"},
	"th": {"dport", "sport"}, "ct": {"state"}, "meta": {"l4proto", "iifname", "oifname", "iif", "oif", "nfproto"},
}

func (p *parser) match(t token) (expression, *mistake) {
	e := expression{Kind: "match", Left: t.text}
	switch {
	case slices.Contains([]string{"iifname", "oifname", "iif", "oif"}, t.text):
	case fields[t.text] != nil:
		field, m := p.word()
		if m != nil || !slices.Contains(fields[t.text], field.text) {
			return e, p.wrong(field)
		}
		e.Left += " " + field.text
		if t.text == "meta" && field.text != "l4proto" && field.text != "nfproto" {
			e.Left = field.text
		}
	default:
		// The parser of nft takes an unknown word for a symbol and stumbles over what follows.
		return e, p.wrong(p.peek())
	}
	e.Not = p.accept("!=")
	p.accept("==")
	return e, p.values(&e)
}

func (p *parser) values(e *expression) *mistake {
	e.Braces = p.accept("{")
	for {
		t := p.next()
		field := strings.Contains(e.Left, " ") // Only interfaces may stand in quotes.
		if t.text == "" || t.quoted && field || !t.quoted && (t.text == "\n" || strings.Contains(punctuation, t.text)) {
			return p.wrong(t)
		}
		if name, ok := strings.CutPrefix(t.text, "@"); ok {
			e.Target = name
			return nil
		}
		value, err := canonical(e.Left, t.text)
		if err != "" {
			return &mistake{t, p.source, err}
		}
		e.Values = append(e.Values, value)
		if e.Braces && p.accept("}") {
			return p.merge(e, t)
		}
		more := p.accept(",")
		if e.Braces && !more {
			return p.wrong(p.next())
		}
		if !more {
			return nil
		}
		if e.Braces && p.accept("}") {
			return p.merge(e, t)
		}
	}
}

// merge joins what overlaps or touches, as the kernel does with the intervals of an anonymous set, and sorts.
func (p *parser) merge(e *expression, _ token) *mistake {
	_, field, _ := strings.Cut(e.Left, " ")
	if field != "saddr" && field != "daddr" {
		slices.SortStableFunc(e.Values, compare)
		e.Values = slices.Compact(e.Values)
		return nil
	}
	e.Values = joined(e.Values)
	return nil
}

func prefix(text string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), true
	}
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	return netip.Prefix{}, false
}

func compare(a, b string) int {
	x, okX := prefix(a)
	y, okY := prefix(b)
	if okX && okY {
		return x.Addr().Compare(y.Addr())
	}
	m, err1 := strconv.Atoi(a)
	n, err2 := strconv.Atoi(b)
	if err1 == nil && err2 == nil {
		return m - n
	}
	return 0
}

var services = map[string]string{"ssh": "22", "http": "80", "https": "443", "domain": "53", "ntp": "123"}

// canonical brings a value to the form in which nft lists it; the text is nft's refusal.
func canonical(left, text string) (string, string) {
	_, field, _ := strings.Cut(left, " ")
	switch field {
	case "saddr", "daddr":
		if from, to, ok := interval(text); ok && strings.Contains(text, "-") && from.Is6() == strings.HasPrefix(left, "ip6") {
			return intervalText(from, to), ""
		}
		p, ok := prefix(text)
		v6 := strings.HasPrefix(left, "ip6")
		if !ok || p.Addr().Is6() != v6 {
			if v6 {
				return "", "Could not resolve hostname: Address family for hostname not supported"
			}
			return "", "Could not resolve hostname: Name or service not known"
		}
		if p.Bits() == p.Addr().BitLen() {
			return p.Addr().String(), ""
		}
		return p.String(), ""
	case "dport", "sport":
		if number, ok := services[text]; ok {
			return number, ""
		}
		for _, part := range strings.SplitN(text, "-", 2) {
			if n, err := strconv.Atoi(part); err != nil {
				return "", "Could not resolve service: Servname not supported for ai_socktype"
			} else if n < 0 || n > 65535 {
				return "", fmt.Sprintf("Value %d exceeds valid range 0-65535", n)
			}
		}
	case "state":
		if !slices.Contains([]string{"new", "established", "related", "invalid", "untracked"}, text) {
			return "", "Could not parse conntrack state"
		}
	}
	return text, ""
}

package nft

import (
	"slices"
	"time"
)

// The kernel's words.
const (
	noSuch = "Could not process rule: No such file or directory"
	busy   = "Could not process rule: Device or resource busy"
	exists = "Could not process rule: File exists"
	absent = "Could not process rule: No such file or directory"
)

// apply carries out an action on the state.
func (s *state) apply(a *action) *mistake {
	fail := func(at token, text string) *mistake { return &mistake{at, a.source, text} }
	if a.object == "ruleset" {
		s.Tables = slices.DeleteFunc(s.Tables, func(t *table) bool { return a.family == "" || t.Family == a.family })
		return nil
	}
	t := s.table(a.family, a.table)
	if a.object == "table" {
		return s.applyTable(a, t, fail)
	}
	if t == nil {
		return fail(a.tableAt, noSuch)
	}
	switch a.object {
	case "chain":
		return t.applyChain(a, fail)
	case "rule":
		return t.applyRule(a, fail)
	case "set":
		return t.applySet(a, fail)
	}
	return t.applyElements(a, fail)
}

type failure func(token, string) *mistake

func (s *state) applyTable(a *action, t *table, fail failure) *mistake {
	switch {
	case a.verb == "add" && t == nil, a.verb == "create" && t == nil:
		s.Handle++
		s.Tables = append(s.Tables, &table{Family: a.family, Name: a.table, Number: s.Handle})
	case a.verb == "create":
		return fail(a.where, exists)
	case a.verb == "add", a.verb == "destroy" && t == nil:
	case t == nil:
		return fail(a.where, "No such file or directory")
	case a.verb == "flush":
		for _, c := range t.Chains {
			c.Rules = nil
		}
	default:
		s.Tables = slices.DeleteFunc(s.Tables, func(other *table) bool { return other == t })
	}
	return nil
}

func (t *table) applyChain(a *action, fail failure) *mistake {
	c := t.chain(a.name)
	switch {
	case c == nil && (a.verb == "add" || a.verb == "create"):
		made := a.chain
		made.Name, made.Number, made.Rules = a.name, t.next(), nil
		t.Chains = append(t.Chains, &made)
	case a.verb == "create":
		return fail(a.where, exists)
	case a.verb == "add":
		if a.chain.Hook != "" && c.Hook != a.chain.Hook {
			return fail(a.where, exists)
		}
		if a.chain.Policy != "" && a.chain.Hook != "" {
			c.Policy = a.chain.Policy
		}
	case c == nil && a.verb == "destroy":
	case c == nil:
		return fail(a.where, noSuch)
	case a.verb == "flush":
		c.Rules = nil
	case len(c.Rules) > 0 || t.jumpsTo(c.Name):
		return fail(a.where, busy)
	default:
		t.Chains = slices.DeleteFunc(t.Chains, func(other *chain) bool { return other == c })
	}
	return nil
}

func (t *table) jumpsTo(name string) bool {
	return t.uses(func(e expression) bool { return (e.Kind == "jump" || e.Kind == "goto") && e.Target == name })
}

func (t *table) uses(is func(expression) bool) bool {
	for _, c := range t.Chains {
		for _, r := range c.Rules {
			if slices.ContainsFunc(r.Parts, is) {
				return true
			}
		}
	}
	return false
}

func (t *table) applyRule(a *action, fail failure) *mistake {
	c := t.chain(a.name)
	if c == nil {
		return fail(a.where, noSuch)
	}
	at := func(handle int) int {
		return slices.IndexFunc(c.Rules, func(r *rule) bool { return r.Number == handle })
	}
	if a.verb == "delete" {
		i := at(a.handle)
		if i < 0 {
			return fail(a.where, noSuch)
		}
		c.Rules = slices.Delete(c.Rules, i, i+1)
		return nil
	}
	place := len(c.Rules)
	if a.verb == "insert" {
		place = 0
	}
	if a.position != 0 {
		if place = at(a.position); place < 0 {
			return fail(a.where, noSuch)
		}
		if a.verb == "add" {
			place++
		}
	}
	made := *a.rule
	for _, e := range made.Parts {
		if (e.Kind == "jump" || e.Kind == "goto") && t.chain(e.Target) == nil || e.Kind == "match" && e.Target != "" && t.set(e.Target) == nil {
			return fail(a.where, noSuch)
		}
		if e.Braces {
			t.next() // The kernel gives the anonymous set a handle, too.
		}
	}
	made.Number = t.next()
	c.Rules = slices.Insert(c.Rules, place, &made)
	return nil
}

func (t *table) applySet(a *action, fail failure) *mistake {
	s := t.set(a.name)
	switch {
	case s == nil && (a.verb == "add" || a.verb == "create"):
		made := a.set
		made.Name, made.Number, made.Elements = a.name, t.next(), nil
		t.Sets = append(t.Sets, &made)
		s = &made
		return s.add(a.set.Elements, a, fail)
	case a.verb == "create":
		return fail(a.where, exists)
	case a.verb == "add":
		return s.add(a.set.Elements, a, fail)
	case s == nil && a.verb == "destroy":
	case s == nil:
		return fail(a.where, noSuch)
	case a.verb == "flush":
		s.Elements = nil
	case t.uses(func(e expression) bool { return e.Kind == "match" && e.Target == s.Name }):
		return fail(a.where, busy)
	default:
		t.Sets = slices.DeleteFunc(t.Sets, func(other *set) bool { return other == s })
	}
	return nil
}

func (t *table) applyElements(a *action, fail failure) *mistake {
	s := t.set(a.name)
	if s == nil {
		return fail(a.where, noSuch)
	}
	if a.verb == "add" || a.verb == "create" {
		return s.add(a.elements, a, fail)
	}
	for _, e := range a.elements {
		i := s.index(e.Value)
		if i < 0 {
			return fail(a.where, absent)
		}
		s.Elements = slices.Delete(s.Elements, i, i+1)
	}
	return nil
}

// add takes elements in; one that is there already is no error.
func (s *set) add(list []element, a *action, fail failure) *mistake {
	left := map[string]string{"ipv4_addr": "ip saddr", "ipv6_addr": "ip6 saddr", "inet_service": "tcp dport"}[s.Type]
	for _, e := range list {
		value, refusal := canonical(left, e.Value)
		if refusal != "" {
			return fail(a.where, refusal)
		}
		e.Value = value
		if e.Timeout != "" {
			d, err := time.ParseDuration(e.Timeout)
			if err != nil || !slices.Contains(s.Flags, "timeout") {
				return fail(a.where, "Could not process rule: Invalid argument")
			}
			e.Until = time.Now().Add(d).UnixMilli()
		}
		if s.index(value) < 0 {
			s.Elements = append(s.Elements, e)
		}
	}
	return nil
}

// index finds a living element.
func (s *set) index(value string) int {
	now := time.Now().UnixMilli()
	s.Elements = slices.DeleteFunc(slices.Clone(s.Elements), func(e element) bool { return e.Until != 0 && e.Until <= now })
	return slices.IndexFunc(s.Elements, func(e element) bool { return e.Value == value })
}

func (s *set) living() []element {
	s.index("")
	return s.Elements
}

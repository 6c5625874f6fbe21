package decision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"

	"fermata/spec"
)

// Rules is the policy file of an installation: who may have what done, and who must agree. The nil Rules are those of an
// installation without one: every allowed signer may give every command, and one other person must approve.
type Rules struct {
	doc  *spec.Policy
	hash string
}

// ParseRules reads a policy file; name is the file's, for errors. An error is a spec.Problems.
func ParseRules(name string, data []byte) (*Rules, error) {
	doc, err := spec.ParsePolicy(name, data)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(bytes.TrimSpace(data))
	return &Rules{doc: doc, hash: "sha256:" + hex.EncodeToString(sum[:])}, nil
}

// Hash names the file's content; empty without a file.
func (r *Rules) Hash() string {
	if r == nil {
		return ""
	}
	return r.hash
}

// Facts are what rules look at.
type Facts struct {
	Kind        string `json:"kind"` // Workflow type.
	Environment string `json:"environment,omitempty"`
	Site        string `json:"site,omitempty"`
	Requester   string `json:"requester,omitempty"`
	Emergency   bool   `json:"emergency,omitempty"` // The requester signed that it cannot wait.
	// Partial: environment and site are not known yet. Whoever may give the command under any rule for the kind is let
	// through then; whether they may start is looked at again once the plan is there.
	Partial bool `json:"partial,omitempty"`
}

// Terms returns what holds for a run with those facts; nil for an installation without a policy file. A run that no rule
// matches gets terms under which nobody may do anything.
func (r *Rules) Terms(f Facts) *Terms {
	if r == nil {
		return nil
	}
	t := &Terms{Policy: r.hash, Quorum: 1, FourEyes: true, May: map[Command]People{}, Machines: r.doc.Spec.Machines}
	for _, l := range r.doc.Spec.Limits {
		if matches(l.Match, f) {
			t.Limits = append(t.Limits, Limit{Name: l.Name, ChangesPerHour: l.ChangesPerHour, TargetsPerRun: l.TargetsPerRun})
		}
	}
	for _, rule := range r.doc.Spec.Rules {
		if matches(rule.Match, f) {
			r.fill(t, rule, f)
			break
		}
	}
	return t
}

// Named returns what one rule says, for those who look later at a run that it held for: whether the rule matches is not
// asked. False: there is no such rule.
func (r *Rules) Named(name string, f Facts) (*Terms, bool) {
	if r == nil {
		return nil, false
	}
	for _, rule := range r.doc.Spec.Rules {
		if rule.Name == name {
			t := &Terms{Policy: r.hash, Quorum: 1, FourEyes: true, May: map[Command]People{}, Machines: r.doc.Spec.Machines}
			r.fill(t, rule, f)
			return t, true
		}
	}
	if automation := r.Automation(); name == automation.Rule {
		return automation, true
	}
	return nil, false
}

func (r *Rules) fill(t *Terms, rule spec.PolicyRule, f Facts) {
	t.Rule, t.Change = rule.Name, spec.ChangeNormal
	if rule.Change != "" {
		t.Change = rule.Change
	}
	for _, c := range Commands() {
		if groups, listed := mayGive(rule.May, c); listed {
			t.May[c] = r.people(groups)
		}
	}
	a := rule.Approval
	t.Quorum, t.Deadline = max(a.Quorum, 1), time.Duration(a.Deadline)
	t.FourEyes = a.FourEyes == nil || *a.FourEyes
	if a.Escalate != nil {
		t.Escalate = &Escalation{After: time.Duration(a.Escalate.After), To: r.people(a.Escalate.To)}
	}
	if !f.Emergency {
		return
	}
	// Quorum, deadline and escalation are of an approval, which there is none of: one person reviews, in the time of a review.
	t.Change, t.May[Start] = spec.ChangeEmergency, People{}
	t.Quorum, t.Deadline, t.Escalate = 1, 0, nil
	if e := rule.Emergency; e != nil {
		t.May[Start] = r.people(e.By)
		t.Review = &Review{By: r.people(e.Review), Within: time.Duration(e.Within)}
	}
}

// mayGive finds the groups that a rule lists for a command, or for what stands for it.
func mayGive(may map[string][]string, c Command) ([]string, bool) {
	names := []string{string(c)}
	switch {
	case c == Reject:
		names = append(names, string(Approve))
	case slices.Contains(spec.Steering(), string(c)):
		names = append(names, "operate")
	}
	for _, name := range names {
		if groups, listed := may[name]; listed {
			return groups, true
		}
	}
	return nil, false
}

// people are the members of groups, side by side: what one group leaves out another may have.
func (r *Rules) people(groups []string) People {
	p := People{Groups: groups}
	for _, name := range groups {
		g := r.doc.Spec.Groups[name]
		p.Members = append(p.Members, strings.Join(g.Members, ","))
		for _, a := range g.Notify {
			p.Notify = append(p.Notify, Address{Group: name, System: a.System, To: a.To})
		}
	}
	return p
}

// Addresses are where any group is told something, in the order of the groups' names.
func (r *Rules) Addresses() []Address {
	if r == nil {
		return nil
	}
	return r.people(slices.Sorted(maps.Keys(r.doc.Spec.Groups))).Notify
}

// Automation returns who may stop everything, and who may let it go on: what holds for the guard.
func (r *Rules) Automation() *Terms {
	if r == nil {
		return nil
	}
	a := r.doc.Spec.Automation
	stop := a.Stop
	if stop == nil {
		for name := range r.doc.Spec.Groups {
			stop = append(stop, name)
		}
		slices.Sort(stop)
	}
	resume := a.Resume
	if resume == nil {
		resume = stop
	}
	return &Terms{
		Policy: r.hash, Rule: "automation", Machines: r.doc.Spec.Machines,
		May: map[Command]People{StopAutomation: r.people(stop), ResumeAutomation: r.people(resume)},
	}
}

// possible lets those give a command that may under any rule for the kind, whatever environment and site turn out to be.
func (r *Rules) possible(f Facts) *Terms {
	all := &Terms{Policy: r.hash, Rule: "any for " + f.Kind, Machines: r.doc.Spec.Machines, May: map[Command]People{}}
	for _, rule := range r.doc.Spec.Rules {
		if !anyMatch(rule.Match.Kinds, f.Kind) {
			continue
		}
		one := &Terms{May: map[Command]People{}}
		r.fill(one, rule, f)
		for c, p := range one.May {
			known := all.May[c]
			known.Groups, known.Members = append(known.Groups, p.Groups...), append(known.Members, p.Members...)
			all.May[c] = known
		}
	}
	return all
}

func matches(m spec.Match, f Facts) bool {
	return anyMatch(m.Kinds, f.Kind) && anyMatch(m.Environments, f.Environment) && anyMatch(m.Sites, f.Site)
}

func anyMatch(patterns []string, value string) bool {
	return len(patterns) == 0 || matchList(value, strings.Join(patterns, ","))
}

// Ability is what a rule lets a person do.
type Ability struct {
	Rule     string
	Commands []Command
}

// Abilities returns, for each rule, the commands that the person may give to runs that it matches.
func (r *Rules) Abilities(person string) []Ability {
	var out []Ability
	for _, rule := range r.doc.Spec.Rules {
		t := &Terms{Machines: r.doc.Spec.Machines, May: map[Command]People{}}
		r.fill(t, rule, Facts{})
		out = append(out, Ability{rule.Name, t.allowed(person)})
	}
	return append(out, Ability{"automation", r.Automation().allowed(person)})
}

func (t *Terms) allowed(person string) []Command {
	var out []Command
	for _, c := range Commands() {
		if code, _ := t.Refuses(person, c, false); code == "" {
			out = append(out, c)
		}
	}
	return out
}

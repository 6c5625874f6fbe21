package spec

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"fermata/spec/document"
)

const (
	maxQuorum = 20        // How many people one approval can ask for.
	maxLimit  = 1_000_000 // More is no limit.
)

// steering are the commands that "operate" stands for, and policyCommands all that a rule can name. A misspelt one would
// limit nothing. They are those of package decision, which a test there compares.
var (
	steering       = []string{"retry", "skip", "undo", "cancel", "restore", "purge"}
	policyCommands = append([]string{"start", "approve", "reject", "operate"}, steering...)
)

// PolicyCommands are the words that a rule's "may" can list groups for.
func PolicyCommands() []string { return slices.Clone(policyCommands) }

// Steering are the commands that "operate" stands for.
func Steering() []string { return slices.Clone(steering) }

func (c checker) policy(p *Policy) {
	c.texts("", reflect.ValueOf(p).Elem())
	c.metadata(p.Metadata)
	groups := slices.Sorted(maps.Keys(p.Spec.Groups))
	for _, name := range groups {
		c.group("spec.groups."+name, name, p.Spec.Groups[name])
	}
	c.patterns("spec.machines", p.Spec.Machines)
	c.some("spec.automation.stop", p.Spec.Automation.Stop, groups) // Absent means everybody, so an empty list must not.
	c.some("spec.automation.resume", p.Spec.Automation.Resume, groups)
	if c.Sound("spec.rules") && len(p.Spec.Rules) == 0 {
		c.Add("spec.rules", "expected at least one rule, found none: nobody could do anything")
	}
	names := map[string]string{}
	for i, rule := range p.Spec.Rules {
		at := fmt.Sprintf("spec.rules[%d].", i)
		c.form(at+"name", rule.Name, ruleForm)
		c.unique(at+"name", rule.Name, names)
		c.rule(at, rule, groups)
	}
	limits := map[string]string{}
	for i, limit := range p.Spec.Limits {
		at := fmt.Sprintf("spec.limits[%d].", i)
		c.form(at+"name", limit.Name, ruleForm)
		c.unique(at+"name", limit.Name, limits)
		c.limit(at, limit)
	}
}

func (c checker) group(at, name string, g Group) {
	if !ruleForm.match.MatchString(name) {
		c.AddKey(at, "expected %s, found %q", ruleForm.what, name)
	}
	if c.Sound(at+".members") && len(g.Members) == 0 {
		c.Add(at+".members", "expected at least one member, found none")
	}
	c.patterns(at+".members", g.Members)
	for i, address := range g.Notify {
		c.form(fmt.Sprintf("%s.notify[%d].system", at, i), address.System, labelForm)
	}
}

// patterns refuses what allowed_signers would read as something else.
func (c checker) patterns(at string, patterns []string) {
	for i, pattern := range patterns {
		c.form(fmt.Sprintf("%s[%d]", at, i), pattern, principalForm)
	}
}

func (c checker) groups(at string, named, known []string) {
	for i, name := range named {
		place := fmt.Sprintf("%s[%d]", at, i)
		if c.Sound(place) && !slices.Contains(known, name) {
			c.Add(place, "%s", unknownGroup(name, known))
		}
	}
}

func unknownGroup(name string, known []string) string {
	if len(known) == 0 {
		return fmt.Sprintf("expected a group of spec.groups, found %q; there is none", name)
	}
	return document.OneOf(name, known...)
}

func (c checker) rule(at string, r PolicyRule, groups []string) {
	c.match(at+"match", r.Match)
	for _, command := range slices.Sorted(maps.Keys(r.May)) {
		if !slices.Contains(policyCommands, command) {
			c.AddKey(at+"may."+command, "%s", document.OneOf(command, policyCommands...))
		}
		c.groups(at+"may."+command, r.May[command], groups)
	}
	c.oneOf(at+"change", r.Change, ChangeNormal, ChangeStandard)
	c.between(at+"approval.quorum", r.Approval.Quorum, 1, maxQuorum)
	c.positive(at+"approval.deadline", r.Approval.Deadline)
	if e := r.Approval.Escalate; e != nil {
		c.positive(at+"approval.escalate.after", e.After)
		c.some(at+"approval.escalate.to", e.To, groups)
		if d := r.Approval.Deadline; d > 0 && e.After >= d {
			c.Add(at+"approval.escalate.after", "expected less than the deadline of %s, found %s: nobody would be asked", d, e.After)
		}
	}
	if e := r.Emergency; e != nil {
		c.some(at+"emergency.by", e.By, groups)
		c.some(at+"emergency.review", e.Review, groups)
		c.positive(at+"emergency.within", e.Within)
	}
}

func (c checker) some(at string, named, known []string) {
	if c.Sound(at) && len(named) == 0 {
		c.Add(at, "expected at least one group, found none")
	}
	c.groups(at, named, known)
}

func (c checker) positive(at string, d Duration) {
	if c.Sound(at) && d <= 0 {
		c.Add(at, "expected a length of time above zero, found %s", d)
	}
}

func (c checker) match(at string, m Match) {
	for name, patterns := range map[string][]string{".kinds": m.Kinds, ".environments": m.Environments, ".sites": m.Sites} {
		c.patterns(at+name, patterns)
		if c.Has(at+name) && len(patterns) == 0 {
			c.Add(at+name, "expected at least one pattern, found none: leave it out to match everything")
		}
	}
}

func (c checker) limit(at string, l Limit) {
	c.match(at+"match", l.Match)
	c.between(at+"changesPerHour", l.ChangesPerHour, 1, maxLimit)
	c.between(at+"targetsPerRun", l.TargetsPerRun, 1, maxLimit)
	if !c.Has(at+"changesPerHour") && !c.Has(at+"targetsPerRun") && c.Sound(at+"name") {
		c.Add(at+"name", "expected changesPerHour or targetsPerRun beside it, found neither")
	}
}

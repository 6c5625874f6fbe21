package starter

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"fermata/decision"
	"fermata/spec"
	"fermata/wire"
)

// governed shows what the policy said, what the guard says, and who could not be told.
func (s screen) governed(p wire.Progress) []string {
	var out []string
	if stop := p.Stopped; stop != nil {
		out = append(out, "  "+s.paint(red, "automation is stopped")+" "+stoppedBy(*stop)+"; no step begins")
	}
	if p.Waits != "" {
		out = append(out, "  "+s.paint(yellow, "waiting")+": "+line(p.Waits))
	}
	if g := p.Policy; g != nil {
		if g.Change != "normal" {
			out = append(out, "  "+line(g.Change)+" change, rule "+line(g.Rule))
		}
		for _, note := range g.Notes {
			out = append(out, "  "+s.paint(yellow, line(note)))
		}
	}
	for _, n := range p.Notices {
		if n.State == wire.NoticeFailed {
			out = append(out, "  "+s.paint(red, "not told")+": "+line(n.Group)+" by "+line(n.System)+" ("+line(n.Event)+"): "+line(n.Reason))
		}
	}
	return out
}

// terms shows what a policy says of a run.
func (s screen) terms(t *decision.Terms, f decision.Facts, signers *decision.AllowedSigners) {
	s.printf("policy  %s\nrun     %s, environment %s, site %s\nrule    %s, %s change\n", t.Policy, line(f.Kind), orAny(f.Environment), orAny(f.Site), orAny(t.Rule), article(orAny(t.Change)))
	for _, c := range slices.Sorted(maps.Keys(t.May)) {
		s.printf("  %-10s %s\n", c, s.people(t.Who(c), signers, t))
	}
	if t.Review != nil {
		s.printf("  acts first; reviewed within %s by %s\n", duration(t.Review.Within), s.people(t.Review.By, signers, t))
	} else if t.Change == spec.ChangeNormal {
		s.printf("  needs %d approval(s)%s%s\n", t.Quorum, map[bool]string{true: ", none by the requester", false: ""}[t.FourEyes], deadlineText(t.Deadline))
	}
	if e := t.Escalate; e != nil {
		s.printf("  after %s also %s\n", duration(e.After), s.people(e.To, signers, t))
	}
	for _, l := range t.Limits {
		s.printf("  limit %s: %s\n", line(l.Name), limitText(l))
	}
}

func article(change string) string {
	if change == spec.ChangeEmergency {
		return "an " + change
	}
	return "a " + change
}

func deadlineText(d time.Duration) string {
	if d == 0 {
		return ", within the spec's approvalDeadline"
	}
	return ", within " + duration(d)
}

func limitText(l decision.Limit) string {
	var parts []string
	if l.ChangesPerHour > 0 {
		parts = append(parts, fmt.Sprintf("%d changes within an hour", l.ChangesPerHour))
	}
	if l.TargetsPerRun > 0 {
		parts = append(parts, fmt.Sprintf("%d targets in a run", l.TargetsPerRun))
	}
	return strings.Join(parts, ", ")
}

// people names groups, and those of allowed_signers that are in them.
func (s screen) people(p decision.People, signers *decision.AllowedSigners, t *decision.Terms) string {
	var names []string
	for _, name := range signers.Names() {
		if p.Has(name) && !t.Machine(name) {
			names = append(names, line(name))
		}
	}
	text := p.String()
	if len(names) > 0 {
		text += s.paint(dim, " ("+strings.Join(names, ", ")+")")
	}
	return text
}

func orAny(text string) string {
	if text == "" {
		return "-"
	}
	return line(text)
}

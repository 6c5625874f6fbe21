package starter

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/authority"
	"fermata/wire"
)

// How many servers of a fleet are drawn one by one, unless all are asked for.
const (
	shownPlanned = 8  // In a plan.
	shownMembers = 20 // In a tree.
)

func allFlag() cli.Flag {
	return &cli.BoolFlag{Name: "all", Usage: "show each server of a fleet, however many there are"}
}

// members shows the plan of a fleet's servers, a line each. Who approves covers all of them by the plan's hash.
func (s screen) members(plans []authority.MemberPlan) {
	for i, m := range plans {
		if i == shownPlanned && !s.all && len(plans) > shownPlanned+1 {
			s.printf("    … and %d more; --all shows each\n", len(plans)-i)
			return
		}
		s.printf("    %s %-24s %s\n", s.sign(wire.Create), targetOf(string(m.Owner)), s.paint(dim, line(m.Summary)))
	}
}

func targetOf(owner string) string {
	_, name, found := strings.Cut(owner, "/")
	if !found {
		name = owner
	}
	return line(name)
}

// barWidth is how many columns the bar of a fleet has.
const barWidth = 30

// fleet draws a fleet as one tree: all of it, its waves, and of their servers those that people look for.
func (s screen) fleet(p wire.Progress, now time.Time, most int) []string {
	f := p.Fleet
	total := len(f.Members)
	done := f.Count(wire.MemberDone)
	bar := 0
	if total > 0 {
		bar = done * barWidth / total
	}
	out := []string{fmt.Sprintf("  %s%s %d of %d done%s", s.paint(green, strings.Repeat("█", bar)), s.paint(dim, strings.Repeat("░", barWidth-bar)),
		done, total, s.counts(f.Members))}
	if f.Pauses != nil && p.Phase != wire.Ended {
		out = append(out, fmt.Sprintf("  pause: wave %d begins in %s", f.Wave+1, duration(f.Pauses.Sub(now))))
	}
	shown := s.chosen(f, most)
	begin := 0
	for i, size := range f.Waves {
		end := min(begin+size, total)
		out = append(out, s.wave(i+1, f.Members[begin:end], shown, now)...)
		begin = end
	}
	if hidden := s.notable(f) - len(shown); hidden > 0 {
		out = append(out, fmt.Sprintf("  … and %d more that are under way or need a look; --all shows each", hidden))
	}
	return out
}

// counts names how many servers are in each state that is not done.
func (s screen) counts(members []wire.Member) string {
	f := wire.Fleet{Members: members}
	text := ""
	for _, state := range wire.MemberStates() {
		if n := f.Count(state); n > 0 && state != wire.MemberDone {
			text += fmt.Sprintf("  %s %d %s", s.memberSymbol(state), n, state)
		}
	}
	return text
}

// interest is which servers people look for first. Those that are done or not begun are only counted.
var interest = []wire.MemberState{wire.MemberHeld, wire.MemberFailed, wire.MemberRefused, wire.MemberBusy, wire.MemberRunning}

func (s screen) notable(f *wire.Fleet) int {
	if s.all {
		return len(f.Members)
	}
	return f.Count(interest...)
}

// chosen are the names of those that are drawn.
func (s screen) chosen(f *wire.Fleet, most int) map[string]bool {
	shown := map[string]bool{}
	if s.all {
		for _, m := range f.Members {
			shown[m.Name] = true
		}
		return shown
	}
	for _, state := range interest {
		for _, m := range f.Members {
			if m.State == state && len(shown) < most {
				shown[m.Name] = true
			}
		}
	}
	return shown
}

func (s screen) wave(n int, members []wire.Member, shown map[string]bool, now time.Time) []string {
	f := wire.Fleet{Members: members}
	symbol := s.memberSymbol(wire.MemberRunning)
	switch len(members) {
	case f.Count(wire.MemberDone):
		symbol = s.memberSymbol(wire.MemberDone)
	case f.Count(wire.MemberNotBegun):
		symbol = s.memberSymbol(wire.MemberNotBegun)
	}
	out := []string{fmt.Sprintf("  %s wave %d: %d of %d done%s", symbol, n, f.Count(wire.MemberDone), len(members), s.counts(members))}
	for _, m := range members {
		if shown[m.Name] {
			out = append(out, s.member(m, now)...)
		}
	}
	return out
}

// member is one server: what it does, and what a person types if that needs one.
func (s screen) member(m wire.Member, now time.Time) []string {
	text := fmt.Sprintf("      %s %-24s %-10s", s.memberSymbol(m.State), line(m.Name), m.State)
	if m.Began != nil {
		end := now
		if m.Ended != nil {
			end = *m.Ended
		}
		text += " " + duration(end.Sub(*m.Began))
	}
	if m.Step != "" {
		text += "  " + line(m.Step)
	}
	if m.Reason != "" && m.State == wire.MemberRunning {
		text += "  " + line(m.Reason)
	}
	out := []string{strings.TrimRight(text, " ")}
	if m.Reason != "" && m.State != wire.MemberRunning {
		out = append(out, "          "+s.paint(yellow, line(m.Reason)))
	}
	if m.State == wire.MemberHeld && m.Step != "" {
		out = append(out, "          $ fermata retry "+line(m.Name)+" "+line(m.Step))
	}
	return out
}

func (s screen) memberSymbol(state wire.MemberState) string {
	switch state {
	case wire.MemberDone:
		return s.paint(green, "✓")
	case wire.MemberRunning:
		return s.paint(blue, "●")
	case wire.MemberHeld:
		return s.paint(yellow, "‖")
	case wire.MemberBusy:
		return s.paint(yellow, "…")
	case wire.MemberFailed, wire.MemberRefused:
		return s.paint(red, "✗")
	case wire.MemberNotBegun:
	}
	return s.paint(dim, "·")
}

// fittingFleet draws a fleet so that it fits a terminal: of the servers fewer and fewer are drawn one by one.
func (s screen) fittingFleet(p wire.Progress, now time.Time, width, height int) []string {
	var lines []string
	for _, most := range []int{shownMembers, 10, 5, 2, 0} {
		lines = wrapped(s.linesOf(p, now, most), width)
		if len(lines) <= height || s.all {
			break
		}
	}
	if len(lines) > height {
		lines = append(lines[:1:1], lines[len(lines)-height+1:]...)
	}
	return lines
}

// tellMembers tells of each server when its state changes, where nothing is drawn in place.
func (v *view) tellMembers(p wire.Progress) {
	if p.Fleet == nil {
		return
	}
	for _, m := range p.Fleet.Members {
		if m.State == wire.MemberNotBegun {
			continue
		}
		at := m.Ended
		if at == nil {
			at = m.Began
		}
		if at == nil {
			at = &p.Started
		}
		v.tellIf("member "+m.Name, string(m.State)+m.Step+m.Reason, strings.Join(v.screen.member(m, *at), "\n"))
	}
}

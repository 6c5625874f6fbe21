package starter

import (
	"fmt"
	"strings"

	"fermata/activities/secret"
	"fermata/wire"
)

// plan shows what a run would do, what of it cannot be taken back, and what was seen.
func (s screen) plan(p wire.Preview) {
	s.printf("%s of %s\n\n", s.paint(bold, line(p.Plan.Kind)), line(string(p.Plan.Owner)))
	for _, c := range p.Plan.Changes {
		reversal := s.paint(dim, line(c.Reversal))
		if c.Reversal == wire.Irreversible {
			reversal = s.paint(red, "IRREVERSIBLE")
		}
		s.change(fmt.Sprintf("  %s %-34s %s", s.sign(c.Action), line(c.Title), line(c.Object)), "["+reversal+"]")
		for _, d := range c.Detail {
			s.printf("      %s\n", s.paint(dim, line(d)))
		}
	}
	s.members(p.Members)
	s.secrets(p.Plan.Secrets)
	if len(p.Observations) > 0 {
		s.printf("\nSeen while planning:\n")
	}
	for _, o := range p.Observations {
		mark := s.paint(green, "ok ")
		if !o.OK {
			mark = s.paint(red, "NO ")
		}
		s.printf("  %s %-24s %s\n", mark, line(o.Name), line(o.Text))
	}
	if p.Nothing {
		s.printf("\n%s: everything is as the spec asks for\n", wire.NothingToChange)
		return
	}
	s.printf("\nPlan %s\n", line(p.Hash))
}

// secrets shows which versions the plan holds on to: the run reads these, whatever is stored behind them later.
func (s screen) secrets(pinned []secret.Pinned) {
	if len(pinned) == 0 {
		return
	}
	s.printf("\nSecrets, by reference:\n")
	for _, p := range pinned {
		version := "version " + line(p.Version)
		if p.Version == "" {
			version = s.paint(yellow, "unversioned: read as it is then")
		}
		s.change("  "+line(string(p.Ref)), version)
	}
}

// change shows what undo does with a change behind it, or below it where the terminal has no room.
func (s screen) change(text, reversal string) {
	if s.size != nil {
		if width, _ := s.size(); visible(text)+2+visible(reversal) > width {
			s.printf("%s\n      %s\n", text, reversal)
			return
		}
	}
	s.printf("%s  %s\n", text, reversal)
}

func (s screen) sign(a wire.Action) string {
	switch a {
	case wire.Create:
		return s.paint(green, "+")
	case wire.Change:
		return s.paint(yellow, "~")
	case wire.Remove:
		return s.paint(red, "-")
	case wire.Use:
		return s.paint(blue, "=")
	case wire.Observe:
		return "?"
	}
	return " "
}

func problems(p wire.Preview) string {
	var lines []string
	for _, o := range p.Problems() {
		lines = append(lines, line(o.Name)+": "+line(o.Text))
	}
	return strings.Join(lines, "\n")
}

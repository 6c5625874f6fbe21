package starter

import (
	"fmt"
	"os"
	"strings"
	"time"

	"fermata/client/story"
)

// judge is by what this machine verifies again. What cannot be read is told with each decision.
func (s *session) judge() story.Judge {
	j := story.Judge{Cluster: s.cfg.Name, Namespace: s.cfg.Temporal.Namespace}
	if j.Signers, j.Err = allowedSigners(s.cfg); j.Err != nil {
		return j
	}
	policy, err := localPolicy(s.cfg, j.Signers)
	if j.Revoked, j.Err = policy.Revoked, err; j.Err != nil {
		return j
	}
	j.Rules, j.Err = localRules(s.cfg)
	return j
}

// tellAll answers in the form that was asked for. A page that is written leaves room for no more than what was found.
func (s *session) tellAll(answer chronicle) error {
	if file := s.c.String("html"); file != "" && len(answer.Runs) > 0 {
		if err := s.page(file, answer); err != nil || file == "-" {
			return err
		}
		if s.screen.form == "table" {
			for _, told := range answer.Runs {
				s.screen.found(told)
			}
			return nil
		}
	}
	if done, err := s.screen.document(answer); done || err != nil {
		return err
	}
	for _, told := range answer.Runs {
		s.screen.story(told)
	}
	return nil
}

// beside is for what is told beside the answer.
func (s *session) beside() screen {
	if s.c.String("html") == "-" {
		aside := s.screen
		aside.form = "html"
		return aside.aside()
	}
	return s.screen.aside()
}

// story tells one run: a summary, what was found, and who did what when.
func (s screen) story(told *story.Story) {
	s.found(told)
	day, who := "", len(story.Fermata)
	for _, e := range told.Events {
		who = min(max(who, visible(line(e.Who))), 24)
	}
	for _, e := range told.Events {
		at := strings.Repeat(" ", len(time.TimeOnly))
		if e.At != nil {
			at = e.At.UTC().Format(time.TimeOnly)
			if d := e.At.UTC().Format(time.DateOnly); d != day {
				day = d
				s.printf("\n  %s\n", s.paint(bold, day+" (UTC)"))
			}
		}
		s.hanging(fmt.Sprintf("  %s  %-*s  ", at, who, line(e.Who)), s.happened(told, e))
		for _, l := range e.Detail {
			s.printf("    %s\n", s.paint(dim, line(l)))
		}
		if e.Decision > 0 {
			s.decided(told, told.DecisionOf(e))
		}
	}
	if told.Refused > 0 {
		s.printf("\n  %s refused in all\n", were(told.Refused, "decision"))
	}
}

// happened is what an event is about, and what a decision was worth.
func (s screen) happened(told *story.Story, e story.Event) string {
	text := line(e.Text)
	if d := took(e); d != "" {
		text += " (" + d + ")"
	}
	if e.Trouble {
		text = s.paint(yellow, text)
	}
	if e.Decision > 0 {
		text += ": " + s.worth(told.DecisionOf(e))
	}
	return text
}

// hanging writes a text behind a head, below itself where it needs more lines.
func (s screen) hanging(head, text string) {
	lines := []string{text}
	if s.size != nil {
		width, _ := s.size()
		if room := width - visible(head); room >= 20 {
			lines = wrap(text, room)
		}
	}
	for _, l := range lines {
		s.printf("%s%s\n", head, l)
		head = strings.Repeat(" ", visible(head))
	}
}

func (s screen) worth(d story.Decision) string {
	if d.Accepted {
		return s.paint(green, "counts")
	}
	return s.paint(red, fmt.Sprintf("refused (%s): %s", line(d.Code), line(d.Because)))
}

// decided tells what a decision was about, by which key, and what it is worth now.
func (s screen) decided(told *story.Story, d story.Decision) {
	facts := [][2]string{{"of", d.Hash}, {"key", d.Fingerprint}, {"policy", d.Policy}, {"rule", d.Rule}}
	if told.Policy != nil && d.Policy == told.Policy.Policy {
		facts[2][1] = "" // The summary has it.
	}
	for _, f := range facts {
		if f[1] != "" {
			s.printf("    %s %s\n", f[0], s.paint(dim, line(f[1])))
		}
	}
	colour := green
	if !d.Check.OK() {
		colour = red
	}
	s.printf("    verified again: %s\n", s.paint(colour, again(d.Check)))
}

// again says what came of verifying again.
func again(c story.Check) string {
	text := line(c.Text)
	switch c.Result {
	case story.Since:
		return "not good any more: " + text
	case story.Bad:
		return "NOT good: " + text
	case story.Unchecked:
		return "NOT verified: " + text
	case story.Good, story.Nothing:
	}
	return text
}

// found tells what a run is and what was found when it was looked at again.
func (s screen) found(told *story.Story) {
	s.printf("\n%s %s: %s\n", s.paint(bold, line(told.Kind)), line(string(told.Owner)), state(told))
	s.printf("  run %s, asked for by %s\n  told by %s\n", line(told.Run), line(told.Requester), sources(told))
	if p := told.Policy; p != nil {
		s.printf("  policy %s\n  rule %s, %s change\n", s.paint(dim, line(p.Policy)), line(p.Rule), line(p.Change))
	}
	for _, f := range told.Findings {
		mark := s.paint(green, "ok ")
		if !f.OK {
			mark = s.paint(red, "NO ")
		}
		s.printf("  %s %-10s %s\n", mark, f.What, line(f.Text))
	}
}

func state(told *story.Story) string {
	if told.Phase == "ended" {
		return line(string(told.Outcome))
	}
	return line(string(told.Phase)) + ", goes on"
}

func sources(told *story.Story) string {
	switch {
	case told.Has(story.Record) && told.Has(story.Run):
		return "its record and the run itself"
	case told.Has(story.Record):
		return "its record"
	case told.Phase == "ended":
		return "the run itself: it has no record"
	}
	return "the run itself: it goes on, and has no record yet"
}

// sum names the content of a file that was judged by; empty if it cannot be read.
func sum(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return digest(data)
}

package story

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fermata/decision"
	"fermata/wire"
)

// Kind is what an event is about.
type Kind string

// The kinds.
const (
	Decided   Kind = "decision"
	Planned   Kind = "planned"
	Policy    Kind = "policy" // The policy approved, or let act first.
	Permit    Kind = "permit"
	Notice    Kind = "notice"
	StepBegun Kind = "step-begun"
	StepEnded Kind = "step-ended" // Done, or broken off.
	StepHeld  Kind = "step-held"
	Step      Kind = "step" // Begun and ended, with nothing between.
	Undo      Kind = "undo"
	Waits     Kind = "waits" // For a person, now.
	Stopped   Kind = "stopped"
	Left      Kind = "left-behind"
	Ended     Kind = "ended"
	Recorded  Kind = "recorded"
)

// Fermata is who did what no person did.
const Fermata = "fermata"

// Event is one line of the story.
type Event struct {
	// At is nil where only the place between the others is known, as in records of older builds.
	At       *time.Time `json:"at,omitempty"`
	Until    *time.Time `json:"until,omitempty"` // Of a Step.
	Kind     Kind       `json:"kind"`
	Who      string     `json:"who"` // A person, or Fermata.
	Text     string     `json:"text"`
	Detail   []string   `json:"detail,omitempty"`
	Step     string     `json:"step,omitempty"`     // Id.
	Decision int        `json:"decision,omitempty"` // Number of the decision.
	// Trouble: a step that is held, an undo that failed, something left behind, a refusal.
	Trouble bool `json:"trouble,omitempty"`

	place time.Time // Where it stands if At is nil.
}

// add puts an event where it belongs; at may be nil or zero, then it stands behind what came until place.
func (s *Story) add(at *time.Time, place time.Time, e Event) {
	if at != nil && !at.IsZero() {
		e.At, place = at, *at
	}
	e.place = place
	if e.Who == "" {
		e.Who = Fermata
	}
	s.Events = append(s.Events, e)
}

// tell puts everything into the order in which it came.
func (s *Story) tell() {
	s.Events = []Event{}
	begun, approved, ended := s.tellDecisions()
	planned := begun
	if s.planned != nil {
		planned = *s.planned
	}
	if s.PlanHash != "" {
		s.add(s.planned, planned, Event{Kind: Planned, Text: "plans " + count(len(s.Planned().Changes), "step"), Detail: []string{"plan " + s.PlanHash}})
	}
	s.tellPolicy(planned, approved)
	s.tellNotices(planned, ended)
	for _, st := range s.Steps {
		s.tellStep(st, ended)
	}
	s.tellNow()
	s.tellEnd(ended)
	s.foregoing()
	slices.SortStableFunc(s.Events, func(a, b Event) int { return a.place.Compare(b.place) })
	s.Events = joined(s.Events)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// tellDecisions returns when the run began, when it was approved, and when it ended, for what has no time of its own.
func (s *Story) tellDecisions() (begun, approved, ended time.Time) {
	begun = s.Started
	for i := range s.Decisions {
		d := &s.Decisions[i]
		s.add(&d.At, s.Started, Event{Kind: Decided, Who: d.Person, Text: d.text(s), Step: d.Step, Decision: d.Number, Trouble: !d.Accepted})
		if d.Command == decision.Start {
			begun = d.At
		}
		if d.Command == decision.Approve && d.Accepted {
			approved = d.At
		}
		ended = later(ended, d.At)
	}
	for _, st := range s.Steps {
		for _, at := range []*time.Time{st.Started, st.Ended, st.Undone} {
			if at != nil {
				ended = later(ended, *at)
			}
		}
	}
	if s.Ended != nil {
		ended = later(ended, *s.Ended)
	}
	return begun, later(begun, approved), later(begun, ended)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (d *Decision) text(s *Story) string {
	text := string(d.Command)
	switch {
	case text == "":
		text = "a decision"
	case d.Command == decision.Start:
		text = fmt.Sprintf("start: asks for %s of %s", s.Kind, s.Owner)
	case d.Gate == "review":
		text += " (review of an emergency change)"
	}
	if d.Change != "" {
		text += ", as " + d.Change + " change"
	}
	if d.Step != "" {
		text += ", step " + d.Step
	}
	if d.Reason != "" {
		text += fmt.Sprintf(", saying %q", d.Reason)
	}
	return text
}

func (s *Story) tellPolicy(planned, approved time.Time) {
	g := s.Policy
	if g == nil {
		return
	}
	if g.Change != "" && g.Change != "normal" && g.Approved != "" {
		s.add(nil, planned, Event{Kind: Policy, Text: g.Approved})
	}
	for _, note := range g.Notes {
		s.add(nil, later(planned, approved), Event{Kind: Policy, Text: note})
	}
	if g.Permit > 0 {
		s.add(&g.Permitted, later(planned, approved), Event{Kind: Permit, Text: fmt.Sprintf("permit %d to act", g.Permit)})
	}
}

func (s *Story) tellNotices(planned, ended time.Time) {
	for _, n := range s.Notices {
		place := planned
		if n.Event == "ended" || n.Event == "held" {
			place = ended
		}
		to := n.Group
		if n.To != "" {
			to += " <" + n.To + ">"
		}
		e := Event{Kind: Notice, Text: fmt.Sprintf("tells %s by %s that the run %s: %s", to, n.System, notices[n.Event], n.State)}
		if notices[n.Event] == "" {
			e.Text = fmt.Sprintf("tells %s by %s (%s): %s", to, n.System, n.Event, n.State)
		}
		if n.State == wire.NoticeFailed {
			e.Trouble, e.Detail = true, []string{n.Reason}
		}
		s.add(&n.At, place, e)
	}
}

var notices = map[string]string{"waiting": "waits", "escalated": "still waits", "held": "is held", "ended": "has ended"}

// sameTask is within which time what a decision sets off may carry an earlier time than the decision: a run's clock stands
// still while it judges.
const sameTask = 15 * time.Second

// foregoing puts a retry or a skip before the steps that it lets begin.
func (s *Story) foregoing() {
	for i := range s.Events {
		d := s.DecisionOf(s.Events[i])
		if !d.Accepted || d.Step == "" {
			continue
		}
		for _, e := range s.Events {
			early := d.At.Sub(e.place)
			if e.Kind == StepBegun && early >= 0 && early < sameTask && s.waitedFor(d, e.Step) && e.place.Before(s.Events[i].place) {
				s.Events[i].place = e.place
			}
		}
	}
}

// waitedFor reports whether the step waited for the decision.
func (s *Story) waitedFor(d Decision, step string) bool {
	if d.Command == decision.Retry {
		return step == d.Step
	}
	return d.Command == decision.Skip && slices.ContainsFunc(s.Steps, func(st wire.Step) bool {
		return st.ID == step && slices.Contains(st.After, d.Step)
	})
}

// tellNow tells what the run waits for; a run that has ended waits for nothing.
func (s *Story) tellNow() {
	for _, g := range s.Gates {
		if g.ID == "run" {
			continue
		}
		e := Event{Kind: Waits, Text: "waits: " + g.Why, Step: g.Step}
		if g.Deadline != nil {
			e.Detail = []string{"until " + g.Deadline.UTC().Format(time.RFC3339)}
		}
		s.add(&g.Opened, g.Opened, e)
	}
	if st := s.stopped; st != nil {
		s.add(&st.Since, st.Since, Event{Kind: Stopped, Who: st.By, Text: strings.TrimSuffix("stopped all automation: "+st.Reason, ": "), Trouble: true})
	}
}

func (s *Story) tellEnd(ended time.Time) {
	for _, left := range s.LeftBehind {
		s.add(nil, ended, Event{Kind: Left, Text: "left behind: " + left, Trouble: true})
	}
	if s.Ended != nil {
		s.add(s.Ended, ended, Event{Kind: Ended, Text: strings.TrimSuffix(fmt.Sprintf("ends as %s: %s", s.Outcome, s.Reason), ": ")})
	}
	if p := s.Place; p != nil {
		previous := "it is the first"
		if p.Previous != "" {
			previous = "before " + p.Previous
		}
		s.add(&p.Written, ended, Event{Kind: Recorded, Text: fmt.Sprintf("writes record %d", p.Sequence), Detail: []string{"hash " + p.Hash, previous}})
	}
}

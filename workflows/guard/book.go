package guard

import (
	"fmt"
	"slices"
	"time"

	"fermata/decision"
	"fermata/wire"
)

// window is what "per hour" means: any hour, not one of the clock.
const window = time.Hour

// book is what the guard knows. It is plain data, so that it travels through continue-as-new, and reads no clock.
type book struct {
	Permits int             `json:"permits"` // Number of the latest.
	Stopped *wire.Stopped   `json:"stopped,omitempty"`
	Runs    []entry         `json:"runs,omitempty"`    // Under way, in the order in which they came.
	Granted []grant         `json:"granted,omitempty"` // Within the last hour, the oldest first.
	Waiting []wire.GuardAsk `json:"waiting,omitempty"` // For a permit, in the order in which they asked.
}

// entry is a run under way.
type entry struct {
	Run        string `json:"run"`
	WorkflowID string `json:"workflow_id"`
	Permit     int    `json:"permit,omitempty"`
}

// grant is a change that began.
type grant struct {
	At     time.Time `json:"at"`
	Limits []string  `json:"limits,omitempty"` // Names of those that it counts for.
}

// message is an answer and whom it is for.
type message struct {
	workflowID string
	answer     wire.GuardAnswer
}

// ask notes what a run asks and returns who must be told what.
func (b *book) ask(a wire.GuardAsk, now time.Time) []message {
	if a.What == wire.AskEnd {
		b.forget(a.Run)
		return nil
	}
	i := slices.IndexFunc(b.Runs, func(e entry) bool { return e.Run == a.Run })
	if i < 0 {
		// A target has one run: what else is noted for it has ended without a word.
		b.Runs = slices.DeleteFunc(b.Runs, func(e entry) bool { return e.WorkflowID == a.WorkflowID })
		b.Runs = append(b.Runs, entry{Run: a.Run, WorkflowID: a.WorkflowID})
		i = len(b.Runs) - 1
	}
	if a.What == wire.AskBegin || b.Runs[i].Permit > 0 {
		return []message{{a.WorkflowID, wire.GuardAnswer{Stopped: b.Stopped, Permit: b.Runs[i].Permit}}}
	}
	// Who asks again, perhaps with other limits after it continued as new, keeps its place.
	if place := slices.IndexFunc(b.Waiting, func(w wire.GuardAsk) bool { return w.Run == a.Run }); place >= 0 {
		b.Waiting[place] = a
	} else {
		b.Waiting = append(b.Waiting, a)
	}
	told := b.serve(now)
	if b.queued(a.Run) {
		told = append(told, message{a.WorkflowID, wire.GuardAnswer{Stopped: b.Stopped, Waits: b.why(a, now)}})
	}
	return told
}

// serve gives permits to those whom nothing hinders any more.
func (b *book) serve(now time.Time) []message {
	b.Granted = slices.DeleteFunc(b.Granted, func(g grant) bool { return !now.Before(g.At.Add(window)) })
	var told []message
	for _, a := range slices.Clone(b.Waiting) {
		if b.Stopped != nil || b.why(a, now) != "" {
			continue
		}
		b.unqueue(a.Run)
		told = append(told, message{a.WorkflowID, wire.GuardAnswer{Permit: b.grant(a, now)}})
	}
	return told
}

func (b *book) grant(a wire.GuardAsk, now time.Time) int {
	b.Permits++
	g := grant{At: now}
	for _, l := range a.Limits {
		if l.ChangesPerHour > 0 {
			g.Limits = append(g.Limits, l.Name)
		}
	}
	b.Granted = append(b.Granted, g)
	for i := range b.Runs {
		if b.Runs[i].Run == a.Run {
			b.Runs[i].Permit = b.Permits
		}
	}
	return b.Permits
}

// why says what hinders a run that asks for a permit; empty: nothing.
func (b *book) why(a wire.GuardAsk, now time.Time) string {
	if b.Stopped != nil {
		return "automation is stopped"
	}
	if a.Exempt {
		return ""
	}
	for _, l := range a.Limits {
		if free := b.free(l, now); !free.IsZero() {
			return fmt.Sprintf("limit %q of the policy lets %d changes begin within an hour: the next one may at %s",
				l.Name, l.ChangesPerHour, free.UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// free is when the limit lets another change begin; zero: now.
func (b *book) free(l decision.Limit, now time.Time) time.Time {
	var counted []time.Time
	for _, g := range b.Granted {
		if now.Before(g.At.Add(window)) && slices.Contains(g.Limits, l.Name) {
			counted = append(counted, g.At)
		}
	}
	if l.ChangesPerHour <= 0 || len(counted) < l.ChangesPerHour {
		return time.Time{}
	}
	return counted[len(counted)-l.ChangesPerHour].Add(window)
}

// next is when somebody who waits may go on by itself; zero: nobody will.
func (b *book) next(now time.Time) time.Time {
	var next time.Time
	if b.Stopped != nil {
		return next
	}
	for _, a := range b.Waiting {
		var last time.Time // Of the limits that hinder it, the one that hinders it longest.
		for _, l := range a.Limits {
			if free := b.free(l, now); free.After(last) {
				last = free
			}
		}
		if next.IsZero() || last.Before(next) {
			next = last
		}
	}
	return next
}

// stop lets nobody begin another step; resume, with nil, lets them go on. Every run under way is told.
func (b *book) stop(s *wire.Stopped, now time.Time) []message {
	b.Stopped = s
	b.serve(now) // Those that get a permit by it are told with the others.
	var told []message
	for _, e := range b.Runs {
		answer := wire.GuardAnswer{Stopped: s, Permit: e.Permit}
		if i := slices.IndexFunc(b.Waiting, func(a wire.GuardAsk) bool { return a.Run == e.Run }); i >= 0 {
			answer.Waits = b.why(b.Waiting[i], now)
		}
		told = append(told, message{e.WorkflowID, answer})
	}
	return told
}

func (b *book) forget(run string) {
	b.unqueue(run)
	b.Runs = slices.DeleteFunc(b.Runs, func(e entry) bool { return e.Run == run })
}

// gone forgets a run that cannot be told anything any more.
func (b *book) gone(workflowID string) {
	for _, e := range slices.Clone(b.Runs) {
		if e.WorkflowID == workflowID {
			b.forget(e.Run)
		}
	}
}

func (b *book) unqueue(run string) {
	b.Waiting = slices.DeleteFunc(b.Waiting, func(a wire.GuardAsk) bool { return a.Run == run })
}

func (b *book) queued(run string) bool {
	return slices.ContainsFunc(b.Waiting, func(a wire.GuardAsk) bool { return a.Run == run })
}

// state is what the guard tells who asks.
func (b *book) state(now time.Time) wire.GuardState {
	s := wire.GuardState{Stopped: b.Stopped, Permits: b.Permits, LastHour: map[string]int{}}
	for _, e := range b.Runs {
		s.Runs = append(s.Runs, e.WorkflowID)
	}
	for _, a := range b.Waiting {
		s.Waiting = append(s.Waiting, wire.GuardWaiting{WorkflowID: a.WorkflowID, Why: b.why(a, now)})
	}
	for _, g := range b.Granted {
		for _, l := range g.Limits {
			if now.Before(g.At.Add(window)) {
				s.LastHour[l]++
			}
		}
	}
	return s
}

package starter

import (
	"fmt"
	"strings"
	"time"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// lines draws a run as it is now.
func (s screen) lines(p wire.Progress, now time.Time) []string {
	end := now
	if p.Ended != nil {
		end = *p.Ended
	}
	out := []string{fmt.Sprintf("%s %s  %s  %s  %s", s.paint(bold, line(p.Kind)), line(string(p.Owner)), s.phase(p), duration(end.Sub(p.Started)), s.paint(dim, "run "+line(p.Run)))}
	if p.Ticket != "" {
		out = append(out, "  ticket "+line(p.Ticket))
	}
	for _, step := range p.Steps {
		out = append(out, s.step(p, step, now)...)
	}
	for _, g := range p.Gates {
		out = append(out, s.gate(p, g, now)...)
	}
	return append(out, s.end(p)...)
}

func (s screen) phase(p wire.Progress) string {
	text := string(p.Phase)
	if p.Phase == wire.Ended {
		text = string(p.Outcome)
	}
	switch {
	case p.Outcome == wire.Done:
		return s.paint(green, text)
	case p.Phase == wire.Held, p.Phase == wire.Waiting, p.Phase == wire.Grace:
		return s.paint(yellow, text)
	case p.Phase == wire.Ended, p.Phase == wire.Undoing:
		return s.paint(red, text)
	}
	return s.paint(blue, text)
}

func (s screen) symbol(state wire.StepState) string {
	switch state {
	case wire.StepDone:
		return s.paint(green, "✓")
	case wire.StepRunning:
		return s.paint(blue, "●")
	case wire.StepHeld:
		return s.paint(yellow, "‖")
	case wire.StepSkipped:
		return s.paint(yellow, "»")
	case wire.StepUndoing:
		return s.paint(blue, "↶")
	case wire.StepUndone:
		return s.paint(dim, "↶")
	case wire.StepCancelled, wire.StepUndoFailed:
		return s.paint(red, "✗")
	case wire.StepWaiting:
	}
	return s.paint(dim, "·")
}

func (s screen) step(p wire.Progress, step wire.Step, now time.Time) []string {
	text := fmt.Sprintf("  %s %-36s %-11s", s.symbol(step.State), line(step.Title), line(string(step.State)))
	if step.Started != nil {
		end := now
		if step.Ended != nil {
			end = *step.Ended
		}
		text += " " + duration(end.Sub(*step.Started))
	}
	if step.Attempt > 1 {
		text += fmt.Sprintf("  attempt %d", step.Attempt)
	}
	if step.Tries > 1 {
		text += fmt.Sprintf("  retried %d times", step.Tries-1)
	}
	if step.Doing != "" {
		text += "  " + line(step.Doing)
	}
	out := []string{text}
	if step.Reason != nil && step.State != wire.StepDone && step.State != wire.StepUndone {
		out = append(out, "      "+s.paint(yellow, line(step.Reason.Text)))
		if step.State == wire.StepHeld {
			out = append(out, s.wayOut(p, step)...)
		}
	}
	return out
}

func (s screen) wayOut(p wire.Progress, step wire.Step) []string {
	out := []string{}
	if advice := fault.Kind(step.Reason.Kind).Advice(); advice != "" {
		out = append(out, "      "+advice)
	}
	commands := []string{"fermata retry " + line(p.WorkflowID) + " " + line(step.ID)}
	if _, skippable := p.Gate(decision.Skip, step.ID); skippable {
		commands = append(commands, "fermata skip "+line(p.WorkflowID)+" "+line(step.ID), "fermata undo "+line(p.WorkflowID))
	}
	return append(out, "      "+strings.Join(commands, "   "))
}

// gate shows what waits for a person, and what that person types.
func (s screen) gate(p wire.Progress, g wire.Gate, now time.Time) []string {
	if g.ID == "run" || strings.HasPrefix(g.ID, "hold/") {
		return nil // The one is always open; the other stands with its step.
	}
	text := "  " + s.paint(yellow, "waiting") + ": " + line(g.Why)
	if g.Deadline != nil {
		text += "; " + duration(g.Deadline.Sub(now)) + " left"
	}
	var commands []string
	for _, c := range g.Commands {
		commands = append(commands, "fermata "+string(c)+" "+line(p.WorkflowID))
	}
	return []string{text, "      " + strings.Join(commands, "   ")}
}

func (s screen) end(p wire.Progress) []string {
	var out []string
	if p.Reason != "" {
		out = append(out, "  reason: "+line(p.Reason))
	}
	if len(p.LeftBehind) > 0 {
		out = append(out, "  "+s.paint(red, "left behind, for a person to take care of:"))
		for _, l := range p.LeftBehind {
			out = append(out, "    - "+line(l))
		}
	}
	if p.Refused > 0 {
		out = append(out, fmt.Sprintf("  %d more decisions were refused than are kept whole", p.Refused))
	}
	if p.Record != "" {
		out = append(out, "  record "+line(p.Record))
	}
	return out
}

// duration is short: people compare, they do not compute.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}

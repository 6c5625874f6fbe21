package starter

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"fermata/decision"
	"fermata/wire"
)

// lines draws a run as it is now; notes stand before its steps.
func (s screen) lines(p wire.Progress, now time.Time, notes ...string) []string {
	return s.linesOf(p, now, shownMembers, notes...)
}

// linesOf is lines with so many servers of a fleet at most.
func (s screen) linesOf(p wire.Progress, now time.Time, most int, notes ...string) []string {
	end := now
	if p.Ended != nil {
		end = *p.Ended
	}
	out := []string{fmt.Sprintf("%s %s  %s  %s  %s", s.paint(bold, line(p.Kind)), line(string(p.Owner)), s.phase(p), duration(end.Sub(p.Started)), s.paint(dim, "run "+line(p.Run)))}
	if p.Ticket != "" {
		out = append(out, "  ticket "+line(p.Ticket))
	}
	out = append(out, s.governed(p)...)
	out = append(out, notes...)
	if p.PartOf != "" {
		out = append(out, "  part of "+line(p.PartOf))
	}
	if p.Fleet != nil {
		out = append(out, s.fleet(p, now, most)...)
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
		text += "  " + times(step.Tries-1)
	}
	switch {
	case step.NoWorker != "":
		text += "  " + s.paint(red, "no worker for "+line(step.NoWorker))
	case step.Doing != "":
		text += "  " + line(step.Doing)
	}
	out := []string{strings.TrimRight(text, " ")}
	if step.Reason != nil && step.State != wire.StepDone && step.State != wire.StepUndone {
		out = append(out, "      "+s.paint(yellow, line(step.Reason.Text)))
		if step.State == wire.StepHeld {
			out = append(out, wayOut(p, step)...)
		}
	}
	return out
}

func times(retries int) string {
	if retries == 1 {
		return "retried once"
	}
	return fmt.Sprintf("retried %d times", retries)
}

// wayOut is what a person may do about a held step: only what the run takes now.
func wayOut(p wire.Progress, step wire.Step) []string {
	var commands []string
	for _, c := range []decision.Command{decision.Retry, decision.Skip} {
		if _, open := p.Gate(c, step.ID); open {
			commands = append(commands, "fermata "+string(c)+" "+line(p.WorkflowID)+" "+line(step.ID))
		}
	}
	if len(commands) == 0 {
		return nil
	}
	if _, open := p.Gate(decision.Undo, ""); open {
		commands = append(commands, "fermata undo "+line(p.WorkflowID))
	}
	out := typed(commands)
	if advice := step.Reason.Kind.Advice(); advice != "" {
		out = append([]string{"      " + advice}, out...)
	}
	return out
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
	return append([]string{text}, typed(commands)...)
}

// typed shows commands one on a line, so that each can be copied whole.
func typed(commands []string) []string {
	out := make([]string, len(commands))
	for i, c := range commands {
		out[i] = "      $ " + c
	}
	return out
}

// decision shows who decided what, with which key, and whether it counts.
func (s screen) decision(d wire.Judged) string {
	verdict := s.paint(green, "counts")
	if !d.Verdict.Accepted {
		verdict = s.paint(red, "refused: "+line(d.Verdict.Reason))
	}
	e := d.Verdict.Envelope
	text := fmt.Sprintf("%-8s by %s at %s", line(string(e.Command)), line(e.Person), d.Verdict.At.Local().Format(time.DateTime))
	if e.Step != "" {
		text += ", step " + line(e.Step)
	}
	if d.Verdict.Fingerprint != "" {
		text += ", key " + line(d.Verdict.Fingerprint)
	}
	if e.Reason != "" {
		text += ", saying " + strconv.Quote(line(e.Reason))
	}
	return text + ": " + verdict
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
	text := strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	if whole, ok := strings.CutSuffix(text, "h0m"); ok {
		return whole + "h"
	}
	return text
}

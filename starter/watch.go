package starter

import (
	"context"
	"strconv"
	"strings"
	"time"

	"fermata/wire"
)

// follow shows a run until it has ended: redrawn in place on a terminal, a line for each change elsewhere.
func (s *session) follow(ctx context.Context, workflowID, runID string) (wire.Progress, error) {
	v := &view{screen: s.screen, seen: map[string]string{}}
	p, err := s.client.Watch(ctx, workflowID, runID, v.show, v.away)
	if err != nil {
		return p, err
	}
	v.finish(p)
	return p, nil
}

type view struct {
	screen screen
	drawn  int               // Lines on the terminal that the next drawing replaces.
	seen   map[string]string // What was told already, elsewhere.
	lost   bool
}

func (v *view) show(p wire.Progress) {
	if v.screen.form != "table" {
		return
	}
	v.lost = false
	if v.screen.terminal {
		v.redraw(v.screen.lines(p, time.Now()))
		return
	}
	v.tell("phase", "phase "+string(p.Phase))
	for _, step := range p.Steps {
		if step.State == wire.StepWaiting {
			continue
		}
		text := strings.Join(v.screen.step(p, step, *stepEnd(step)), "\n")
		v.tellIf("step "+step.ID, string(step.State)+reason(step), text)
	}
	for _, g := range p.Gates {
		if text := strings.Join(v.screen.gate(p, g, g.Opened), "\n"); text != "" {
			v.tellIf("gate "+g.ID+g.Nonce, "open", text)
		}
	}
}

// stepEnd keeps durations out of what is compared: a line is told once for each change of state.
func stepEnd(s wire.Step) *time.Time {
	switch {
	case s.Ended != nil:
		return s.Ended
	case s.Started != nil:
		return s.Started
	}
	return &time.Time{}
}

func reason(s wire.Step) string {
	if s.Reason == nil {
		return ""
	}
	return s.Reason.Text
}

func (v *view) tell(key, text string) { v.tellIf(key, text, text) }

func (v *view) tellIf(key, state, text string) {
	if v.seen[key] != state {
		v.seen[key] = state
		v.screen.printf("%s\n", text)
	}
}

func (v *view) away(err error) {
	if !v.lost && v.screen.form == "table" {
		v.lost = true
		v.screen.printf("the server cannot be reached, trying again: %s\n", line(err.Error()))
		v.drawn = 0
	}
}

// redraw replaces the last drawing. Lines are cut to the width, so that each takes one row.
func (v *view) redraw(lines []string) {
	var b strings.Builder
	if v.drawn > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(v.drawn) + "F\x1b[J")
	}
	for _, l := range lines {
		b.WriteString(cut(l, v.screen.width-1))
		b.WriteString("\n")
	}
	v.screen.printf("%s", b.String())
	v.drawn = len(lines)
}

func (v *view) finish(p wire.Progress) {
	if done, err := v.screen.document(p); done || err != nil {
		return
	}
	if v.screen.terminal {
		return // The last drawing stays.
	}
	v.screen.printf("%s %s\n", v.screen.phase(p), strings.Join(v.screen.end(p), "\n"))
}

// cut shortens a line to a number of visible characters; sequences of colour take no room.
func cut(text string, width int) string {
	var b strings.Builder
	visible, escape := 0, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			visible++
		}
		if visible > width && !escape {
			b.WriteString("\x1b[0m")
			return b.String()
		}
		b.WriteRune(r)
	}
	return b.String()
}

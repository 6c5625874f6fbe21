package starter

import (
	"fmt"
	"strings"
	"time"

	"fermata/wire"
)

// fitting draws a run so that it fits a terminal: what is over goes first, then what has not begun. What a person must
// read, a held step or a gate, stays to the last.
func (s screen) fitting(p wire.Progress, now time.Time, width, height int) []string {
	if p.Fleet != nil {
		return s.fittingFleet(p, now, width, height)
	}
	var notes []string
	lines := wrapped(s.lines(p, now), width)
	for _, state := range []wire.StepState{wire.StepDone, wire.StepWaiting} {
		if len(lines) <= height {
			return lines
		}
		var hidden int
		p.Steps, hidden = without(p.Steps, state)
		if hidden > 0 {
			notes = append(notes, fmt.Sprintf("  %s %s %s", s.symbol(state), counted(hidden, "step"), state))
		}
		lines = wrapped(s.lines(p, now, notes...), width)
	}
	if len(lines) > height {
		lines = append(lines[:1:1], lines[len(lines)-height+1:]...)
	}
	return lines
}

func without(steps []wire.Step, state wire.StepState) (rest []wire.Step, hidden int) {
	for _, step := range steps {
		if step.State == state {
			hidden++
			continue
		}
		rest = append(rest, step)
	}
	return rest, hidden
}

// wrapped breaks lines at blanks so that each takes one row.
func wrapped(lines []string, width int) []string {
	var out []string
	for _, l := range lines {
		out = append(out, wrap(l, width)...)
	}
	return out
}

func wrap(text string, width int) []string {
	indent := strings.Repeat(" ", min(len(text)-len(strings.TrimLeft(text, " "))+2, width/2))
	var out []string
	for visible(text) > width {
		i := breakAt(text, width)
		out = append(out, strings.TrimRight(text[:i], " "))
		text = indent + strings.TrimLeft(text[i:], " ")
	}
	return append(out, text)
}

// breakAt is the byte behind the last blank that fits, or where the width ends if there is none.
func breakAt(text string, width int) int {
	begin := len(text) - len(strings.TrimLeft(text, " "))
	columns, escape, blank := 0, false, 0
	for i, r := range text {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		case columns == width:
			if blank > 0 {
				return blank
			}
			return i
		default:
			columns++
			if r == ' ' && i > begin {
				blank = i
			}
		}
	}
	return len(text)
}

// visible counts the columns of a text; sequences of colour take none.
func visible(text string) int {
	columns, escape := 0, false
	for _, r := range text {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			columns++
		}
	}
	return columns
}

package starter

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/wire"
)

func forFlag() cli.Flag {
	return &cli.DurationFlag{Name: "for", Usage: "watch no longer than `DURATION`; the run goes on, and the exit code is 9"}
}

// follow shows a run until it has ended: redrawn in place on a terminal, a line for each change elsewhere. The error is
// nil only if the run did what was asked.
func (s *session) follow(ctx context.Context, t target) error {
	watching, stop := ctx, context.CancelFunc(func() {})
	if limit := s.c.Duration("for"); limit > 0 {
		watching, stop = context.WithTimeout(ctx, limit)
	}
	defer stop()
	v := &view{screen: s.screen, seen: map[string]string{}}
	p, err := s.client.Watch(watching, t.workflowID, t.runID, v.show, func(err error) {
		if end, limited := watching.Deadline(); !limited || time.Until(end) > 200*time.Millisecond {
			v.away(err) // At the end of --for it is the question that ends, not the server.
		}
	})
	switch {
	case ctx.Err() != nil:
		return interrupted("stopped watching; the run goes on: fermata watch %s", t.workflowID)
	case watching.Err() != nil && p.Phase != wire.Ended:
		if p.Run == "" {
			return fault.New(fault.Unavailable, "%s could not be read for %s", t.workflowID, s.c.Duration("for"))
		}
		_, _ = s.screen.document(p)
		return coded{code: exitHeld, text: fmt.Sprintf("%s is %s and goes on: fermata watch %[1]s", t.workflowID, client.State(p))}
	case err != nil:
		return err
	}
	v.finish(p)
	return outcome(p)
}

type view struct {
	screen screen
	drawn  []int             // Columns of each line on the terminal that the next drawing replaces.
	seen   map[string]string // What was told already, elsewhere.
	lost   bool
}

func (v *view) show(p wire.Progress) {
	if v.screen.form != "table" {
		return
	}
	if v.lost && !v.screen.terminal {
		v.screen.printf("answers again\n")
	}
	v.lost = false
	if v.screen.terminal {
		now := time.Now()
		width, height := v.screen.size()
		v.redraw(v.screen.fitting(p, now, width, height-1), width)
		return
	}
	v.tell("run", line(p.Kind)+" "+line(string(p.Owner))+", run "+line(p.Run))
	v.tell("phase", "phase "+line(string(p.Phase)))
	for _, step := range p.Steps {
		if step.State == wire.StepWaiting {
			continue
		}
		text := strings.Join(v.screen.step(p, step, *stepEnd(step)), "\n")
		v.tellIf("step "+step.ID, string(step.State)+reason(step)+step.NoWorker, text)
	}
	v.tellMembers(p)
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
	if v.lost {
		return
	}
	v.lost = true
	v.screen.aside().printf("no answer, trying again: %s\n", line(err.Error()))
	v.drawn = nil
}

// redraw replaces the last drawing in one write. Each line is written over the old one and only what is left is cleared,
// so nothing flickers; a terminal that became narrower has wrapped the old lines, which is counted.
func (v *view) redraw(lines []string, width int) {
	var b strings.Builder
	rows := 0
	for _, columns := range v.drawn {
		rows += max(1, (columns+width-1)/width)
	}
	if rows > 0 {
		b.WriteString("\x1b[" + strconv.Itoa(rows) + "F")
	}
	v.drawn = v.drawn[:0]
	for _, l := range lines {
		b.WriteString(l + "\x1b[K\n")
		v.drawn = append(v.drawn, visible(l))
	}
	b.WriteString("\x1b[J")
	v.screen.raw(b.String())
}

func (v *view) finish(p wire.Progress) {
	if done, err := v.screen.document(p); done || err != nil {
		return
	}
	if v.screen.terminal { // Whole, whatever the height: it stays.
		width, _ := v.screen.size()
		v.redraw(wrapped(v.screen.lines(p, time.Now()), width), width)
		return
	}
	v.screen.printf("%s\n", strings.Join(append([]string{v.screen.phase(p)}, v.screen.end(p)...), "\n"))
}

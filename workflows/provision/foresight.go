package provision

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/compute"
	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/runbook"
)

// How long check mode of all plays may take. It is about as slow as the plays themselves; who only looks gets no answer any
// more after five minutes.
const (
	foreseeFor = 15 * time.Minute
	lookFor    = 3 * time.Minute
)

// foreseen is what check mode says of a play on a server that exists.
type foreseen struct {
	play spec.Play
	book playbook
	seen configuration.Foresight
	// blind says why check mode stopped: mostly since a task builds on one before it, which was not done. Empty: it came to
	// its end.
	blind string
}

// laterPlays are the readings of the plays of a server that exists, in a run that looks at them.
func (p *provision) laterPlays(later bool) (readings []runbook.Reading, found func() ([]playbook, []secret.Pinned)) {
	if !later {
		return nil, func() ([]playbook, []secret.Pinned) { return nil, nil }
	}
	return p.lookAtPlays()
}

// foresee runs check mode of all plays, one after the other: each holds the guest's lock. What it would change is an
// observation: people see it beside the plan, and the hash covers only which plays are run.
func (p *provision) foresee(ctx workflow.Context, m compute.Machine, books []playbook, into *[]foreseen) (seen []wire.Observation) {
	limit := min(time.Duration(p.server.Spec.Run.RetryFor), foreseeFor)
	if p.dry {
		limit = lookFor
	}
	until := workflow.Now(ctx).Add(limit)
	for _, play := range p.server.Spec.Configuration {
		book := bookOf(books, play.Name)
		if book.Play == "" {
			continue // It could not be read, which was said, or is not looked at.
		}
		route := operation.RouteOf(ctx)
		route.RetryFor, route.Summary, route.Step = until.Sub(workflow.Now(ctx)), "plan: check mode of "+play.Name, ""
		if route.RetryFor <= 0 {
			return append(seen, runbook.Problem(playName(play), "check mode of the plays before it took longer than %s", limit))
		}
		f, err := p.foreseeOne(operation.WithRoute(ctx, route), p.hostOf(m), play, book)
		if err != nil {
			return append(seen, runbook.Failed(playName(play), err)...)
		}
		*into = append(*into, f)
		seen = append(seen, f.observations()...)
	}
	return seen
}

// foreseeOne runs check mode of one play. A play that check mode cannot carry to its end is no error.
func (p *provision) foreseeOne(ctx workflow.Context, h guest.Host, play spec.Play, book playbook) (foreseen, error) {
	f := foreseen{play: play, book: book}
	out, err := configuration.Preview(ctx, configuration.PreviewInput{
		System: play.System, Host: playHost(h), Play: pinned(play, book), Secrets: p.playValues(play),
	})
	if reason := fault.FromTemporal(err); reason.Kind == fault.Invalid {
		f.blind = reason.Text
		return f, nil
	}
	f.seen = out.Foresight
	return f, err
}

func playName(play spec.Play) string { return "play " + play.Name }

// changes reports whether check mode would change something.
func (f foreseen) changes() bool { return f.seen.Recap.Changed > 0 || len(f.seen.Changes) > 0 }

// observations are what people read of it, a line each.
func (f foreseen) observations() []wire.Observation {
	name := playName(f.play)
	switch {
	case f.blind != "":
		return []wire.Observation{runbook.Fine(name, "check mode stopped, what would change is not known: %s", f.blind)}
	case !f.changes():
		return []wire.Observation{runbook.Fine(name, "check mode: nothing would change (%s)", f.seen.Recap)}
	}
	seen := []wire.Observation{runbook.Fine(name, "check mode: %s would change (%s)", tasks(f.seen.Recap.Changed), f.seen.Recap)}
	lines := f.lines()
	for i, line := range lines {
		if i == mostLines {
			return append(seen, runbook.Fine(name, "and %d lines more", len(lines)-i))
		}
		seen = append(seen, runbook.Fine(name, "%s", line))
	}
	return seen
}

func tasks(n int) string {
	if n == 1 {
		return "1 task"
	}
	return fmt.Sprintf("%d tasks", n)
}

// widest is how long a line of a difference may be, in bytes: what is shown goes through Temporal with the run's state.
const widest = 200

// lines are the tasks that would change something, each with its difference.
func (f foreseen) lines() (lines []string) {
	for _, t := range f.seen.Changes {
		lines = append(lines, "would change: "+t.Name)
		for line := range strings.Lines(t.Diff) {
			if line = strings.TrimRight(line, " \t\r\n"); line == "" {
				continue
			}
			if len(line) > widest {
				line = strings.ToValidUTF8(line[:widest], "") + "..."
			}
			lines = append(lines, "| "+line)
		}
	}
	return lines
}

// names are the tasks in one line.
func (f foreseen) names() string {
	names := taskNames(f.seen.Changes)
	if n := len(names); n > mostLines {
		names = append(names[:mostLines], fmt.Sprintf("and %d more", n-mostLines))
	}
	return strings.Join(names, "; ")
}

// comparedPlays holds what was applied against what check mode would change now. A play that check mode cannot carry to its
// end was not looked at.
func comparedPlays(p *provision, plays []foreseen) (items []wire.Item, unread []wire.Observation) {
	c := &comparison{}
	for _, f := range plays {
		actual := playApplied
		switch {
		case f.blind != "":
			unread = append(unread, runbook.Problem(playName(f.play), "check mode stopped: %s", f.blind))
			continue
		case f.changes():
			actual = "check mode would change: " + f.names()
			if was := bookOf(p.books, f.play.Name).Digest; was != f.book.Digest {
				actual += " (by the project as it is now, sha256 " + f.book.Digest + "; recorded is " + orNone(was) + ")"
			}
		}
		c.add(playName(f.play), playApplied, actual)
	}
	return c.items, unread
}

const playApplied = "as applied"

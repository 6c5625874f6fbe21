package provision

import (
	"cmp"
	"slices"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// playDiff is a play as the plan found it, and why it is applied; empty: it is not.
type playDiff struct {
	playbook
	Why string `json:"why,omitempty"`
}

// Why plays are applied. They stand in the plan, which people approve: one that drifts meanwhile is another plan.
const (
	playNew     = "it is new"
	playSpec    = "its spec is not the recorded one"
	playProject = "its project is not the recorded one"
	playSecrets = "its secrets have other versions than recorded"
	playDrift   = "drift: it was applied, and check mode would change something"
	playBlind   = "check mode cannot tell whether it is still as it was applied"
	playSkips   = "; check mode would change nothing, and skips tasks"
)

// plays reports whether a playbook is run.
func (d difference) plays() bool {
	return slices.ContainsFunc(d.Playbooks, func(p playDiff) bool { return p.Why != "" })
}

// configuration says which plays are applied.
func (p *change) configuration(now reality, d *difference) {
	for _, f := range now.plays {
		d.Playbooks = append(d.Playbooks, playDiff{playbook: f.book, Why: f.why(p.altered(f))})
	}
}

// altered says what of a play is not as it was applied last; empty: nothing.
func (p *change) altered(f foreseen) string {
	plays := p.was.server.Spec.Configuration
	i := slices.IndexFunc(plays, func(w spec.Play) bool { return w.Name == f.play.Name })
	switch {
	case i < 0:
		return playNew
	case text(plays[i]) != text(f.play):
		return playSpec
	case bookOf(p.was.books, f.play.Name).Digest != f.book.Digest:
		return playProject
	case !slices.Equal(p.was.playSecrets(plays[i]), p.asked.playSecrets(f.play)):
		return playSecrets
	}
	return ""
}

// why says why a play is applied. One that is altered is, unless check mode has proven that it would change nothing: what it
// skips, such as commands, proves nothing. One that is as it was applied is where check mode sees drift, or cannot look.
func (f foreseen) why(altered string) string {
	switch {
	case f.changes():
		return cmp.Or(altered, playDrift)
	case f.blind != "":
		return cmp.Or(altered, playBlind)
	case altered != "" && f.seen.Recap.Skipped > 0:
		return altered + playSkips
	}
	return ""
}

// unplayed names the recorded plays that are not asked for any more.
func (p *change) unplayed() (lines []string) {
	for _, w := range p.was.server.Spec.Configuration {
		if !slices.ContainsFunc(p.asked.server.Spec.Configuration, func(a spec.Play) bool { return a.Name == w.Name }) {
			lines = append(lines, "play "+w.Name+" is no longer applied; what it did stays")
		}
	}
	return lines
}

// replay runs the plays that are to be applied, under the ids that a provision gives them.
func (p *change) replay(f *run.Frame, d difference) (steps []runbook.Planned) {
	for _, play := range p.asked.server.Spec.Configuration {
		i := slices.IndexFunc(d.Playbooks, func(b playDiff) bool { return b.Play == play.Name })
		if i < 0 || d.Playbooks[i].Why == "" {
			continue
		}
		book := d.Playbooks[i].playbook
		step := p.asked.play(func() (guest.Host, error) { return p.host(f) }, book, play, nil)
		step.Detail = append([]string{d.Playbooks[i].Why}, step.Detail...)
		step.Reversal = run.Irreversible
		step.Undo = func(ctx workflow.Context, _ operation.Op) error { return p.playLeft(ctx, f, play, book) }
		steps = append(steps, step)
	}
	return steps
}

// playLeft looks whether a play did anything. That is ruled out only where check mode would change exactly what it would have
// changed before, and skips nothing.
func (p *change) playLeft(ctx workflow.Context, f *run.Frame, play spec.Play, book playbook) error {
	h, err := p.host(f)
	if err != nil {
		return nil //nolint:nilerr // The guest was never reached.
	}
	now, err := p.asked.foreseeOne(ctx, h, play, book)
	if err != nil {
		return err
	}
	if now.changes() && now.seen.Recap.Skipped == 0 && slices.Equal(now.observations(), foretold(f, play)) {
		return nil
	}
	return remains([]string{"playbook " + play.Playbook + " was run; what it did stays"})
}

// foretold is what the plan says that check mode saw.
func foretold(f *run.Frame, play spec.Play) (seen []wire.Observation) {
	for _, o := range f.Plan().Observations {
		if o.Name == playName(play) {
			seen = append(seen, o)
		}
	}
	return seen
}

package provision

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/configuration"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

const stepConfiguration = "configuration/" // And the play's name.

// playbook is what the plan found out about a play. The steps run the project of this digest and no other.
type playbook struct {
	Play   string   `json:"play"`
	Digest string   `json:"digest"`
	Tasks  []string `json:"tasks,omitempty"`
}

// plays are the steps of the spec's playbooks, one after the other. They come behind the operating system and the volumes,
// which they may build on, and before the application: what is installed last has its health asked for, and finds the
// machine as it will be.
func (p *provision) plays(f *run.Frame, r resolved) []runbook.Planned {
	var steps []runbook.Planned
	after := []string{runbook.StepSystem}
	for _, v := range p.server.Spec.Storage {
		after = append(after, runbook.StepVolume+v.Name)
	}
	for _, play := range p.server.Spec.Configuration {
		steps = append(steps, p.play(func() (guest.Host, error) { return p.host(f) }, r.playbook(play.Name), play, after))
		after = []string{stepConfiguration + play.Name}
	}
	return steps
}

// played are the ids of those steps.
func (p *provision) played() (ids []string) {
	for _, play := range p.server.Spec.Configuration {
		ids = append(ids, stepConfiguration+play.Name)
	}
	return ids
}

func (p *provision) play(host func() (guest.Host, error), book playbook, play spec.Play, after []string) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepConfiguration + play.Name, Title: "run the playbook of " + play.Name, After: after, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				h, err := host()
				if err != nil {
					return run.Result{}, err
				}
				out, err := configuration.Apply(ctx, configuration.ApplyInput{
					System: play.System, Op: op, Play: pinned(play, book), Secrets: p.playValues(play), Host: playHost(h),
				})
				return run.Result{Output: out.Applied, Lines: appliedLines(out.Applied)}, err
			},
		},
		Action: wire.Change, Object: "playbook " + play.Playbook, Detail: playDetail(play, book),
	}
}

func playOf(play spec.Play) configuration.Play {
	asked := configuration.Play{Playbook: play.Playbook, Tags: play.Tags}
	for _, name := range play.VariableNames() {
		if asked.Variables == nil {
			asked.Variables = map[string]json.RawMessage{}
		}
		asked.Variables[name] = json.RawMessage(play.Variables[name])
	}
	return asked
}

// pinned is the play of exactly the project that was read.
func pinned(play spec.Play, book playbook) configuration.Play {
	asked := playOf(play)
	asked.Digest = book.Digest
	return asked
}

func playHost(h guest.Host) configuration.Host {
	return configuration.Host{Name: h.Name, Address: h.Address, Port: h.Port, User: h.User, Keys: h.Keys}
}

// playValues are the play's secret variables, each in the version that the plan in force pins.
func (p *provision) playValues(play spec.Play) map[string]secret.Ref {
	values := map[string]secret.Ref{}
	for _, name := range play.SecretNames() {
		values[name] = p.pins.Exact(secret.Ref(play.Secrets[name]))
	}
	return values
}

// mostLines is how many tasks people are shown by name.
const mostLines = 40

func playDetail(play spec.Play, book playbook) []string {
	lines := []string{"project " + runbook.System("configuration", play.System) + " sha256 " + book.Digest}
	if len(play.Tags) > 0 {
		lines = append(lines, "tags "+strings.Join(play.Tags, ", "))
	}
	for _, name := range play.VariableNames() {
		lines = append(lines, "variable "+name+" = "+string(play.Variables[name]))
	}
	for _, name := range play.SecretNames() {
		lines = append(lines, "variable "+name+" from "+play.Secrets[name])
	}
	return append(lines, named("task", book.Tasks)...)
}

func appliedLines(did configuration.Applied) []string {
	lines := []string{did.Recap.String()}
	if did.Blind != "" {
		lines = append(lines, "check mode could not foresee it: "+did.Blind)
	} else {
		lines = append(lines, fmt.Sprintf("check mode foresaw %d changes", len(did.Foreseen)))
	}
	lines = append(lines, named("changed", taskNames(did.Changed))...)
	return append(lines, named("not idempotent, would change again", taskNames(did.Restless))...)
}

func taskNames(tasks []configuration.Task) []string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = t.Name
	}
	return names
}

func named(what string, names []string) []string {
	var lines []string
	for i, name := range names {
		if i == mostLines {
			return append(lines, fmt.Sprintf("and %d more", len(names)-i))
		}
		lines = append(lines, what+": "+name)
	}
	return lines
}

func (r resolved) playbook(name string) playbook { return bookOf(r.Playbooks, name) }

// bookOf is what was found out about the play of that name; empty: nothing.
func bookOf(books []playbook, name string) playbook {
	for _, book := range books {
		if book.Play == name {
			return book
		}
	}
	return playbook{}
}

// playSecrets are the references of one play, each in the version that the plan in force pins.
func (p *provision) playSecrets(play spec.Play) []secret.Ref {
	var refs []secret.Ref
	for _, name := range play.SecretNames() {
		refs = append(refs, p.pins.Exact(secret.Ref(play.Secrets[name])))
	}
	return refs
}

// lookAtPlay reads a playbook. On a machine that is not there yet check mode cannot run: that it can be read, what tasks it
// has and that its secrets are there is what can be known.
func (p *provision) lookAtPlay(play spec.Play, found func(playbook, []secret.Pinned)) runbook.Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := runbook.System(configuration.Capability, play.System)
		refs := p.playSecrets(play)
		out, err := configuration.Describe(ctx, configuration.DescribeInput{System: play.System, Play: playOf(play), Secrets: refs})
		if err != nil {
			return runbook.Failed(name, err)
		}
		found(playbook{Play: play.Name, Digest: out.Description.Digest, Tasks: out.Description.Tasks}, out.Secrets)
		return []wire.Observation{runbook.Fine(name, "playbook %s can be read, it has %d tasks; %d secrets can be resolved",
			play.Playbook, len(out.Description.Tasks), len(refs))}
	}
}

// lookAtPlays are the readings of all plays. What they find is handed on in the order of the spec, whichever answers first:
// the plan's hash covers it.
func (p *provision) lookAtPlays() (readings []runbook.Reading, found func() ([]playbook, []secret.Pinned)) {
	plays := p.server.Spec.Configuration
	books, pins := make([]playbook, len(plays)), make([][]secret.Pinned, len(plays))
	for i, play := range plays {
		readings = append(readings, p.lookAtPlay(play, func(book playbook, versions []secret.Pinned) {
			books[i], pins[i] = book, versions
		}))
	}
	return readings, func() ([]playbook, []secret.Pinned) {
		if len(plays) == 0 {
			return nil, nil
		}
		return books, slices.Concat(pins...)
	}
}

// together are pins without those of a reference that is pinned before: one run reads one version.
func together(pins, more []secret.Pinned) []secret.Pinned {
	for _, pin := range more {
		if !slices.ContainsFunc(pins, func(p secret.Pinned) bool { return p.Ref == pin.Ref }) {
			pins = append(pins, pin)
		}
	}
	return pins
}

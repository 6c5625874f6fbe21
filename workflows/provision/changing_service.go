package provision

import (
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/guest"
	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
	"fermata/activities/probe"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// drains reports whether the server stands aside in its pool while the run works on it.
func (d difference) drains() bool { return d.Member != nil && d.Member.Was != nil && d.Member.Drains }

// setMember brings the pool's member into a state.
func (p *change) setMember(ctx workflow.Context, op operation.Op, s loadbalancer.State) error {
	lb := p.asked.server.Spec.LoadBalancer
	_, err := loadbalancer.SetMember(ctx, loadbalancer.SetMemberInput{System: lb.System, Op: op, Backend: lb.Backend, Name: p.asked.server.Metadata.Name, State: s})
	return err
}

// standAside takes traffic away from a server that has some, before anything interrupts it.
func (p *change) standAside(ctx workflow.Context, d difference, op operation.Op) error {
	if d.Member == nil || d.Member.Was == nil {
		return nil
	}
	return p.setMember(ctx, op, loadbalancer.Drain)
}

func (p *change) memberName() string {
	return p.asked.server.Spec.LoadBalancer.Backend + "/" + p.asked.server.Metadata.Name
}

// aside drains the member. Its undo is the last that touches the pool: all that came after it is back by then.
func (p *change) aside(d difference) []runbook.Planned {
	if !d.drains() {
		return nil
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepAside, Title: "drain", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				return run.Result{Lines: []string{"no connection is left"}}, p.standAside(ctx, d, op)
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				if d.Member.Opens {
					return nil // Somebody had taken it out before.
				}
				return p.setMember(ctx, op, loadbalancer.Ready)
			},
		},
		Action: wire.Change, Object: "member " + p.memberName(), Detail: []string{"no new connections; waits for those in flight"},
	}}
}

// exchanges are one step for each firewall: all its rules in one transaction.
func (p *change) exchanges(d difference) (steps []runbook.Planned) {
	for _, r := range d.Rules {
		var detail []string
		for _, rule := range r.Out {
			detail = append(detail, "out: "+rule.Name+": "+ruleText(rule.Rule))
		}
		for _, rule := range r.In {
			detail = append(detail, "in: "+rule.Name+": "+ruleText(rule.Rule))
		}
		exchange := func(ctx workflow.Context, op operation.Op, out, in []firewall.Installed) error {
			_, err := firewall.ExchangeRules(ctx, firewall.ExchangeRulesInput{System: r.Device, Op: op, Out: out, In: in})
			return err
		}
		steps = append(steps, runbook.Planned{
			Step: run.Step{
				ID: runbook.FirewallStep(r.Device), Title: "change the " + runbook.System("firewall", r.Device), Reversal: run.Reversible,
				Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
					return run.Result{Lines: detail}, exchange(ctx, op, r.Out, r.keyed(op))
				},
				Undo: func(ctx workflow.Context, op operation.Op) error { return exchange(ctx, op, r.made(op), r.Out) },
			},
			Action: wire.Change, Object: fmt.Sprintf("%d rules out, %d in", len(r.Out), len(r.In)), Detail: detail,
		})
	}
	return steps
}

// keyed are the rules to put in: new ones under this step's key, those that are completed under their own.
func (r rulesDiff) keyed(op operation.Op) []firewall.Installed {
	var in []firewall.Installed
	for _, rule := range r.In {
		if rule.Key == "" {
			rule.Key = op.Key.String()
		}
		in = append(in, rule)
	}
	return in
}

// made are the rules that this step alone put in.
func (r rulesDiff) made(op operation.Op) (made []firewall.Installed) {
	for i, rule := range r.keyed(op) {
		if r.In[i].Key == "" {
			made = append(made, rule)
		}
	}
	return made
}

// memberStep changes the member's port and weight, or has the server join the pool.
func (p *change) memberStep(d difference) []runbook.Planned {
	m := d.Member
	switch {
	case m == nil:
		return nil
	case m.Was == nil:
		return p.asked.service()[:1]
	case memberText(*m.Was) == memberText(m.Is):
		return nil
	}
	alter := func(ctx workflow.Context, op operation.Op, was, is loadbalancer.Member) error {
		_, err := loadbalancer.AlterMember(ctx, loadbalancer.AlterMemberInput{System: p.asked.server.Spec.LoadBalancer.System, Op: op, Was: was, Member: is})
		return err
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepMember, Title: "change the pool's member", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				return run.Result{Lines: []string{memberText(m.Is)}}, alter(ctx, op, *m.Was, m.Is)
			},
			Undo: func(ctx workflow.Context, op operation.Op) error { return alter(ctx, op, m.Is, *m.Was) },
		},
		Action: wire.Change, Object: "member " + p.memberName(), Detail: []string{memberText(*m.Was) + " -> " + memberText(m.Is)},
	}}
}

// backInService lets traffic in and asks as a user would, where anything touched the way to the server.
func (p *change) backInService(d difference) []runbook.Planned {
	if p.asked.server.Spec.LoadBalancer == nil || d.Member == nil && len(d.Rules) == 0 {
		return nil
	}
	steps := p.asked.service()[1:] // Ready, and verified.
	if d.Member == nil || d.Member.Was != nil && !d.Member.Drains && !d.Member.Opens {
		return steps[1:]
	}
	return steps
}

// update brings the application to another version or configuration. One that does not answer afterwards is put back.
func (p *change) update(f *run.Frame, d difference) []runbook.Planned {
	if d.App == nil {
		return nil
	}
	detail := texts(d.App.Parts)
	title := "update the application"
	if p.had(d) {
		detail = append(detail, "what was before comes back if it does not answer")
	} else {
		title = "install the application"
	}
	return []runbook.Planned{{
		Step: run.Step{
			ID: runbook.StepApplication, Title: title, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				return p.tryApplication(ctx, f, d, op)
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				if err := p.standAside(ctx, d, op); err != nil {
					return err
				}
				return p.applicationBack(ctx, f, d, op)
			},
		},
		Action: wire.Change, Object: runbook.Source(*p.asked.server.Spec.Application), Detail: detail,
	}}
}

// had reports whether the server had an application before. A run that was carried into a new execution has planned in the one
// before: it knows that from what the difference says of the former version.
func (p *change) had(d difference) bool {
	if p.was != nil {
		return p.was.server.Spec.Application != nil
	}
	return d.App != nil && (d.App.Version != "" || d.App.Archive != "")
}

// former is the server as it was; of a run that was carried, which knows it no more, as it is asked for: where the application
// tells of its health seldom changes.
func (p *change) former() *provision {
	if p.was != nil {
		return p.was
	}
	return p.asked
}

// fallsBack reports whether a version that does not answer is replaced with the former one. An older build did not do that in a
// run that was carried into a new execution.
func (p *change) fallsBack(ctx workflow.Context, d difference) bool {
	return p.had(d) && (p.was != nil || workflow.GetVersion(ctx, "fall-back-when-carried", workflow.DefaultVersion, 1) != workflow.DefaultVersion)
}

// image is what the application's change writes, and what was there.
func (p *change) image(d difference) (guest.ImageRequest, error) {
	a := *p.asked.server.Spec.Application
	files, err := p.asked.rendered(p.asked.pins.Files(a.Config))
	if err != nil {
		return guest.ImageRequest{}, runbook.Invalid("rendering the configuration", err)
	}
	return guest.ImageRequest{Application: &a, Version: d.App.Version, Archive: d.App.Archive, Files: files}, nil
}

// tryApplication updates, asks for the health, and where the server has a pool lets traffic in and asks as a user would. If
// any of it fails, the former version comes back into the pool, and the error says what became of it.
func (p *change) tryApplication(ctx workflow.Context, f *run.Frame, d difference, op operation.Op) (run.Result, error) {
	if err := p.standAside(ctx, d, op); err != nil { // A try after the first finds the former version in the pool.
		return run.Result{}, err
	}
	h, err := p.host(f)
	if err != nil {
		return run.Result{}, err
	}
	image, err := p.image(d)
	if err != nil {
		return run.Result{}, err
	}
	out, err := guest.ChangeApplication(ctx, guest.ChangeApplicationInput{System: p.asked.server.Spec.Access.System, Op: op, Host: h, Image: image})
	lines := []string(out.Changes)
	if err == nil {
		var answered run.Result
		answered, err = p.verified(ctx, d, op)
		lines = append(lines, answered.Lines...)
	}
	if err == nil || temporal.IsCanceledError(err) || ctx.Err() != nil || !p.fallsBack(ctx, d) {
		return run.Result{Output: out.Changes, Lines: lines}, err
	}
	return run.Result{}, p.fellBack(ctx, f, d, op, err)
}

// verified asks the application itself, and then through the pool.
func (p *change) verified(ctx workflow.Context, d difference, op operation.Op) (run.Result, error) {
	result, err := healthy(ctx, p.asked)
	if err != nil || !d.drains() {
		return result, err
	}
	ctx = verifying(ctx)
	if err := p.setMember(ctx, op, loadbalancer.Ready); err != nil {
		return result, err
	}
	lb := p.asked.server.Spec.LoadBalancer
	seen, err := runbook.Ask(ctx, lb.VerifySystem, probe.Request{URL: lb.Verify, Contains: lb.VerifyContains})
	result.Lines = append(result.Lines, seen.Lines...)
	return result, err
}

// fellBack brings the former version back into service and returns why the new one is not there.
func (p *change) fellBack(ctx workflow.Context, f *run.Frame, d difference, op operation.Op, why error) error {
	reason := fault.FromTemporal(why)
	text := reason.Text + "; "
	err := p.standAside(ctx, d, op)
	if err == nil {
		err = p.applicationBack(ctx, f, d, op)
	}
	if err == nil {
		_, err = healthy(ctx, p.former())
	}
	switch {
	case err != nil:
		text += "the former version could not be brought back: " + fault.FromTemporal(err).Text
	case d.drains() && d.Member.Was.Port != d.Member.Is.Port:
		text += "the former version is back and answers; it stays out of the pool, which asks at the new port"
	case d.drains():
		text += "the former version is back and answers"
		if err := p.setMember(ctx, op, loadbalancer.Ready); err != nil {
			text += ", but not in the pool: " + fault.FromTemporal(err).Text
		} else {
			text += ", in the pool"
		}
	default:
		text += "the former version is back and answers"
	}
	return temporal.NewNonRetryableApplicationError(text, string(reason.Kind), nil)
}

func (p *change) applicationBack(ctx workflow.Context, f *run.Frame, d difference, op operation.Op) error {
	image, err := p.image(d)
	if err != nil {
		return err
	}
	return p.restore(ctx, f, op, image)
}

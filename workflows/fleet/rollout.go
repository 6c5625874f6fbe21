package fleet

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
)

// rollout begins servers as the document allows and waits for them. It is done again after the run continued as new and
// after a person said to go on: it takes up where the servers are.
func (p *fleet) rollout(ctx workflow.Context, _ operation.Op) (run.Result, error) {
	p.goOn()
	p.wakeBusy(ctx)
	for {
		p.turn(ctx)
		for m := p.next(ctx); m != nil; m = p.next(ctx) {
			if err := p.begin(ctx, m); err != nil {
				return run.Result{}, err
			}
		}
		switch {
		case p.over():
			return p.result()
		case p.tooMany() && p.left() > 0:
			return run.Result{}, p.halt()
		}
		p.show(ctx)
		seen, stopped := p.changes, p.frame.Stopped()
		if err := p.frame.Rest(ctx, func() bool { return p.changes != seen || p.frame.Stopped() != stopped }); err != nil {
			return run.Result{}, err
		}
	}
}

// goOn acts on a person's word: what has failed so far no longer stops the others. Where no other is left, those that
// failed are begun again.
func (p *fleet) goOn() {
	if p.state.Stopped == "" {
		return
	}
	p.state.Stopped = ""
	again := p.left() == 0
	for _, m := range p.state.Members {
		switch {
		case again && (m.State == wire.MemberFailed || m.State == wire.MemberRefused):
			m.State, m.Step, m.Reason, m.Forgiven, m.Vain = wire.MemberNotBegun, "", "", false, 0
			p.state.Wave = min(p.state.Wave, m.Wave)
		case m.State == wire.MemberHeld || m.State == wire.MemberFailed:
			m.Forgiven = true
		}
	}
}

// turn begins the next wave when nothing of this one is left to begin or under way.
func (p *fleet) turn(ctx workflow.Context) {
	last := len(p.spec.Waves())
	for p.state.Wave < last && !p.tooMany() {
		for _, m := range p.state.Members {
			if m.Wave == p.state.Wave && !m.final() && m.State != wire.MemberHeld {
				return
			}
		}
		if pause := time.Duration(p.spec.Spec.Rollout.Pause); pause > 0 && p.begun(p.state.Wave+1) == 0 {
			if p.state.Pauses == nil {
				until := workflow.Now(ctx).Add(pause)
				p.state.Pauses = &until
				p.wake(ctx, until)
			}
			if workflow.Now(ctx).Before(*p.state.Pauses) {
				return
			}
			p.state.Pauses = nil
		}
		p.state.Wave++
	}
}

func (p *fleet) begun(wave int) int {
	n := 0
	for _, m := range p.state.Members {
		if m.Wave == wave && m.State != wire.MemberNotBegun {
			n++
		}
	}
	return n
}

// next is the server to begin now; nil: none may be.
func (p *fleet) next(ctx workflow.Context) *member {
	r := p.spec.Spec.Rollout
	if p.tooMany() || p.frame.Stopped() != nil || p.frame.Stopping() || p.frame.Full(ctx) || ctx.Err() != nil {
		return nil
	}
	all, site, system := 0, map[string]int{}, map[string]int{}
	for _, m := range p.state.Members {
		if m.State == wire.MemberRunning {
			all++
			site[m.Site]++
			system[m.Site+"/"+m.System]++
		}
	}
	if all >= r.MaxConcurrent {
		return nil
	}
	for _, m := range p.state.Members {
		waits := m.State == wire.MemberNotBegun || m.State == wire.MemberBusy && !workflow.Now(ctx).Before(m.Again)
		full := r.PerSite > 0 && site[m.Site] >= r.PerSite || r.PerSystem > 0 && system[m.Site+"/"+m.System] >= r.PerSystem
		if waits && !full && m.Wave <= p.state.Wave {
			return m
		}
	}
	return nil
}

// failures are the servers that count against the limit. One that was refused because it is busy has not failed.
func (p *fleet) failures() []*member {
	var out []*member
	for _, m := range p.state.Members {
		if (m.State == wire.MemberHeld || m.State == wire.MemberFailed) && !m.Forgiven {
			out = append(out, m)
		}
	}
	return out
}

func (p *fleet) tooMany() bool { return len(p.failures()) >= p.spec.Spec.Rollout.StopAfterFailures }

// left is how many servers were not begun.
func (p *fleet) left() int {
	n := 0
	for _, m := range p.state.Members {
		if m.State == wire.MemberNotBegun || m.State == wire.MemberBusy {
			n++
		}
	}
	return n
}

func (p *fleet) over() bool {
	for _, m := range p.state.Members {
		if !m.final() {
			return false
		}
	}
	return true
}

// halt stops beginning servers until a person says so.
func (p *fleet) halt() error {
	bad := p.failures()
	p.state.Stopped = fmt.Sprintf("%s held or failed (%s), so that none of the %d others is begun: retry goes on with them, skip ends the fleet without them",
		servers(len(bad)), named(bad), p.left())
	return fault.ForTemporal(fault.New(fault.Conflict, "%s", p.state.Stopped))
}

// result is what the step leaves, or why a person must look at it.
func (p *fleet) result() (run.Result, error) {
	var bad []*member
	for _, m := range p.state.Members {
		if m.State != wire.MemberDone {
			bad = append(bad, m)
		}
	}
	if len(bad) > 0 {
		p.state.Stopped = fmt.Sprintf("%d of %s are not in service: %s. Retry begins them again, skip ends the fleet without them",
			len(bad), servers(p.Targets()), named(bad))
		return run.Result{}, fault.ForTemporal(fault.New(fault.Conflict, "%s", p.state.Stopped))
	}
	return run.Result{Lines: []string{servers(p.Targets()) + " in service"}}, nil
}

// show tells whether anything is under way, or all that is left waits for people.
func (p *fleet) show(ctx workflow.Context) {
	phase := wire.Running
	held := false
	for _, m := range p.state.Members {
		if m.State == wire.MemberRunning || m.State == wire.MemberBusy || m.State == wire.MemberNotBegun {
			p.frame.Enter(ctx, phase)
			return
		}
		held = held || m.State == wire.MemberHeld
	}
	if held {
		phase = wire.Held
	}
	p.frame.Enter(ctx, phase)
}

// wake lets the rollout look again at that time.
func (p *fleet) wake(ctx workflow.Context, at time.Time) {
	workflow.GoNamed(ctx, "wake", func(ctx workflow.Context) {
		if workflow.Sleep(ctx, at.Sub(workflow.Now(ctx))) == nil {
			p.changes++
		}
	})
}

// wakeBusy sets the timers again that an execution before had set.
func (p *fleet) wakeBusy(ctx workflow.Context) {
	for _, m := range p.state.Members {
		if m.State == wire.MemberBusy {
			p.wake(ctx, m.Again)
		}
	}
	if p.state.Pauses != nil {
		p.wake(ctx, *p.state.Pauses)
	}
}

// refuses reports whether a busy server is given up.
func (p *fleet) refuses() bool { return p.spec.Spec.Rollout.Busy == spec.BusyRefuse }

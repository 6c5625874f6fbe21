//go:build long

package crash

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fermata/activities/operation"
	"fermata/client"
	"fermata/decision"
	"fermata/wire"
)

// undoKilled is a failure after the effect, and a kill in the middle of everything that takes it back.
const undoKilled kind = "undo killed"

// undoKinds are the ways in which a run comes to be undone.
var undoKinds = []kind{failBefore, failAfter, cancelBefore, cancelAfter, undoKilled}

// undone are the processes that are taken back, each as the last of a life. A change is not among them: growing a disk is meant to
// stay, so its ledger is never empty.
var undone = []struct {
	life    string
	process int // Index in the life.
}{{"server", 0}, {"server", 2}, {"instance", 0}, {"instance", 1}, {"rotated", 1}, {"rotated", 2}, {"archived", 1}}

// Every step fails for good, or is cancelled by a person, before and after its effect, and the run is undone. The systems are then
// as before, or the ledger lists exactly the difference. The undo is killed, too.
func TestEveryStepIsTakenBack(t *testing.T) {
	b := setup(t, 3)
	e := b.undisturbed(t)
	report := newTable("Every step fails or is cancelled, and the run is undone", b, e)
	seats := make(chan struct{}, sideBySide)
	var group sync.WaitGroup
	numbers := map[process]int{}
	for _, what := range undone {
		l := lifeNamed(what.life)
		p := l.course[what.process]
		if !meant(p) {
			continue
		}
		for i, step := range e.steps[p] {
			for _, k := range undoKinds {
				numbers[l.course[0]]++
				s := l.born(t, numbers[l.course[0]])
				seats <- struct{}{}
				group.Go(func() {
					defer func() { <-seats }()
					u := undoing{bench: b, example: e, life: l, process: what.process, subject: s, hit: point{step, k}, turn: i}
					report.add(u.row(t.Context()))
				})
			}
		}
	}
	group.Wait()
	report.rows = append(report.rows, b.inUndo(e, report.rows)...)
	report.conclude(t)
}

func lifeNamed(name string) life {
	all := lives()
	return all[slices.IndexFunc(all, func(l life) bool { return l.name == name })]
}

// undoing is one run that is undone.
type undoing struct {
	*bench
	example example
	life    life
	process int // Index in the life.
	subject subject
	hit     point
	turn    int // Chooses how the undo is killed.
	at      place
}

func (u *undoing) what() process { return u.life.course[u.process] }

func (u *undoing) row(ctx context.Context) row {
	u.at = standing(u.what(), u.subject, u.hit.step)
	r := row{process: u.what(), step: u.hit.step, at: u.at, kind: u.hit.kind}
	began := time.Now()
	for _, p := range u.life.course[:u.process] {
		if r.err = u.done(ctx, p, u.subject); r.err != nil {
			return r
		}
	}
	if r.err = u.arm(); r.err != nil {
		return r
	}
	out, err := u.carry(ctx)
	r.took = time.Since(began)
	if r.err = err; err != nil {
		return r
	}
	return u.judge(ctx, r, out)
}

// arm sets the point, and if the undo is to be killed, points at everything that takes back.
func (u *undoing) arm() error {
	k := u.hit.kind
	if k != undoKilled {
		return u.points.arm(u.at, k)
	}
	kinds := []kind{before, after, lost, stopped, serverBefore, serverAfter}
	for i, step := range ends(u.example, u.what()) {
		at := standing(u.what(), u.subject, step)
		if err := u.points.arm(at, kinds[(u.turn+i)%len(kinds)]); err != nil {
			return err
		}
	}
	return u.points.arm(u.at, failAfter)
}

// carry does what people do: they undo what is held, or cancel where the point says so.
func (u *undoing) carry(ctx context.Context) (wire.StartOutput, error) {
	grace := time.Second
	if u.hit.step == "grace" && u.cancelled() {
		grace = time.Hour // Else it would have passed before the person is heard.
	}
	r, err := u.subject.request(u.what(), grace)
	if err != nil {
		return wire.StartOutput{}, err
	}
	d := deeds{held: func(p wire.Progress) client.Decision {
		command := decision.Undo
		if u.hit.step == "record" {
			command = decision.Retry // All that a run still takes that only lacks its record.
		}
		return client.Decision{WorkflowID: p.WorkflowID, Command: command}
	}}
	if u.cancelled() {
		d.look = func() { u.cancel(ctx) }
	}
	return u.attend(ctx, r, d)
}

// cancel cancels the run once its step is where the point wants it.
func (u *undoing) cancel(ctx context.Context) {
	_, reached := u.points.firedAt(u.at)
	_, told := u.points.marked(answered, u.at)
	if !reached || told {
		return
	}
	result, err := u.Client.Decide(ctx, client.Decision{WorkflowID: u.at.Target, Command: decision.Cancel}, u.Requester)
	if err == nil && !result.Accepted {
		u.points.mark(answered, u.at, result.Reason)
	}
}

// ends are the activities that take a run back and tell of it. Their ids are those of steps, or their types.
func ends(e example, p process) []string {
	steps := []string{"ticketing.OpenTicket", "ticketing.AddNote", "ticketing.SetStatus"}
	for _, step := range e.steps[p] {
		steps = append(steps, operation.Undoing(step))
	}
	return steps
}

// inUndo are the rows of the kills inside undos: each has the outcome of its run.
func (b *bench) inUndo(e example, rows []row) (found []row) {
	for _, one := range rows {
		if one.kind != undoKilled {
			continue
		}
		for _, step := range ends(e, one.process) {
			at := one.at
			at.Step = strings.ReplaceAll(step, own, called(one.at.Target))
			if f, ok := b.points.firedAt(at); ok {
				found = append(found, row{process: one.process, step: step, at: at, kind: f.Kind, note: "as without the kill", err: one.err, took: one.took})
			}
		}
	}
	return found
}

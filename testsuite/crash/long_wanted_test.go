//go:build long

package crash

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"fermata/testsuite/judge"
	"fermata/wire"
)

// outcome is how the run must end. A run that only lacks its record is not undone any more, and what a gate needs to open
// is asked for until it is there.
func (u *undoing) outcome() wire.Outcome {
	switch {
	case u.hit.step == "record", u.gates() && !u.cancelled():
		return wire.Done
	case u.cancelled():
		return wire.Cancelled
	}
	return wire.Undone
}

// gates reports whether the step is one that only opens a gate.
func (u *undoing) gates() bool { return u.hit.step == "grace" || u.hit.step == consentGate }

func (u *undoing) cancelled() bool {
	return u.hit.kind == cancelBefore || u.hit.kind == cancelAfter
}

// judge holds the systems against what they were before.
func (u *undoing) judge(ctx context.Context, r row, out wire.StartOutput) row {
	if out.Outcome != u.outcome() {
		r.err = fmt.Errorf("the run ended %s instead of %s: %s", out.Outcome, u.outcome(), out.Reason)
		return r
	}
	if out.Outcome == wire.Done {
		r.note = "done"
		r.verdict, r.err = u.settled(ctx, u.subject, against(u.example.facts[u.life.name][u.process]))
		return r
	}
	r.note = "as before"
	if r.ledger, r.err = u.ledger(); r.err != nil {
		return r
	}
	want := u.wanted(out.Outcome, len(r.ledger))
	verdict, err := u.settled(ctx, u.subject, func(facts []string) judge.Verdict {
		v, idle := judge.Compare(want, plain(facts)).Except(r.ledger)
		r.idle = idle
		return v
	})
	r.verdict, r.err = verdict, err
	return r
}

// ledger is what the run's record lists as left behind.
func (u *undoing) ledger() ([]string, error) {
	chain, err := u.bench.judge.Chain()
	for _, e := range slices.Backward(chain) {
		if e.Record.Kind == u.what().workflow() && e.Record.Owner == u.at.Target {
			return e.Record.LeftBehind, err
		}
	}
	return nil, errors.Join(err, fmt.Errorf("%s has no record of its %s", u.at.Target, u.what()))
}

// wanted are the facts of before, and what an undone run leaves as evidence: a rejected ticket and its record.
func (u *undoing) wanted(outcome wire.Outcome, left int) []string {
	was := plain(u.example.before(u.life, u.process))
	want := append(slices.Clone(was), fmt.Sprintf("record: %s %s, %d left behind", u.what().workflow(), outcome, left))
	if u.hit.step == "address" {
		return want // It comes before the ticket.
	}
	more := judge.Compare(was, plain(u.example.facts[u.life.name][u.process]))
	for _, f := range slices.Concat(more.Unlisted, more.Duplicated) {
		if strings.HasPrefix(f, "ticket ") {
			want = append(want, strings.Replace(f, "resolved", "rejected", 1), theEnd)
		}
	}
	return want
}

// plain drops the notes of tickets, which tell what was done meanwhile, but for the one that tells how the run ended; and dumps of
// databases, which no undo takes back.
func plain(facts []string) (out []string) {
	for _, f := range facts {
		switch {
		case strings.HasPrefix(f, "archive "):
		case !strings.HasPrefix(f, "note of ticket "):
			out = append(out, f)
		case strings.Contains(f, "-rejected]"):
			out = append(out, theEnd)
		}
	}
	return out
}

const theEnd = "note of ticket that tells how the run ended"

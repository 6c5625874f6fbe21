package crash

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/testsuite/judge"
	"fermata/wire"
)

// row is what became of one point.
type row struct {
	process process
	step    string // As all subjects have it.
	at      place
	kind    kind
	verdict judge.Verdict // Without what the ledger lists.
	ledger  []string
	idle    []string // Lines of the ledger that list nothing.
	note    string   // What is worth knowing of a good outcome.
	err     error
	took    time.Duration
	loose   bool // There is no point that must fire.
}

// outcome says it in words.
func (r row) outcome() string {
	switch {
	case r.err != nil:
		return r.err.Error()
	case !r.verdict.Good():
		return r.verdict.String()
	case len(r.idle) > 0:
		return "listed although in order: " + strings.Join(r.idle, "; ")
	case len(r.ledger) > 0:
		return "differs as listed: " + strings.Join(r.ledger, "; ")
	case r.note != "":
		return r.note
	}
	return "as undisturbed"
}

func (r row) good() bool { return r.err == nil && r.verdict.Good() && len(r.idle) == 0 }

// table collects what became of all points.
type table struct {
	title   string
	bench   *bench
	example example
	began   time.Time
	// scattered: kills are at no points.
	scattered bool
	mu        sync.Mutex
	rows      []row
}

func newTable(title string, b *bench, e example) *table {
	return &table{title: title, bench: b, example: e, began: time.Now()}
}

func (r *table) add(rows ...row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, rows...)
}

// conclude prints the table, and fails the test for everything that is not as it should be.
func (r *table) conclude(t *testing.T) {
	t.Helper()
	r.sort()
	sums := r.sums()
	t.Log("\n" + r.title + "\n" + r.text() + sums.String())
	all.add(sums)
	require.NoError(t, r.publish(sums))
	r.complain(t)
	r.missing(t)
	for len(r.bench.dreams) > 0 {
		t.Error(<-r.bench.dreams)
	}
	chain, err := r.bench.judge.Chain()
	require.NoError(t, err)
	t.Logf("%d records, one for each run", len(chain))
}

func (r *table) sort() {
	order := processes()
	slices.SortStableFunc(r.rows, func(a, b row) int {
		if a.process != b.process {
			return slices.Index(order, a.process) - slices.Index(order, b.process)
		}
		return r.place(a) - r.place(b)
	})
}

// place is where in the process a row stands; what is no step of it comes last.
func (r *table) place(one row) int {
	if i := slices.Index(r.example.places[one.process], one.step); i >= 0 {
		return i
	}
	return len(r.example.places[one.process])
}

func (r *table) text() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%-32s %-22s %-16s %-8s %-24s %5s  %s\n", "process", "step", "point", "subject", "activity", "took", "outcome")
	for _, one := range r.rows {
		f, ok := r.bench.points.firedAt(one.at)
		outcome := one.outcome()
		if !ok && one.err == nil && !one.loose {
			outcome += ", did not fire"
		}
		if zombie, ok := r.bench.points.marked(woken, one.at); ok {
			outcome += " (the sleeper: " + zombie + ")"
		}
		fmt.Fprintf(&text, "%-32s %-22s %-16s %-8s %-24s %4.0fs  %s\n", one.process, one.step, one.kind,
			called(one.at.Target), f.Activity, one.took.Seconds(), outcome)
	}
	return text.String()
}

// called is the subject's own name, of a workflow's id: server/web-001, expiry/instance/app-001/local/anna.
func called(target string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(target, wire.ExpiryPrefix), "/")
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// complain fails the test for what is not as it should be, and for points that did not fire.
func (r *table) complain(t *testing.T) {
	t.Helper()
	for _, one := range r.rows {
		if !one.good() {
			t.Errorf("%s %s of %s, %s: %s", one.process, one.at.Step, one.at.Target, one.kind, one.outcome())
		}
		if _, ok := r.bench.points.firedAt(one.at); !ok && !one.loose {
			t.Errorf("%s %s of %s: the point %q did not fire", one.process, one.at.Step, one.at.Target, one.kind)
		}
	}
}

// missing fails the test for a step that no point met: one that was added to a process is to be killed, too.
func (r *table) missing(t *testing.T) {
	t.Helper()
	if r.scattered {
		return
	}
	met := map[string]bool{}
	for _, one := range r.rows {
		if _, ok := r.bench.points.firedAt(one.at); ok {
			met[string(one.process)+" "+one.step] = true
		}
	}
	for _, p := range processes() {
		if !meant(p) {
			continue
		}
		for _, step := range r.example.steps[p] {
			if !met[string(p)+" "+step] {
				t.Errorf("%s: no point met step %q", p, step)
			}
		}
	}
}

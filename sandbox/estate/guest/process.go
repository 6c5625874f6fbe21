package guest

import (
	"slices"
	"sync"
	"time"
)

// process is a running command.
type process struct {
	pid     int
	user    string
	args    []string
	started time.Time
}

// processes is the machine's process table: what ps shows, with arguments, so that a secret in them is found.
type processes struct {
	mu   sync.Mutex
	last int
	all  map[int]process
}

// add enters a command; the function it answers takes it out again.
func (p *processes) add(user string, args []string) (int, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all, p.last = map[int]process{}, 400
	}
	p.last++
	pid := p.last
	p.all[pid] = process{pid: pid, user: user, args: slices.Clone(args), started: time.Now()}
	return pid, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.all, pid)
	}
}

func (p *processes) list() []process {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []process
	for _, one := range p.all {
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b process) int { return a.pid - b.pid })
	return all
}

// journal keeps the last lines of each unit.
type journal struct {
	mu    sync.Mutex
	lines []entry
}

type entry struct {
	at   time.Time
	unit string
	text string
}

// journalSize is how many lines are kept.
const journalSize = 2000

func (j *journal) add(unit, text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, entry{at: time.Now(), unit: unit, text: text})
	if len(j.lines) > journalSize {
		j.lines = slices.Clone(j.lines[len(j.lines)-journalSize:])
	}
}

func (j *journal) of(unit string) []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []entry
	for _, e := range j.lines {
		if unit == "" || e.unit == unit {
			found = append(found, e)
		}
	}
	return found
}

package guest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// process is a running command.
type process struct {
	pid     int
	user    string
	args    []string
	started time.Time
	cancel  context.CancelFunc
}

// processes is the machine's process table: what ps shows, with arguments, so that a secret in them is found.
type processes struct {
	mu   sync.Mutex
	last int
	all  map[int]process
	past []string
}

// pastSize is how many command lines are remembered.
const pastSize = 20_000

// note remembers a command line with its environment, as an audit daemon would: most commands stand in the process table
// for an instant only, and everybody on the machine could have looked then.
func (p *processes) note(user string, args []string, env map[string]string) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", user, strings.Join(args, " "))
	for _, name := range slices.Sorted(maps.Keys(env)) {
		fmt.Fprintf(&b, " [%s=%s]", name, env[name])
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.past = append(p.past, b.String())
	if len(p.past) > pastSize {
		p.past = slices.Clone(p.past[len(p.past)-pastSize/2:])
	}
}

// Executed lists the command lines that ran on the machine, with user and environment, oldest first. What an SSH session
// was asked to run is among them.
func (m *Machine) Executed() []string {
	m.processes.mu.Lock()
	defer m.processes.mu.Unlock()
	return slices.Clone(m.processes.past)
}

// add enters a command, which cancel ends; the function it answers takes it out again.
func (p *processes) add(user string, args []string, cancel context.CancelFunc) (int, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all, p.last = map[int]process{}, 400
	}
	p.last++
	pid := p.last
	p.all[pid] = process{pid: pid, user: user, args: slices.Clone(args), started: time.Now(), cancel: cancel}
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

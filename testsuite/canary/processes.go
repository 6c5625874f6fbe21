package canary

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// watchEvery is how often processes are read. What lives shorter may be missed.
const watchEvery = 25 * time.Millisecond

// Watch reads the command lines and environments of processes while they run: those that this process started, and
// theirs, in whatever namespaces they are. It needs Linux, and root for other accounts' environments.
type Watch struct {
	search *Search
	prefix string
	stop   chan struct{}
	done   chan struct{}

	mine  map[int]bool   // Of all processes that are there: whether it descends from this one.
	shown map[int]string // Last command line of those that do.
	mu    sync.Mutex
	seen  map[string]bool // By place and text.
}

// Watch watches until Stop is called. There is one place for the command lines and one for the environments of each
// process namespace, named as Linux does.
func (s *Search) Watch(prefix string) *Watch {
	w := &Watch{
		search: s, prefix: prefix, stop: make(chan struct{}), done: make(chan struct{}),
		mine: map[int]bool{os.Getpid(): true}, shown: map[int]string{}, seen: map[string]bool{},
	}
	go w.run()
	return w
}

// Stop ends the watch.
func (w *Watch) Stop() {
	close(w.stop)
	<-w.done
}

// Saw counts the different command lines and environments that held a text.
func (w *Watch) Saw(text string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for line := range w.seen {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

func (w *Watch) run() {
	defer close(w.done)
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		w.pass()
		select {
		case <-w.stop:
			return
		case <-ticker.C:
		}
	}
}

func (w *Watch) pass() {
	there := map[int]bool{}
	parents := map[int]int{} // Of those that are new.
	for _, pid := range pids() {
		there[pid] = true
		if _, known := w.mine[pid]; !known {
			parents[pid] = parent(pid)
		}
	}
	for pid := range parents {
		w.mine[pid] = w.descends(pid, parents)
	}
	for pid, mine := range w.mine {
		switch {
		case !there[pid]:
			delete(w.mine, pid)
			delete(w.shown, pid)
		case mine && pid != os.Getpid():
			w.read(pid)
		}
	}
}

// descends follows the parents up to a process that is known. One that has left its parents descends from the first process
// of its namespace, which the bed has started.
func (w *Watch) descends(pid int, parents map[int]int) bool {
	for range len(parents) + 1 {
		above, isNew := parents[pid]
		if !isNew {
			return w.mine[pid]
		}
		pid = above
	}
	return false
}

// read looks into a process when its command line has changed: then it has become another program.
func (w *Watch) read(pid int) {
	folder := filepath.Join("/proc", strconv.Itoa(pid))
	line, err := os.ReadFile(filepath.Join(folder, "cmdline"))
	if err != nil || len(line) == 0 || w.shown[pid] == string(line) {
		return
	}
	w.shown[pid] = string(line)
	environment, _ := os.ReadFile(filepath.Join(folder, "environ"))
	namespace, _ := os.Readlink(filepath.Join(folder, "ns", "pid"))
	w.look("command lines in "+namespace, line)
	w.look("environments in "+namespace, environment)
}

func (w *Watch) look(place string, text []byte) {
	text = bytes.ReplaceAll(text, []byte{0}, []byte{' '})
	key := place + ": " + string(text)
	w.mu.Lock()
	known := w.seen[key]
	w.seen[key] = true
	w.mu.Unlock()
	if !known {
		w.search.Look(w.prefix+place, text)
	}
}

func pids() (all []int) {
	folder, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = folder.Close() }()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// parent reads proc(5)'s stat: the name of the program stands in parentheses and may hold any.
func parent(pid int) int {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	above, _ := strconv.Atoi(fields[1])
	return above
}

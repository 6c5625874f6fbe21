package crash

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

// kind says what happens at a point, and when.
type kind string

// The kinds of points.
const (
	before  kind = "before"  // The worker is killed before the effect.
	after   kind = "after"   // The worker is killed after the effect, before it answers.
	lost    kind = "lost"    // The effect is done, and the answer is lost on the way.
	stopped kind = "stopped" // The worker sleeps until another has finished the step, then goes on as if nothing had been.

	serverBefore  kind = "server before"  // Temporal is killed before the effect.
	serverAfter   kind = "server after"   // Temporal is killed after the effect: the answer finds nobody.
	serverLost    kind = "server lost"    // Temporal is killed while the answer is on its way.
	serverStopped kind = "server stopped" // Temporal sleeps for longer than a worker may be silent: two attempts meet.

	everything kind = "everything" // After the effect, the worker dies and with it Temporal's process and all that is in it.

	failBefore   kind = "fails before"     // The step fails for good, and nothing was done.
	failAfter    kind = "fails after"      // The step fails for good although it was done.
	cancelBefore kind = "cancelled before" // A person cancels the run before the effect.
	cancelAfter  kind = "cancelled after"  // A person cancels the run after the effect, before the answer.
)

// workerKinds and serverKinds are the four points of each.
var (
	workerKinds = []kind{before, after, lost, stopped}
	serverKinds = []kind{serverBefore, serverAfter, serverLost, serverStopped}
)

// place names an activity of a run: what workflow, on what target, in what step. The step is the activity's id, or its
// type where Temporal counted the id.
type place struct {
	Workflow string // Type.
	Target   string // Workflow id.
	Step     string
}

func (p place) file() string {
	return url.PathEscape(strings.Join([]string{p.Workflow, p.Target, p.Step}, " "))
}

// further is the place of a later activity of the same step.
func (p place) further(activity string) place {
	p.Step += " " + activity
	return p
}

// firing is what is noted when a point fires.
type firing struct {
	Kind     kind      `json:"kind"`
	PID      int       `json:"pid"`
	Activity string    `json:"activity"`
	Attempt  int32     `json:"attempt"`
	At       time.Time `json:"at"`
}

// points is a folder that says where to kill, and what was killed. Several processes read and write it.
type points struct{ folder string }

// Folders of points.
const (
	armed    = "armed"    // A kind for each place.
	fired    = "fired"    // A firing for each place.
	finished = "finished" // The step came to its end with another worker than the one that sleeps.
	woken    = "woken"    // What became of the attempt that slept.
	answered = "answered" // What the person was told who cancelled.
	pids     = "pids"     // Of processes, by name.
)

func newPoints(t require.TestingT, folder string) points {
	for _, name := range []string{armed, fired, finished, woken, answered, pids} {
		require.NoError(t, os.MkdirAll(filepath.Join(folder, name), 0o700))
	}
	return points{folder}
}

func (p points) path(folder string, at place) string {
	return filepath.Join(p.folder, folder, at.file())
}

// arm sets a point.
func (p points) arm(at place, k kind) error {
	return os.WriteFile(p.path(armed, at), []byte(k), 0o600)
}

func (p points) armedAt(at place) (kind, bool) {
	data, err := os.ReadFile(p.path(armed, at))
	return kind(data), err == nil
}

// claim lets a point fire once, whatever is killed by it.
func (p points) claim(at place, f firing) bool {
	file, err := os.OpenFile(p.path(fired, at), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	return json.NewEncoder(file).Encode(f) == nil
}

// firedAt reports whether a point fired. What it noted may be missing: it may be writing just now.
func (p points) firedAt(at place) (f firing, ok bool) {
	data, err := os.ReadFile(p.path(fired, at))
	if err == nil {
		_ = json.Unmarshal(data, &f)
	}
	return f, err == nil
}

func (p points) mark(folder string, at place, text string) {
	_ = os.WriteFile(p.path(folder, at), []byte(text), 0o600)
}

func (p points) marked(folder string, at place) (string, bool) {
	data, err := os.ReadFile(p.path(folder, at))
	return string(data), err == nil
}

// pid is of the process of that name; 0: it is dead just now.
func (p points) pid(name string) int {
	data, err := os.ReadFile(filepath.Join(p.folder, pids, name))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

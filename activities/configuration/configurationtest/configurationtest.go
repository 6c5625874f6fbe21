// Package configurationtest is the conformance suite of configuration.Runner: what everything that runs playbooks must do,
// and what it must refuse.
package configurationtest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/configuration"
	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// Playbooks that the bench's project has.
const (
	// Writes puts the variable "text" into /srv/text and the secret variable "password" into /srv/password, in this order,
	// in tasks of the names WriteText and WritePassword; only the first has the tag "text". After a change it runs the
	// handler Tell.
	Writes = "writes.yml"
	// Fails has a task of the name Breaks that fails and quotes the variable "password" in its message, and behind it one
	// that makes /srv/behind.
	Fails = "fails.yml"
	// Undefined uses the variable "nobody_gave", which nobody gives.
	Undefined = "undefined.yml"
	// Broken cannot be read.
	Broken = "broken.yml"
	// Elsewhere is for another host.
	Elsewhere = "elsewhere.yml"
	// Empty has no task.
	Empty = "empty.yml"
	// Restless has a task of the name Again that changes something each time.
	Restless = "restless.yml"
	// Slow makes /run/playing, waits until /run/go is there, removes /run/playing and then, in another task, makes
	// /srv/behind.
	Slow = "slow.yml"
	// Builds has a task that only works where the one before it was really done.
	Builds = "builds.yml"
)

// Names of tasks.
const (
	WriteText     = "write the text"
	WritePassword = "write the password"
	Tell          = "tell of it"
	Breaks        = "break"
	Again         = "change it again"
)

// Target is a fresh guest and a project of its own.
type Target interface {
	// Runner returns a driver that waits so long for the lock.
	Runner(t *testing.T, lockWait time.Duration) configuration.Runner
	// Project is the folder of the project that the runner has.
	Project() string
	// Host is how the guest is reached and recognised.
	Host() configuration.Host
	// Root runs a script as root on the guest, past the driver, and returns what it prints.
	Root(t *testing.T, script string) string
	// Cut breaks all open connections.
	Cut()
	// SetDown takes the guest off the network, or brings it back.
	SetDown(down bool)
	// ChangeHostKey gives the guest another host key; Host goes on to tell the old one.
	ChangeHostKey(t *testing.T)
}

// Setup is what a fresh guest should be like.
type Setup struct {
	NoSudo bool // The account may not become root.
	NoKey  bool // The account has another key than the driver.
}

// Bench makes targets.
type Bench struct {
	New func(t *testing.T, s Setup) Target
}

// Run runs the suite.
func Run(t *testing.T, b Bench) {
	for name, test := range map[string]func(*testing.T, Bench){
		"Describes": describes, "DescribeRefuses": describeRefuses, "Applies": applies, "ApplyRefuses": applyRefuses,
		"Previews": previews, "Trouble": trouble, "Locks": locks, "Projects": projects,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, b) })
	}
}

// Password is the secret of the plays. What looks like a template in it is none.
const Password = `cAnaRy-{{ 6 * 7 }}-"4711"`

// Text is a value that looks like a template.
const Text = `{{ lookup('pipe', 'id') }} 'and "more"`

func op() operation.Op {
	return operation.Op{Key: operation.Key{Run: "01K0000000000000000000RUN1", Step: "configuration/site", Target: "web-01"}, Owner: "server/web-01"}
}

func play(name string) configuration.Play {
	text, _ := json.Marshal(Text)
	return configuration.Play{Playbook: name, Variables: map[string]json.RawMessage{"text": text, "nested": json.RawMessage(`{"list":[1,true,null,1.5,"{{ x }}"]}`)}}
}

func values() configuration.Values {
	return configuration.Values{"password": secret.NewValue([]byte(Password + "\n"))}
}

// fixture is a target with a driver.
type fixture struct {
	Target
	t      *testing.T
	runner configuration.Runner
	said   *operation.Memory
}

func (b Bench) setup(t *testing.T, s Setup) *fixture {
	t.Helper()
	target := b.New(t, s)
	return &fixture{Target: target, t: t, runner: target.Runner(t, time.Minute), said: &operation.Memory{}}
}

func (f *fixture) apply(name string) (configuration.Applied, error) {
	f.t.Helper()
	return f.runner.Apply(f.t.Context(), op(), f.Host(), play(name), values(), f.said)
}

func (f *fixture) preview(name string) (configuration.Foresight, error) {
	f.t.Helper()
	return f.runner.Preview(f.t.Context(), f.Host(), play(name), values(), f.said)
}

// free proves that the guest's lock is nobody's.
func (f *fixture) free() {
	f.t.Helper()
	require.Equal(f.t, "free\n", f.Root(f.t, "flock -n /run/lock/fermata.lock echo free"))
}

func refuses(t *testing.T, kind fault.Kind, err error, texts ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	for _, text := range texts {
		require.ErrorContains(t, err, text)
	}
	require.NotContains(t, err.Error(), "cAnaRy")
	require.NotContains(t, err.Error(), "4711")
}

func names(tasks []configuration.Task) (list []string) {
	for _, task := range tasks {
		list = append(list, task.Name)
	}
	return list
}

// background runs a play beside the test and returns its end.
func (f *fixture) background(ctx context.Context, name string) <-chan error {
	ended := make(chan error, 1)
	go func() {
		_, err := f.runner.Apply(ctx, op(), f.Host(), play(name), values(), &operation.Memory{})
		ended <- err
	}()
	return ended
}

// playing waits until the slow playbook waits.
func (f *fixture) playing() {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		return f.Root(f.t, "if [ -e /run/playing ]; then echo yes; fi") == "yes\n"
	}, 2*time.Minute, 50*time.Millisecond)
}

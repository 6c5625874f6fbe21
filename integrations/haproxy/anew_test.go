package haproxy

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// TestBegunAnewBetweenSocketAndFile: HAProxy is restarted when a change has reached its socket and not yet its file, so that
// it runs what the file said before.
func TestBegunAnewBetweenSocketAndFile(t *testing.T) {
	t.Parallel()
	b := newBed(t, testConfig)
	driver, up := b.driver("10.10.0.5:9999"), upstream(t)
	op := operation.Op{Key: operation.Key{Run: "01JRUNA", Step: "pool", Target: "web-01"}, Owner: "server/web-01"}
	member := loadbalancer.Member{Backend: "web", Name: "web-01", Address: up.Address, Port: up.Port}
	state := func(s loadbalancer.State) func(operation.Progress) error {
		return func(p operation.Progress) error {
			_, err := driver.EnsureState(t.Context(), op, "web", "web-01", s, p)
			return err
		}
	}
	for _, change := range []struct {
		name           string
		do             func(operation.Progress) error
		runtime, saved loadbalancer.State
	}{
		{"add", func(p operation.Progress) error {
			_, err := driver.EnsureMember(t.Context(), op, member, p)
			return err
		}, loadbalancer.Drain, loadbalancer.Maintenance},
		{"ready", state(loadbalancer.Ready), loadbalancer.Ready, loadbalancer.Ready},
		{"drain", state(loadbalancer.Drain), loadbalancer.Drain, loadbalancer.Maintenance},
		{"ready again", state(loadbalancer.Ready), loadbalancer.Ready, loadbalancer.Ready},
		{"maintenance", state(loadbalancer.Maintenance), loadbalancer.Maintenance, loadbalancer.Maintenance},
		{"remove", func(p operation.Progress) error {
			return driver.RemoveMember(t.Context(), op, "web", "web-01", p)
		}, "", ""},
	} {
		begun := b.beginAnewOnce(t)
		require.NoError(t, change.do(&operation.Memory{}), change.name)
		require.True(t, *begun, change.name)
		require.Equal(t, change.runtime, b.runtime()["web-01"], change.name)
		file, err := b.host.read(DefaultFile)
		require.NoError(t, err)
		require.Equal(t, change.saved, judge(string(file))["web-01"], change.name)
	}
}

// beginAnewOnce reloads the balancer before the next file is put in place.
func (b *bed) beginAnewOnce(t *testing.T) *bool {
	t.Helper()
	begun := new(bool)
	b.host.commands["mv"] = func(h *host, args []string, in io.Reader, out, errs io.Writer) int {
		if !*begun {
			*begun = true
			if err := b.balancer.Reload(); err != nil {
				return 1
			}
		}
		return mv(h, args, in, out, errs)
	}
	return begun
}

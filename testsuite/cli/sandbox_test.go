package cli

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/sandbox"
	"fermata/testsuite/people"
	"fermata/wire"
)

// anyPorts are flags that let the system choose every port.
func anyPorts(folder string) []string {
	flags := []string{"--data", folder}
	for _, name := range []string{"temporal", "ui", "vcenter", "bastion", "tickets", "service", "mail", "hooks"} {
		flags = append(flags, "--"+name+"-port", "0")
	}
	return flags
}

func TestASandboxThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	for name, x := range map[string]struct {
		args []string
		code int
		says []string
	}{
		"Temporal's port is taken":        {append(anyPorts(t.TempDir()), "--temporal-port", port), 1, []string{"port " + port, "--temporal-port"}},
		"the web UI's port is taken":      {append(anyPorts(t.TempDir()), "--ui-port", port), 1, []string{"port " + port, "--ui-port"}},
		"the vCenter's port is taken":     {append(anyPorts(t.TempDir()), "--vcenter-port", port), 1, []string{"port " + port, "--vcenter-port"}},
		"the bastion's port is taken":     {append(anyPorts(t.TempDir()), "--bastion-port", port), 1, []string{"port " + port, "--bastion-port"}},
		"the tickets' port is taken":      {append(anyPorts(t.TempDir()), "--tickets-port", port), 1, []string{"port " + port, "--tickets-port"}},
		"the service's port is taken":     {append(anyPorts(t.TempDir()), "--service-port", port), 1, []string{"port " + port, "--service-port"}},
		"the mail server's port is taken": {append(anyPorts(t.TempDir()), "--mail-port", port), 1, []string{"port " + port, "--mail-port"}},
		"the receiver's port is taken":    {append(anyPorts(t.TempDir()), "--hooks-port", port), 1, []string{"port " + port, "--hooks-port"}},
		"a fault of no system":            {[]string{"--fault", "moon=down"}, 2, []string{"moon", "vcenter"}},
		"a fault of no kind":              {[]string{"--fault", "vcenter=sad"}, 2, []string{"slow=DURATION"}},
		"an unknown command":              {[]string{"examples/web-server.yaml"}, 2, []string{"there is no command", "fermata-sandbox run FILE"}},
		"an unknown flag":                 {[]string{"up", "--bogus"}, 2, []string{"bogus", "--help"}},
		"no spec":                         {[]string{"run"}, 2, []string{"which spec?"}},
		"a spec that is not there":        {[]string{"run", "nowhere.yaml"}, 2, []string{"nowhere.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := child(t, roleSandbox, append([]string{"--data", t.TempDir()}, x.args...)...).run()
			require.Equal(t, x.code, a.code, a.out)
			for _, text := range x.says {
				require.Contains(t, a.out, text)
			}
			require.NotContains(t, a.out, "goroutine")
		})
	}
}

// There is no way to bring a SQLite file to another version of Temporal's schema: it is named and left alone.
func TestADatabaseOfAnotherVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	for name, version := range map[string]string{"another version": "1.0.0\n", "no version": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			file := filepath.Join(folder, "temporal", "temporal.db")
			require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
			require.NoError(t, os.WriteFile(file, []byte("somebody's runs"), 0o600))
			if version != "" {
				require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(file), "temporal.version"), []byte(version), 0o600))
			}
			a := child(t, roleSandbox, append(anyPorts(folder), "up")...).run()
			require.Equal(t, 1, a.code, a.out)
			require.Contains(t, a.out, file)
			require.Contains(t, a.out, "version")
			require.Contains(t, a.out, "move")
			kept, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, "somebody's runs", string(kept))
		})
	}
}

// The whole sandbox goes away and comes back while a person watches.
func TestWatchOutlivesTheServer(t *testing.T) {
	t.Parallel()
	h := open(t)
	s := written(t, "web-31", "10.20.0.131")
	started := h.begin(t, "run", s.file)
	watching := running(t, roleFermata, "--config", h.Config, "watch", s.name)
	watching.says(t, "phase waiting")
	_, port, err := net.SplitHostPort(h.address(t))
	require.NoError(t, err)
	require.NoError(t, h.Close())
	watching.says(t, "no answer, trying again")

	number, err := strconv.Atoi(port)
	require.NoError(t, err)
	h = open(t, func(o *sandbox.Options) { o.Folder, o.TemporalPort = h.folder, number })
	h.approver(t, 0, "approve", s.name, "--yes")
	h.Until(t, client.Started{WorkflowID: started.WorkflowID, Run: started.Run}, "an end", people.Ended)
	watching.says(t, "answers again")
	watching.says(t, string(wire.Done)+"\n  record")
	require.NoError(t, watching.Wait(), watching.out.String())
}

// address is Temporal's, as the installation's description has it.
func (h *hall) address(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(h.Config)
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "    address: ")
	require.True(t, found)
	address, _, _ := strings.Cut(rest, "\n")
	return address
}

// A sandbox that stays until it is interrupted; no second one comes near its folder.
func TestUp(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	p := running(t, roleSandbox, append([]string{"up"}, anyPorts(folder)...)...)
	p.says(t, "Ready.")
	for _, what := range []string{filepath.Join(folder, "fermata.yaml"), "/namespaces/fermata/workflows", "queue            fermata.compute"} {
		require.Contains(t, p.out.String(), what)
	}
	second := child(t, roleSandbox, append([]string{"up"}, anyPorts(folder)...)...).run()
	require.Equal(t, 1, second.code, second.out)
	require.Contains(t, second.out, "another sandbox uses "+folder)
	require.Contains(t, second.out, "--data")
	require.Equal(t, 0, p.ends(t, syscall.SIGINT), p.out.String())
}

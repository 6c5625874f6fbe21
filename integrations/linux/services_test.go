package linux

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lookWith runs a manager's look where the programs are the given shell scripts.
func lookWith(t *testing.T, by manager, programs map[string]string) (string, int) {
	t.Helper()
	folder := t.TempDir()
	for name, script := range programs {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", by.look, "fermata", "web")
	cmd.Env = []string{"PATH=" + folder + ":" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return strings.TrimSpace(string(out)), cmd.ProcessState.ExitCode()
}

func TestWhatSystemdSaysOfAService(t *testing.T) {
	t.Parallel()
	for said, want := range map[[3]string]string{ // is-enabled, is-active, SubState.
		{"enabled", "active", "running"}:            "enabled running",
		{"static", "reloading", "reload"}:           "enabled running",
		{"disabled", "inactive", "dead"}:            "disabled stopped",
		{"enabled", "failed", "failed"}:             "enabled stopped",
		{"enabled", "activating", "start-pre"}:      "enabled activating",
		{"enabled", "activating", "auto-restart"}:   "enabled dying",
		{"masked", "inactive", "dead"}:              "masked stopped",
		{"masked-runtime", "inactive", "dead"}:      "masked stopped",
		{"enabled-runtime", "deactivating", "stop"}: "enabled stopped",
	} {
		got, exit := lookWith(t, systemd, map[string]string{"systemctl": `case "$1" in
is-enabled) echo ` + said[0] + `; exit 1 ;;
is-active) echo ` + said[1] + `; exit 3 ;;
show) echo ` + said[2] + ` ;;
esac`})
		require.Zero(t, exit)
		require.Equal(t, want, got, "%v", said)
	}
	_, exit := lookWith(t, systemd, map[string]string{"systemctl": "exit 1"})
	require.Equal(t, noInput, exit, "no such unit")
}

func TestNoInitScriptIsNoService(t *testing.T) {
	t.Parallel()
	_, exit := lookWith(t, manager{look: strings.ReplaceAll(initScripts.look, "/etc/init.d/", t.TempDir()+"/")}, nil)
	require.Equal(t, noInput, exit)
}

func TestVerbs(t *testing.T) {
	t.Parallel()
	for state, want := range map[string][3]string{ // Wanted running, running after a change, stopped.
		isRunning: {"", "restart", "stop"},
		isStopped: {"start", "start", ""},
		isDying:   {"restart", "restart", "stop"},
	} {
		require.Equal(t, want, [3]string{verbFor(state, true, false), verbFor(state, true, true), verbFor(state, false, false)}, state)
	}
}

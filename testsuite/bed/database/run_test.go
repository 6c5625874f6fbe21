package database_test

import (
	"os"
	"os/exec"
	"testing"
)

// run runs a client's own program and returns all that it says.
func run(t *testing.T, env []string, program string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

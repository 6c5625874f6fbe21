package bench

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkAnsible compares 12 steps of a run with a playbook of 12 tasks that do nothing, on this machine, without a connection.
func BenchmarkAnsible(b *testing.B) {
	program, err := exec.LookPath("ansible-playbook")
	if err != nil {
		b.Skip("ansible-playbook is not installed: apt-get install ansible-core")
	}
	x := setup(b, standard)
	playbook := filepath.Join(b.TempDir(), "nothing.yaml")
	text := "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n" + strings.Repeat("    - ansible.builtin.command: \"true\"\n", steps)
	require.NoError(b, os.WriteFile(playbook, []byte(text), 0o600))
	for range b.N {
		began := time.Now()
		command := exec.CommandContext(b.Context(), program, "-i", "localhost,", playbook)
		var out bytes.Buffer
		command.Stdout, command.Stderr = &out, &out
		require.NoError(b, command.Run(), out.String())
		play := time.Since(began)
		r := x.errand(b, x.name())
		x.done(b, r)
		run := x.look(b, x.Client.Temporal(), r.WorkflowID, r.RunID).wall
		b.ReportMetric(ms(play), "ansible-ms")
		b.ReportMetric(ms(run), "run-ms")
		b.ReportMetric(float64(play)/float64(run), "ansible/run")
	}
}

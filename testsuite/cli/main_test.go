// Package cli types the commands of a user at a running sandbox, and looks at the systems to see what they did.
//
// Most commands run in this process, by the same code as the binary's main; what needs a process of its own (workers, an
// ssh-agent, a terminal, a sandbox that refuses to start) is started as one.
package cli

import (
	"context"
	"flag"
	"io"
	"log"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"fermata/sandbox"
	"fermata/starter"
	"fermata/worker"
)

// roleVariable makes the test's binary be one of Fermata's: they are ten lines each.
const roleVariable = "FERMATA_CLI_ROLE"

const (
	roleFermata = "fermata"
	roleWorker  = "fermata-worker"
	roleSandbox = "fermata-sandbox"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // The simulator of vCenter writes to it.
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	// Most of these tests wait for processes and for time to pass, so more of them run at once than there are processors.
	flag.Parse()
	atOnce := flag.Lookup("test.parallel")
	if n, err := strconv.Atoi(atOnce.Value.String()); err == nil && n < 6 {
		_ = atOnce.Value.Set("6")
	}
	os.Exit(m.Run())
}

func play(role string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	args := append([]string{role}, os.Args[1:]...)
	switch role {
	case roleFermata:
		app := starter.New()
		return starter.ExitCode(os.Stderr, app.RunContext(ctx, starter.Arrange(app, args)))
	case roleWorker:
		return worker.Main(ctx, args, os.Stdout, os.Stderr)
	case roleSandbox:
		app := sandbox.Command()
		return starter.ExitCode(os.Stderr, app.RunContext(ctx, starter.Arrange(app, args)))
	}
	panic("no role " + role)
}

// fermata-sandbox is Fermata with everything it needs, on a laptop.
package main

import (
	"context"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"fermata/sandbox"
	"fermata/starter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // The second one ends the process at once; what was done is found again.
	log.SetOutput(io.Discard)    // The simulator of vCenter writes to it; our own log is slog.
	app := sandbox.Command()
	err := app.RunContext(ctx, starter.Arrange(app, os.Args))
	stop()
	os.Exit(starter.ExitCode(os.Stderr, err))
}

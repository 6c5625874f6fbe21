// fermata is the command line: it plans, starts, steers and shows runs.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"fermata/starter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // The second one ends the process at once.
	app := starter.New()
	err := app.RunContext(ctx, starter.Arrange(app, os.Args))
	stop()
	os.Exit(starter.ExitCode(os.Stderr, err))
}

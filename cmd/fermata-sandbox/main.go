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
	log.SetOutput(io.Discard) // The simulator of vCenter writes to it; our own log is slog.
	err := sandbox.Command().RunContext(ctx, os.Args)
	stop()
	os.Exit(starter.ExitCode(os.Stderr, err))
}

// fermata-worker carries runs: it polls Temporal for the queues that it is told to serve.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"fermata/worker"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := worker.Main(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

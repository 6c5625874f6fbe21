// own-process is a worker with a process, a capability and an integration of one's own, beside all that Fermata comes with.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"example.com/own-process/pagehttp"
	"example.com/own-process/publish"
	"example.com/own-process/statuspage"
	"fermata/worker"
)

func options() []worker.Option {
	return []worker.Option{
		worker.WithWorkflow(publish.Register), worker.WithIntegration(pagehttp.Integration()),
		worker.WithCapability(statuspage.Capability, statuspage.NewActivities, statuspage.Page.Check),
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := worker.Main(ctx, os.Args, os.Stdout, os.Stderr, options()...)
	stop()
	os.Exit(code)
}

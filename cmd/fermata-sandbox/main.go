// fermata-sandbox is Fermata with everything it needs, on a laptop.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"fermata/sandbox"
	"fermata/starter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := sandbox.Command().RunContext(ctx, os.Args)
	stop()
	os.Exit(starter.ExitCode(os.Stderr, err))
}

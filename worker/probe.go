package worker

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"
)

// Commands for those who run a worker: container images have no shell and no curl.

func checkCommand(options []Option) *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "say whether the configuration can be read and names what there is; nothing is connected to",
		Action: func(c *cli.Context) error {
			if _, err := prepare(c, options); err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, "good")
			return nil
		},
	}
}

func healthCommand(ctx context.Context) *cli.Command {
	return &cli.Command{
		Name: "health", Usage: "ask the worker that listens at --listen whether it is healthy",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "ready", Usage: "ask whether it is ready: each of its systems has answered once"}},
		Action: func(c *cli.Context) error {
			path := "/healthz"
			if c.Bool("ready") {
				path = "/readyz"
			}
			said, err := ask(ctx, c.String("listen"), path)
			fmt.Fprint(c.App.Writer, said)
			return err
		},
	}
}

// askFor is how long a worker may take to answer.
const askFor = 5 * time.Second

// ask asks the worker of this machine. One that listens on all addresses is asked on the loopback.
func ask(ctx context.Context, listen, path string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", cli.Exit("--listen: expected the worker's own, such as 127.0.0.1:9464", 2)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+path, nil)
	if err != nil {
		return "", fmt.Errorf("asking the worker: %w", err)
	}
	answer, err := (&http.Client{Transport: &http.Transport{}}).Do(r) // No proxy.
	if err != nil {
		return "", fmt.Errorf("asking the worker: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("asking the worker: it answers %s", answer.Status)
	}
	return string(said), err
}

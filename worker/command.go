package worker

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/urfave/cli/v2"

	built "fermata/build"
	"fermata/config"
)

// Main is the command line of a worker. A user who adds a process of their own calls it with their options. It returns
// the exit code: 0, 1 for a failure, 2 for a wrong configuration.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer, options ...Option) int {
	app := &cli.App{
		Name:    "fermata-worker",
		Version: version(),
		Usage:   "carry runs: poll Temporal for the queues that it serves",
		Description: "Polls only the queues of systems that the configuration has and --serve names, and opens only those systems.\n\n" +
			"   fermata-worker --config fermata.yaml\n" +
			"   fermata-worker --config fermata.yaml --serve workflows,record\n" +
			"   fermata-worker --config fermata.yaml --serve compute\n" +
			"   fermata-worker --config fermata.yaml check",
		Writer: stdout, ErrWriter: stderr,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: "fermata.yaml", EnvVars: []string{"FERMATA_CONFIG"}, Usage: "description of the installation"},
			&cli.StringSliceFlag{Name: "serve", EnvVars: []string{"FERMATA_SERVE"}, Usage: "what to serve: " + Workflows + ", " + strings.Join(Capabilities(), ", ") + " (default: all that the configuration has)"},
			&cli.StringFlag{Name: "log-format", Value: "text", EnvVars: []string{"FERMATA_LOG_FORMAT"}, Usage: "json or text"},
			&cli.BoolFlag{Name: "json", Usage: "log as JSON, as --log-format json does"},
			&cli.StringFlag{Name: "listen", EnvVars: []string{"FERMATA_LISTEN"}, Usage: "serve /metrics, /healthz and /readyz on `HOST:PORT`, such as 127.0.0.1:9464 (default: nowhere)"},
		},
		Action:   func(c *cli.Context) error { return serve(ctx, c, options) },
		Commands: []*cli.Command{checkCommand(options), healthCommand(ctx), secretsCommand()},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return cli.Exit(fmt.Sprintf("%v; `fermata-worker --help` lists what there is", err), 2)
		},
		ExitErrHandler: func(*cli.Context, error) {
			// The exit code is this function's to return, so that main can clean up.
		},
	}
	err := app.RunContext(ctx, args)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "fermata-worker:", err)
	if coded, ok := err.(cli.ExitCoder); ok { //nolint:errorlint // cli's own error, never wrapped.
		return coded.ExitCode()
	}
	return 1
}

// prepare makes a worker of what the command line and the configuration say. It connects to nothing.
func prepare(c *cli.Context, options []Option) (*Worker, error) {
	cfg, err := config.Load(c.String("config"))
	if err != nil {
		return nil, cli.Exit(err, 2)
	}
	handler, err := logTo(c)
	if err != nil {
		return nil, cli.Exit(err, 2)
	}
	w, err := New(Config{
		Installation: cfg, Serve: c.StringSlice("serve"), Log: slog.New(handler), Listen: c.String("listen"), Traces: true,
	}, options...)
	if err != nil {
		return nil, cli.Exit(err, 2)
	}
	return w, nil
}

func serve(ctx context.Context, c *cli.Context, options []Option) error {
	w, err := prepare(c, options)
	if err != nil {
		return err
	}
	if err := w.Start(ctx); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "fermata-worker %s for %s, Temporal at %s\n", cmp.Or(Build(), built.Unknown), w.cfg.Installation.Name, w.address)
	if at := w.Observed(); at != "" {
		fmt.Fprintf(c.App.Writer, "  metrics http://%s/metrics, health /healthz, readiness /readyz\n", at)
	}
	for _, line := range w.Endpoints() {
		fmt.Fprintln(c.App.Writer, "  system", line)
	}
	for _, q := range w.Queues() {
		fmt.Fprintln(c.App.Writer, "  queue ", q)
	}
	<-ctx.Done()
	fmt.Fprintln(c.App.Writer, "stopping: what is in flight may finish")
	return w.Stop()
}

func logTo(c *cli.Context) (slog.Handler, error) {
	switch format := c.String("log-format"); {
	case format == "json", c.Bool("json"):
		return slog.NewJSONHandler(c.App.ErrWriter, nil), nil
	case format == "text":
		return slog.NewTextHandler(c.App.ErrWriter, nil), nil
	default:
		return nil, fmt.Errorf("--log-format takes json or text, not %q", format)
	}
}

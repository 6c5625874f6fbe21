package sandbox

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"fermata/build"
	"fermata/sandbox/estate"
	"fermata/sandbox/estate/faults"
)

// Command is the command line of fermata-sandbox.
func Command() *cli.App {
	app := &cli.App{
		Name: "fermata-sandbox", Version: build.Of().String(),
		Usage: "Fermata with everything it needs, on a laptop",
		Description: "Starts Temporal, its web UI, a worker and an estate of emulated systems in one process.\n" +
			"Everything listens on 127.0.0.1 and keeps its state in one folder.",
		Flags: flags(),
		Commands: []*cli.Command{{
			Name: "up", Usage: "start and stay until Ctrl-C",
			Action: func(c *cli.Context) error {
				if c.NArg() > 0 {
					return usage("up takes no %q: fermata-sandbox up; or fermata-sandbox run FILE", c.Args().First())
				}
				return up(c.Context, c)
			},
		}, {
			Name: "run", Usage: "start, and carry one spec through from plan to record", ArgsUsage: "FILE",
			Description: "On a terminal you are asked for the approval, and the sandbox stays up until Ctrl-C.\n" +
				"Without one, the two people that the sandbox invented act, and it exits with the run's status.\n\n" +
				"   fermata-sandbox run examples/web-server.yaml",
			Action: func(c *cli.Context) error {
				if c.NArg() != 1 {
					return usage("which spec? fermata-sandbox run FILE")
				}
				return demonstrate(c.Context, c, c.Args().First())
			},
		}},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usage("there is no command %q: fermata-sandbox up; or fermata-sandbox run FILE", c.Args().First())
			}
			return up(c.Context, c)
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return usage("%v; `fermata-sandbox --help` lists what there is", err)
		},
		ExitErrHandler: func(*cli.Context, error) {
			// The exit code is main's to give, when everything has stopped.
		},
	}
	for _, c := range app.Commands {
		c.OnUsageError = app.OnUsageError
	}
	return app
}

func usage(format string, args ...any) error { return cli.Exit(fmt.Sprintf(format, args...), 2) }

func flags() []cli.Flag {
	port := func(name string, value int, what string) cli.Flag {
		return &cli.IntFlag{Name: name, Value: value, Usage: "port of " + what + " on 127.0.0.1 (0: any free one)"}
	}
	return []cli.Flag{
		&cli.StringFlag{Name: "data", Value: defaultFolder(), EnvVars: []string{"FERMATA_SANDBOX"}, Usage: "folder that holds all state"},
		port("temporal-port", 7233, "Temporal"), port("ui-port", 8233, "the web UI"), port("vcenter-port", 8989, "the vCenter"),
		port("bastion-port", 2222, "the bastion"), port("tickets-port", 8180, "the ticket system"), port("service-port", 8280, "the service"),
		port("mail-port", 2525, "the mail server"), port("hooks-port", 8380, "the receiver of webhooks"),
		&cli.BoolFlag{Name: "no-worker", Usage: "start no worker: somebody else runs fermata-worker"},
		&cli.StringSliceFlag{
			Name:  "fault",
			Usage: "let a `SYSTEM=FAULTS` misbehave: " + strings.Join(estate.Systems(), ", ") + "; slow=200ms,fail=5,lose=3 or down. E.g. --fault vcenter=slow=300ms,lose=4",
		},
		&cli.BoolFlag{Name: "verbose", Usage: "log what the worker and the systems do"},
	}
}

func defaultFolder() string {
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".fermata", "sandbox")
	}
	return ".fermata-sandbox"
}

func options(c *cli.Context) (Options, error) {
	o := Options{
		TemporalPort: c.Int("temporal-port"), UIPort: c.Int("ui-port"), VCenterPort: c.Int("vcenter-port"),
		BastionPort: c.Int("bastion-port"), TicketsPort: c.Int("tickets-port"), ServicePort: c.Int("service-port"),
		MailPort: c.Int("mail-port"), HooksPort: c.Int("hooks-port"),
		WithoutWorker: c.Bool("no-worker"), Policy: DefaultPolicy, Faults: map[string]*faults.Faults{},
	}
	var err error
	if o.Folder, err = filepath.Abs(c.String("data")); err != nil {
		return o, fmt.Errorf("--data: %w", err)
	}
	for _, text := range c.StringSlice("fault") {
		name, spec, found := strings.Cut(text, "=")
		if !found {
			return o, usage("--fault %q: expected SYSTEM=slow=200ms,fail=5,lose=3 or SYSTEM=down", text)
		}
		f, err := faults.Parse(spec)
		if err != nil {
			return o, usage("--fault %q: %v", text, err)
		}
		if !known(name) {
			return o, usage("--fault %q: there is no system %q; choose from %s", text, name, strings.Join(estate.Systems(), ", "))
		}
		o.Faults[name] = f
	}
	if o.Log, err = logger(c, o.Folder); err != nil {
		return o, err
	}
	return o, nil
}

func known(system string) bool {
	for _, name := range estate.Systems() {
		if name == system {
			return true
		}
	}
	return false
}

// logger writes to the terminal if asked, else to a file in the folder.
func logger(c *cli.Context, folder string) (*slog.Logger, error) {
	if c.Bool("verbose") {
		return slog.New(slog.NewTextHandler(os.Stderr, nil)), nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("making the sandbox's folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(folder, "sandbox.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return slog.New(slog.NewTextHandler(f, nil)), nil
}

func begin(ctx context.Context, c *cli.Context) (*Sandbox, error) {
	o, err := options(c)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(c.App.Writer, "Starting the sandbox in %s ...\n", o.Folder)
	s, err := Start(ctx, o)
	if err != nil {
		return nil, err
	}
	s.Describe(c.App.Writer)
	fmt.Fprintln(c.App.Writer)
	return s, nil
}

func up(ctx context.Context, c *cli.Context) error {
	s, err := begin(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "Ready. In another terminal:\n\n  export FERMATA_CONFIG=%s\n  fermata --key %s run examples/web-server.yaml\n  fermata --key %s approve server/web-01\n\nCtrl-C stops.\n",
		s.Config, s.People.RequesterKey, s.People.ApproverKey)
	<-ctx.Done()
	fmt.Fprintln(c.App.Writer, "\nStopping ...")
	return s.Close()
}

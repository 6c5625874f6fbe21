package starter

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/spec"
	"fermata/spec/document"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "show what a run would do; nothing is changed", ArgsUsage: "FILE",
		Description: "   fermata plan examples/web-server.yaml\n   fermata -o json plan examples/web-server.yaml",
		Flags:       []cli.Flag{allFlag()},
		Before:      arguments(1, 1),
		Action: func(c *cli.Context) error {
			ask, err := readRequest(c)
			if err != nil {
				return err
			}
			return within(func(ctx context.Context, s *session) error {
				request, err := ask(ctx, s)
				if err != nil {
					return err
				}
				return s.preview(ctx, request)
			})(c)
		},
	}
}

func (s *session) preview(ctx context.Context, request client.Request) error {
	preview, err := s.client.Plan(ctx, request)
	if err != nil {
		return err
	}
	if done, err := s.screen.document(preview); err != nil {
		return err
	} else if !done {
		s.screen.plan(preview)
	}
	if text := problems(preview); text != "" {
		return refused("The plan cannot be carried out:\n%s", text)
	}
	return nil
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "start a run, and watch it", ArgsUsage: "FILE",
		Description: "   fermata run examples/web-server.yaml\n   fermata run --detach examples/web-server.yaml && fermata watch web-01\n\n" +
			"The start is signed with your key. Somebody else approves the plan. A server that exists is changed: only the\n" +
			"difference is done, and without one the run ends at once with \"nothing to change\".",
		Flags:  startFlags(),
		Before: arguments(1, 1),
		Action: func(c *cli.Context) error {
			ask, err := readRequest(c)
			if err != nil {
				return err
			}
			return starting(c, ask)
		},
	}
}

func startFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "watch", Usage: "stay and show progress (default on a terminal)"},
		&cli.BoolFlag{Name: "detach", Usage: "return as soon as the run has started (default elsewhere)"},
		&cli.BoolFlag{Name: "wait", Usage: "if another run holds the target, wait for its end instead of giving up"},
		forFlag(), allFlag(),
		&cli.BoolFlag{Name: "emergency", Usage: "act first and be reviewed afterwards, where the policy lets you; needs --reason"},
		reasonFlag(),
	}
}

// asking says what to start, as things are at that moment.
type asking func(ctx context.Context, s *session) (client.Request, error)

// starting checks what can be checked here, then starts a run.
func starting(c *cli.Context, ask asking) error {
	if c.Bool("watch") && c.Bool("detach") {
		return usage("--watch and --detach exclude each other")
	}
	if c.Bool("emergency") && strings.TrimSpace(c.String("reason")) == "" {
		return usage("--emergency needs --reason: it is what the review reads")
	}
	signed := func(ctx context.Context, s *session) (client.Request, error) {
		request, err := ask(ctx, s)
		request = request.Because(c.String("reason"))
		if c.Bool("emergency") {
			request = request.Emergency()
		}
		return request, err
	}
	return signing(func(ctx context.Context, s *session) error { return s.start(ctx, signed) })(c)
}

// start starts a run and watches it if asked.
func (s *session) start(ctx context.Context, ask asking) error {
	request, err := ask(ctx, s)
	if err != nil {
		return err
	}
	started, err := s.client.Start(ctx, request, s.person)
	for s.c.Bool("wait") && fault.Is(err, fault.Conflict) {
		s.screen.aside().printf("%s\nwaiting for its end ...\n", line(err.Error()))
		if err := s.untilFree(ctx, request.WorkflowID()); err != nil {
			return err
		}
		if request, err = ask(ctx, s); err != nil { // What the other run did decides what this one is.
			return err
		}
		started, err = s.client.Start(ctx, request, s.person)
	}
	if err != nil {
		return err
	}
	if !s.c.Bool("watch") && (s.c.Bool("detach") || !s.screen.terminal) {
		if written, err := s.screen.document(started); written || err != nil {
			return err
		}
		s.screen.printf("started %s, run %s, as %s\n  fermata watch %s\n", started.WorkflowID, started.Run, line(s.person.Name), started.WorkflowID)
		return nil
	}
	return s.follow(ctx, target{workflowID: started.WorkflowID, runID: started.RunID, run: started.Run})
}

func (s *session) untilFree(ctx context.Context, workflowID string) error {
	for {
		open, err := s.client.Open(ctx, workflowID)
		if err != nil || !open {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// wanted is a spec that asks for something: one of its fields is set.
type wanted struct {
	server   *spec.Server
	fleet    *spec.Fleet
	instance *spec.Instance
}

// readSpec reads a file as the spec of a server, a fleet or an instance.
func readSpec(file string) (w wanted, err error) {
	data, err := readDocument(file)
	if err != nil {
		return w, err
	}
	switch document.Read(file, data).Kind() {
	case spec.KindFleet:
		w.fleet, err = spec.ParseFleet(file, data)
	case spec.KindInstance:
		w.instance, err = spec.ParseInstance(file, data)
	default:
		w.server, err = spec.Parse(file, data)
	}
	return w, err
}

// readMetadata reads what the policy looks at in a spec.
func readMetadata(file string) (spec.Metadata, error) {
	w, err := readSpec(file)
	switch {
	case err != nil:
		return spec.Metadata{}, err
	case w.fleet != nil:
		return w.fleet.Metadata, nil
	case w.instance != nil:
		return w.instance.Metadata, nil
	}
	return w.server.Metadata, nil
}

// readRequest reads the only argument as a spec, and says what it asks for.
func readRequest(c *cli.Context) (asking, error) {
	w, err := readSpec(c.Args().First())
	switch {
	case err != nil:
		return nil, err
	case w.fleet != nil && c.Bool("emergency"):
		return nil, usage("--emergency: a fleet cannot act first; start the servers that cannot wait one by one")
	case w.fleet != nil:
		request, err := client.Fleet(w.fleet)
		return always(request), err
	case w.instance != nil:
		request, err := client.ProvisionInstance(w.instance)
		return always(request), err
	}
	return func(ctx context.Context, s *session) (client.Request, error) { return s.client.Ask(ctx, w.server) }, nil
}

// always asks for the same, whatever things are like at that moment.
func always(request client.Request) asking {
	return func(context.Context, *session) (client.Request, error) { return request, nil }
}

func readDocument(file string) ([]byte, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("there is no file %s", file)
	}
	if err != nil {
		return nil, usage("reading %s: %v", file, err)
	}
	return data, nil
}

func decommissionCommand() *cli.Command {
	return &cli.Command{
		Name: "decommission", Usage: "take a server or an instance out of service; keep it for a while, then remove all it has", ArgsUsage: "NAME",
		Description: "   fermata decommission web-01 --grace 72h\n   fermata decommission instance/app-01 --database archive\n\n" +
			"Within the grace period `fermata restore web-01` brings it back and `fermata purge web-01` removes it at once.\n" +
			"Before a database is dropped, somebody is asked to approve that by itself.",
		Flags: append([]cli.Flag{
			&cli.DurationFlag{Name: "grace", Usage: "how long the machine is kept, switched off", DefaultText: "run.grace of its spec"},
			&cli.StringFlag{Name: "database", Usage: "what becomes of an instance's database: `keep`, archive (a dump, then drop) or drop", DefaultText: "database.onDecommission of its spec"},
		}, startFlags()...),
		Before: arguments(1, 1),
		Action: func(c *cli.Context) error {
			var grace *time.Duration
			if c.IsSet("grace") {
				given := c.Duration("grace")
				grace = &given
			}
			if grace != nil && *grace < 0 {
				return usage("--grace: expected zero or more, such as 72h")
			}
			request, err := decommission(c.Args().First(), grace, c.String("database"))
			if err != nil {
				return err
			}
			return starting(c, always(request))
		},
	}
}

// decommission asks for the end of what is named: instance/app-01, server/web-01, or just web-01.
func decommission(name string, grace *time.Duration, database string) (client.Request, error) {
	if instance, ok := strings.CutPrefix(name, "instance/"); ok {
		return client.DecommissionInstance(instance, grace, database)
	}
	if database != "" {
		return client.Request{}, usage("--database: a server has none; say instance/%s if an instance is meant", name)
	}
	return client.Decommission(serverName(name), grace)
}

func rotateDatabaseCommand() *cli.Command {
	return &cli.Command{
		Name: "rotate-database", Usage: "give an instance's database login another password, without an outage", ArgsUsage: "INSTANCE",
		Description: "   fermata rotate-database app-01\n\n" +
			"The other of its two logins gets a new password, the instance's connection file is written anew and proven, and only then\n" +
			"the login in use so far is disabled.",
		Flags:  startFlags(),
		Before: arguments(1, 1),
		Action: func(c *cli.Context) error {
			request, err := client.RotateDatabasePassword(strings.TrimPrefix(c.Args().First(), "instance/"))
			if err != nil {
				return err
			}
			return starting(c, always(request))
		},
	}
}

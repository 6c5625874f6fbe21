package starter

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/spec"
)

func planCommand() *cli.Command {
	return &cli.Command{
		Name: "plan", Usage: "show what a run would do; nothing is changed", ArgsUsage: "FILE",
		Description: "   fermata plan examples/web-server.yaml\n   fermata -o json plan examples/web-server.yaml",
		Action: within(func(ctx context.Context, s *session) error {
			request, _, err := readRequest(s.c)
			if err != nil {
				return err
			}
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
		}),
	}
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name: "run", Usage: "start a run, and watch it", ArgsUsage: "FILE",
		Description: "   fermata run examples/web-server.yaml\n   fermata run --detach examples/web-server.yaml && fermata watch web-01\n\n" +
			"The start is signed with your key. Somebody else approves the plan.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "watch", Usage: "stay and show progress (default on a terminal)"},
			&cli.BoolFlag{Name: "detach", Usage: "return as soon as the run has started"},
			&cli.BoolFlag{Name: "wait", Usage: "if another run holds the target, wait for its end instead of giving up"},
		},
		Action: within(func(ctx context.Context, s *session) error {
			if s.c.Bool("watch") && s.c.Bool("detach") {
				return usage("--watch and --detach exclude each other")
			}
			request, _, err := readRequest(s.c)
			if err != nil {
				return err
			}
			return s.start(ctx, request, s.c.Bool("watch") || (s.screen.terminal && !s.c.Bool("detach")))
		}),
	}
}

// start starts a run and watches it if asked.
func (s *session) start(ctx context.Context, request client.Request, watch bool) error {
	person, done, err := s.person()
	if err != nil {
		return err
	}
	defer func() { _ = done.Close() }()
	started, err := s.client.Start(ctx, request, person)
	for s.c.Bool("wait") && fault.Is(err, fault.Conflict) {
		s.screen.printf("%s\nwaiting for its end ...\n", line(err.Error()))
		if err := s.untilFree(ctx, request.WorkflowID()); err != nil {
			return err
		}
		started, err = s.client.Start(ctx, request, person)
	}
	if err != nil {
		return err
	}
	if !watch {
		if written, err := s.screen.document(started); written || err != nil {
			return err
		}
		s.screen.printf("started %s, run %s, as %s\n  fermata watch %s\n", started.WorkflowID, started.Run, person.Name, started.WorkflowID)
		return nil
	}
	p, err := s.follow(ctx, started.WorkflowID, started.RunID)
	if err != nil {
		return err
	}
	return outcome(p)
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

// readRequest reads the only argument as a spec.
func readRequest(c *cli.Context) (client.Request, *spec.Server, error) {
	file, err := one(c, "spec")
	if err != nil {
		return client.Request{}, nil, err
	}
	server, err := readSpec(file)
	if err != nil {
		return client.Request{}, nil, err
	}
	request, err := client.Provision(server)
	return request, server, err
}

func readSpec(file string) (*spec.Server, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage("there is no file %s", file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the spec: %w", err)
	}
	return spec.Parse(file, data)
}

func decommissionCommand() *cli.Command {
	return &cli.Command{
		Name: "decommission", Usage: "take a server out of service; keep it for a while, then remove all it has", ArgsUsage: "NAME",
		Description: "   fermata decommission web-01 --grace 72h\n\n" +
			"Within the grace period `fermata restore web-01` brings it back and `fermata purge web-01` removes it at once.",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "grace", Value: time.Duration(spec.DefaultGrace), Usage: "how long the machine is kept, switched off"},
			&cli.BoolFlag{Name: "watch", Usage: "stay and show progress (default on a terminal)"},
			&cli.BoolFlag{Name: "detach", Usage: "return as soon as the run has started"},
			&cli.BoolFlag{Name: "wait", Usage: "if another run holds the target, wait for its end"},
		},
		Action: within(func(ctx context.Context, s *session) error {
			name, err := one(s.c, "server")
			if err != nil {
				return err
			}
			if s.c.Duration("grace") < 0 {
				return usage("--grace: expected zero or more, such as 72h")
			}
			request, err := client.Decommission(serverName(name), s.c.Duration("grace"))
			if err != nil {
				return err
			}
			return s.start(ctx, request, s.c.Bool("watch") || (s.screen.terminal && !s.c.Bool("detach")))
		}),
	}
}

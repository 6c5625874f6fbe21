package starter

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/client"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name: "list", Aliases: []string{"ls"}, Usage: "list runs, newest first",
		Description: "   fermata list --open\n   fermata list --state held",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "open", Usage: "only runs that go on"},
			&cli.StringFlag{Name: "state", Usage: "only runs in this `STATE`: planning, waiting, running, held, grace, undoing, done, refused, denied, undone, ..."},
			&cli.IntFlag{Name: "limit", Value: 50, Usage: "at most so many"},
		},
		Before: arguments(0, 0),
		Action: within(func(ctx context.Context, s *session) error {
			runs, err := s.client.List(ctx, client.Filter{Open: s.c.Bool("open"), State: s.c.String("state"), Limit: s.c.Int("limit")})
			if err != nil {
				return err
			}
			if runs == nil {
				runs = []client.Summary{} // A list without runs is [], not null.
			}
			if done, err := s.screen.document(runs); done || err != nil {
				return err
			}
			if len(runs) == 0 {
				s.screen.printf("no runs\n")
				return nil
			}
			var rows [][]string
			for _, r := range runs {
				rows = append(rows, []string{
					line(r.Target), line(r.Kind), line(r.State), line(strings.Join(r.WaitingFor, " ")),
					line(r.Requester), r.Started.Local().Format(time.DateTime), line(r.Run),
				})
			}
			return s.screen.table([]string{"TARGET", "KIND", "STATE", "WAITS FOR", "BY", "STARTED", "RUN"}, rows, "STARTED", "BY", "KIND")
		}),
	}
}

func showCommand() *cli.Command {
	return &cli.Command{
		Name: "show", Usage: "show where a run is, with its plan", ArgsUsage: "RUN",
		Description: "   fermata show web-01\n   fermata -o json show web-01\n   fermata show --all fleet/storefront",
		Flags:       []cli.Flag{allFlag()},
		Before:      arguments(1, 1),
		Action: within(func(ctx context.Context, s *session) error {
			t, err := s.target(ctx, s.c.Args().First())
			if err != nil {
				return err
			}
			p, err := s.client.Progress(ctx, t.workflowID, t.runID)
			if err != nil {
				return err
			}
			if done, err := s.screen.document(p); done || err != nil {
				return err
			}
			if p.Preview != nil {
				s.screen.plan(*p.Preview)
				s.screen.printf("\n")
			}
			for _, l := range s.screen.lines(p, time.Now()) {
				s.screen.printf("%s\n", l)
			}
			for _, d := range p.Decisions {
				s.screen.printf("  %s\n", s.screen.decision(d))
			}
			return nil
		}),
	}
}

func watchCommand() *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "watch a run until it has ended", ArgsUsage: "RUN",
		Description: "   fermata watch web-01\n\nThe exit code is the run's. A server that goes away is waited for.",
		Flags:       []cli.Flag{forFlag(), allFlag()},
		Before:      arguments(1, 1),
		Action: within(func(ctx context.Context, s *session) error {
			t, err := s.target(ctx, s.c.Args().First())
			if err != nil {
				return err
			}
			return s.follow(ctx, t)
		}),
	}
}

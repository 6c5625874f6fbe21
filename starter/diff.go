package starter

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/wire"
)

func diffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Usage: "show where a server is not as its record says; nothing is changed", ArgsUsage: "NAME",
		Description: "   fermata diff web-01\n   fermata -o json diff web-01\n\n" +
			"Each thing that the record names stands with what is recorded and what is there. The exit code is 12 if anything\n" +
			"differs, and 7 if something could not be looked at. `fermata run` with the server's spec brings it back.",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "all", Usage: "show what does not differ too"}},
		Before: arguments(1, 1),
		Action: within(func(ctx context.Context, s *session) error {
			return s.diff(ctx, serverName(s.c.Args().First()))
		}),
	}
}

func (s *session) diff(ctx context.Context, name string) error {
	compared, err := s.client.Compare(ctx, name)
	if err != nil {
		return err
	}
	if done, err := s.screen.document(compared); err != nil {
		return err
	} else if !done {
		s.screen.comparison(compared, s.c.Bool("all"))
	}
	if len(compared.Unread) > 0 {
		var lines []string
		for _, o := range compared.Unread {
			lines = append(lines, line(o.Name)+": "+line(o.Text))
		}
		return fault.New(fault.Unavailable, "not everything could be looked at:\n%s", strings.Join(lines, "\n"))
	}
	if n := len(compared.Drifted()); n > 0 {
		return coded{code: exitDrift, text: fmt.Sprintf("%d of %d differ from the record", n, len(compared.Items))}
	}
	return nil
}

// comparison shows what differs; with all, also what does not.
func (s screen) comparison(c wire.Comparison, all bool) {
	s.printf("%s  %s\n\n", s.paint(bold, line(string(c.Owner))), s.paint(dim, "record of run "+line(c.Run)))
	shown := 0
	for _, i := range c.Items {
		switch {
		case i.Drift:
			s.printf("  %s %s\n      recorded %s\n      actual   %s\n", s.sign(wire.Change), line(i.Object), line(i.Recorded), s.paint(yellow, line(i.Actual)))
		case all:
			s.printf("  %s %s\n      %s\n", s.sign(wire.Use), line(i.Object), s.paint(dim, line(i.Recorded)))
		default:
			continue
		}
		shown++
	}
	if shown == 0 && len(c.Unread) == 0 {
		s.printf("  as recorded: %d things were looked at\n", len(c.Items))
	}
}

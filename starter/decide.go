package starter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/decision"
	"fermata/wire"
)

func reasonFlag() cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "why, for the record"}
}

func approveCommand() *cli.Command {
	return &cli.Command{
		Name: "approve", Usage: "let a planned run go on; you sign the plan that you are shown", ArgsUsage: "RUN",
		Description: "   fermata approve server/web-01\n   fermata approve --hash sha256:... --yes web-01\n\n" +
			"The plan's hash is computed here, from what is shown. Who asked for the run cannot approve it.",
		Flags: []cli.Flag{
			reasonFlag(),
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
			allFlag(),
			&cli.StringFlag{Name: "hash", Usage: "approve only if the plan has this `HASH`"},
		},
		Before: arguments(1, 1),
		Action: func(c *cli.Context) error {
			if !c.Bool("yes") && !term.IsTerminal(descriptor(os.Stdin)) {
				return usage("there is no terminal to ask on whether you approve.\n"+
					"Read the plan with `fermata show %s`, then approve it by its hash: fermata approve --yes --hash sha256:... %[1]s", c.Args().First())
			}
			return signing(approve)(c)
		},
	}
}

// approve shows the plan, asks, and signs the hash of what was shown.
func approve(ctx context.Context, s *session) error {
	t, p, err := s.planned(ctx)
	if err != nil {
		return err
	}
	if _, open := p.Gate(decision.Approve, ""); !open || p.Preview == nil {
		return noApproval(t, p)
	}
	shown := *p.Preview
	if shown.Hash, err = client.Hash(shown.Plan); err != nil {
		return err
	}
	if want := s.c.String("hash"); want != "" && want != shown.Hash {
		return refused("the plan's hash is %s, not %s: it is not the plan that you saw", shown.Hash, want)
	}
	if err := client.CheckMembers(shown); err != nil {
		return err
	}
	screen := s.screen.aside()
	screen.plan(shown)
	screen.printf("asked for by %s, run %s\n", line(p.Requester), line(p.Run))
	if shown.Hash != p.Preview.Hash {
		return refused("the server says that this plan's hash is %s, but it is %s: nothing was signed", p.Preview.Hash, shown.Hash)
	}
	if !s.c.Bool("yes") {
		yes, err := ask(ctx, screen, "approve this plan as "+line(s.person.Name)+"?")
		if err != nil {
			return err
		}
		if !yes {
			return refused("nothing was decided; `fermata reject %s` says no for good", t.workflowID)
		}
	}
	return s.send(ctx, client.Decision{
		WorkflowID: t.workflowID, Run: p.Run, Command: decision.Approve, Hash: shown.Hash, Reason: s.c.String("reason"),
	})
}

func noApproval(t target, p wire.Progress) error {
	text := t.workflowID + " waits for no approval: it is " + client.State(p)
	if p.Reason != "" {
		text += ": " + p.Reason
	}
	return fault.New(fault.Conflict, "%s\n`fermata show %s` tells more", text, t.workflowID)
}

// planned reads a run, and gives one that was just started the time to plan.
func (s *session) planned(ctx context.Context) (target, wire.Progress, error) {
	t, err := s.target(ctx, s.c.Args().First())
	if err != nil {
		return t, wire.Progress{}, err
	}
	watching, enough := context.WithCancel(ctx)
	defer enough()
	var last wire.Progress
	told := map[string]bool{} // Each once: a stop may come while it plans.
	tell := func(format string, args ...any) {
		if !told[format] {
			told[format] = true
			s.screen.aside().printf(format, args...)
		}
	}
	_, err = s.client.Watch(watching, t.workflowID, t.runID, func(p wire.Progress) {
		last = p
		if p.Phase != wire.Planning {
			enough()
			return
		}
		if p.Stopped != nil {
			tell("automation is stopped %s; %s goes on when it does (`fermata resume`)\n", stoppedBy(*p.Stopped), t.workflowID)
			return
		}
		tell("%s is planning ...\n", t.workflowID)
	}, func(err error) { tell("trying again: %s\n", line(err.Error())) })
	if ctx.Err() == nil && last.Run != "" && last.Phase != wire.Planning {
		err = nil
	}
	return t, last, err
}

// ask asks on the terminal. Anything but a yes is a no.
func ask(ctx context.Context, s screen, question string) (bool, error) {
	s.printf("%s [y/N] ", question)
	answer, err := await(ctx, func() (string, error) { return bufio.NewReader(os.Stdin).ReadString('\n') })
	if ctx.Err() != nil {
		s.printf("\n")
		return false, interrupted("interrupted: nothing was decided")
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

func (s *session) send(ctx context.Context, d client.Decision) error {
	result, err := s.client.Decide(ctx, d, s.person)
	if err != nil {
		return err
	}
	if written, err := s.screen.document(result); err != nil {
		return err
	} else if !written && result.Accepted {
		s.screen.printf("%s of %s by %s counts\n", d.Command, d.WorkflowID, line(s.person.Name))
		if result.Reason != "" {
			s.screen.printf("  %s\n", line(result.Reason))
		}
	}
	return s.verdict(result, fmt.Sprintf("%s by %s", d.Command, s.person.Name))
}

// counted tells that a decision counts, or that it does not.
func (s *session) counted(result wire.DecideResult, what string) error {
	if written, err := s.screen.document(result); err != nil {
		return err
	} else if !written && result.Accepted {
		s.screen.printf("%s counts\n", line(what))
	}
	return s.verdict(result, what)
}

func (s *session) verdict(result wire.DecideResult, what string) error {
	if !result.Accepted {
		return refused("%s does not count: %s (%s). The refusal is kept.", what, result.Reason, result.Code)
	}
	return nil
}

// steering is a command about a run, without or with a step.
func steering(c decision.Command, usageText, example, args string) *cli.Command {
	words := len(strings.Fields(args))
	least := words - strings.Count(args, "[")
	return &cli.Command{
		Name: string(c), Usage: usageText, ArgsUsage: args, Description: "   " + example, Flags: []cli.Flag{reasonFlag()},
		Before: arguments(least, words),
		Action: signing(func(ctx context.Context, s *session) error {
			t, err := s.target(ctx, s.c.Args().First())
			if err != nil {
				return err
			}
			d := client.Decision{WorkflowID: t.workflowID, Run: t.run, Command: c, Step: s.c.Args().Get(1), Reason: s.c.String("reason")}
			if words > 1 {
				if d, err = s.aboutStep(ctx, d); err != nil {
					return err
				}
			}
			return s.send(ctx, d)
		}),
	}
}

// aboutStep finds the held step that is meant: the only one, if none was named. It is never guessed, and it is that of the
// run that was looked at.
func (s *session) aboutStep(ctx context.Context, d client.Decision) (client.Decision, error) {
	p, err := s.client.Progress(ctx, d.WorkflowID, "")
	if err != nil {
		return d, err
	}
	if d.Run == "" {
		d.Run = p.Run
	}
	var held []string
	for _, g := range p.Gates {
		if g.Step != "" && slices.Contains(g.Commands, d.Command) {
			held = append(held, g.Step)
		}
	}
	switch {
	case d.Step != "" && !slices.Contains(held, d.Step):
		return d, fault.New(fault.Conflict, "step %q of %s waits for no %s; held are: %s", d.Step, d.WorkflowID, d.Command, none(held))
	case d.Step != "":
		return d, nil
	case len(held) == 0:
		return d, fault.New(fault.Conflict, "no step of %s waits for %s: it is %s", d.WorkflowID, d.Command, client.State(p))
	case len(held) > 1:
		return d, usage("which step? %d are held (%s): fermata %s %s STEP", len(held), strings.Join(held, ", "), d.Command, d.WorkflowID)
	}
	d.Step = held[0]
	return d, nil
}

func none(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func rejectCommand() *cli.Command {
	return steering(decision.Reject, "say no to a plan, for good", "fermata reject --reason 'not this week' web-01", "RUN")
}

func retryCommand() *cli.Command {
	return steering(decision.Retry, "try a held step again", "fermata retry web-01 application", "RUN [STEP]")
}

func skipCommand() *cli.Command {
	return steering(decision.Skip, "go on without a held step; a change of the plan, and recorded as one", "fermata skip --reason 'done by hand' web-01 application", "RUN STEP")
}

func undoCommand() *cli.Command {
	return steering(decision.Undo, "stop a run and take back what it did", "fermata undo web-01", "RUN")
}

func cancelCommand() *cli.Command {
	return steering(decision.Cancel, "stop a run that is no longer wanted; what it did is taken back", "fermata cancel web-01", "RUN")
}

func restoreCommand() *cli.Command {
	return steering(decision.Restore, "bring a decommissioned server back, within its grace period", "fermata restore web-01", "RUN")
}

func purgeCommand() *cli.Command {
	return steering(decision.Purge, "end the grace period and remove the server now", "fermata purge web-01", "RUN")
}

func serverName(text string) string { return strings.TrimPrefix(text, "server/") }

package starter

import (
	"bufio"
	"context"
	"fmt"
	"os"
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
			&cli.StringFlag{Name: "hash", Usage: "approve only if the plan has this `HASH`"},
		},
		Action: within(approve),
	}
}

func approve(ctx context.Context, s *session) error {
	workflowID, p, err := s.waiting(ctx)
	if err != nil {
		return err
	}
	if p.Preview == nil {
		return fault.New(fault.Conflict, "%s has no plan yet: it is %s", workflowID, p.Phase)
	}
	hash, err := client.Hash(p.Preview.Plan)
	if err != nil {
		return err
	}
	if want := s.c.String("hash"); want != "" && want != hash {
		return refused("the plan's hash is %s, not %s: it is not the plan that you saw", hash, want)
	}
	s.screen.plan(*p.Preview)
	s.screen.printf("asked for by %s\n", line(p.Requester))
	if !s.c.Bool("yes") {
		yes, err := ask("approve this plan?")
		if err != nil {
			return err
		}
		if !yes {
			return refused("nothing was decided; `fermata reject %s` says no for good", workflowID)
		}
	}
	return s.send(ctx, client.Decision{WorkflowID: workflowID, Command: decision.Approve, Hash: hash, Reason: s.c.String("reason")})
}

// waiting reads a run, and gives one that was just started the time to plan.
func (s *session) waiting(ctx context.Context) (string, wire.Progress, error) {
	text, err := one(s.c, "run")
	if err != nil {
		return "", wire.Progress{}, err
	}
	workflowID, runID, err := s.target(ctx, text)
	if err != nil {
		return "", wire.Progress{}, err
	}
	watching, enough := context.WithCancel(ctx)
	defer enough()
	var last wire.Progress
	_, err = s.client.Watch(watching, workflowID, runID, func(p wire.Progress) {
		last = p
		if p.Phase != wire.Planning {
			enough()
		}
	}, func(error) {})
	if ctx.Err() == nil && last.Run != "" {
		err = nil
	}
	return workflowID, last, err
}

// ask asks on the terminal. Without one nothing is assumed.
func ask(question string) (bool, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return false, usage("there is no terminal to ask %q on: read the plan with `fermata show`, then say --yes, best with --hash", question)
	}
	fmt.Printf("%s [y/N] ", question)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

func (s *session) send(ctx context.Context, d client.Decision) error {
	person, done, err := s.person()
	if err != nil {
		return err
	}
	defer func() { _ = done.Close() }()
	result, err := s.client.Decide(ctx, d, person)
	if err != nil {
		return err
	}
	if !result.Accepted {
		return refused("%s by %s does not count: %s (%s). The refusal is recorded.", d.Command, person.Name, result.Reason, result.Code)
	}
	if written, err := s.screen.document(result); written || err != nil {
		return err
	}
	s.screen.printf("%s of %s by %s counts\n", d.Command, d.WorkflowID, person.Name)
	return nil
}

// steering is a command about a run, without or with a step.
func steering(c decision.Command, usageText, example string, steps int) *cli.Command {
	args := "RUN"
	if steps > 0 {
		args = "RUN STEP"
	}
	return &cli.Command{
		Name: string(c), Usage: usageText, ArgsUsage: args, Description: "   " + example, Flags: []cli.Flag{reasonFlag()},
		Action: within(func(ctx context.Context, s *session) error {
			if s.c.NArg() < 1 || s.c.NArg() > 1+steps {
				return usage("expected fermata %s %s", c, args)
			}
			workflowID, _, err := s.target(ctx, s.c.Args().First())
			if err != nil {
				return err
			}
			d := client.Decision{WorkflowID: workflowID, Command: c, Step: s.c.Args().Get(1), Reason: s.c.String("reason")}
			if steps > 0 && d.Step == "" {
				if d.Step, err = s.onlyHeld(ctx, workflowID, c); err != nil {
					return err
				}
			}
			return s.send(ctx, d)
		}),
	}
}

// onlyHeld is the step that is held, if there is just one: which one is meant is never guessed.
func (s *session) onlyHeld(ctx context.Context, workflowID string, c decision.Command) (string, error) {
	p, err := s.client.Progress(ctx, workflowID, "")
	if err != nil {
		return "", err
	}
	var held []string
	for _, step := range p.Steps {
		if step.State == wire.StepHeld {
			held = append(held, step.ID)
		}
	}
	if len(held) != 1 {
		return "", usage("which step? %d are held (%s): fermata %s %s STEP", len(held), strings.Join(held, ", "), c, workflowID)
	}
	return held[0], nil
}

func rejectCommand() *cli.Command {
	return steering(decision.Reject, "say no to a plan, for good", "fermata reject --reason 'not this week' web-01", 0)
}

func retryCommand() *cli.Command {
	return steering(decision.Retry, "try a held step again", "fermata retry web-01 application", 1)
}

func skipCommand() *cli.Command {
	return steering(decision.Skip, "go on without a held step; a change of the plan, and recorded as one", "fermata skip --reason 'done by hand' web-01 application", 1)
}

func undoCommand() *cli.Command {
	return steering(decision.Undo, "stop a run and take back what it did", "fermata undo web-01", 0)
}

func cancelCommand() *cli.Command {
	return steering(decision.Cancel, "stop a run that is no longer wanted; what it did is taken back", "fermata cancel web-01", 0)
}

func restoreCommand() *cli.Command {
	return steering(decision.Restore, "bring a decommissioned server back, within its grace period", "fermata restore web-01", 0)
}

func purgeCommand() *cli.Command {
	return steering(decision.Purge, "end the grace period and remove the server now", "fermata purge web-01", 0)
}

func serverName(text string) string { return strings.TrimPrefix(text, "server/") }

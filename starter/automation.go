package starter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/decision"
	"fermata/wire"
)

func automationCommand() *cli.Command {
	return &cli.Command{
		Name: "automation", Usage: "show whether automation is stopped, what is under way, and what waits for a limit",
		Description: "   fermata automation\n   fermata -o json automation", Before: arguments(0, 0),
		Action: within(func(ctx context.Context, s *session) error {
			state, err := s.client.Automation(ctx)
			if fault.Is(err, fault.NotFound) {
				state, err = wire.GuardState{}, nil
			}
			if err != nil {
				return err
			}
			if done, err := s.screen.document(state); done || err != nil {
				return err
			}
			s.screen.automation(state)
			return nil
		}),
	}
}

func (s screen) automation(state wire.GuardState) {
	if stop := state.Stopped; stop != nil {
		s.printf("%s %s\n  $ fermata resume\n", s.paint(red, "stopped"), stoppedBy(*stop))
	} else {
		s.printf("%s\n", s.paint(green, "goes on"))
	}
	s.printf("permits given: %d; under way: %d\n", state.Permits, len(state.Runs))
	for _, name := range slices.Sorted(maps.Keys(state.LastHour)) {
		s.printf("  limit %-20s %d changes within the last hour\n", line(name), state.LastHour[name])
	}
	for _, w := range state.Waiting {
		s.printf("  %s waits: %s\n", line(w.WorkflowID), line(w.Why))
	}
}

// stoppedBy says since when, by whom and why; a reason is not asked for.
func stoppedBy(stop wire.Stopped) string {
	text := "since " + stop.Since.Local().Format(time.DateTime) + " by " + line(stop.By)
	if stop.Reason != "" {
		text += ": " + line(stop.Reason)
	}
	return text
}

func stopCommand() *cli.Command {
	return steerAll(decision.StopAutomation, "stop-automation", "let no run begin another step, until `fermata resume`",
		"fermata stop-automation --reason 'bad release'\n\nWhat is in the middle of a step finishes it; nothing is taken back. Runs can still be undone and cancelled.\n"+
			"Who may stop and resume says the policy file (spec.automation). Needs a policy file: without one, runs ask no guard.",
		func(ctx context.Context, c runs, reason string, p client.Person) (wire.DecideResult, error) {
			return c.StopAutomation(ctx, reason, p)
		})
}

func resumeCommand() *cli.Command {
	return steerAll(decision.ResumeAutomation, "resume", "let automation go on that was stopped", "fermata resume --reason 'mended'",
		func(ctx context.Context, c runs, reason string, p client.Person) (wire.DecideResult, error) {
			return c.ResumeAutomation(ctx, reason, p)
		})
}

func steerAll(command decision.Command, name, usageText, example string, do func(context.Context, runs, string, client.Person) (wire.DecideResult, error)) *cli.Command {
	return &cli.Command{
		Name: name, Usage: usageText, Description: "   " + example, Before: arguments(0, 0), Flags: []cli.Flag{reasonFlag()},
		Action: signing(func(ctx context.Context, s *session) error {
			if s.cfg.Decisions.Policy == "" {
				return usage("this installation has no policy file (spec.decisions.policy): its runs ask no guard, so nothing would stop")
			}
			result, err := do(ctx, s.client, s.c.String("reason"), s.person)
			if err != nil {
				return err
			}
			return s.counted(result, fmt.Sprintf("%s by %s", command, s.person.Name))
		}),
	}
}

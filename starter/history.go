package starter

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/wire"
)

func historyCommand() *cli.Command {
	return &cli.Command{
		Name: "history", Usage: "read what was recorded: who did what, when, and whose signature said so", ArgsUsage: "[NAME|RUN]",
		Description: "   fermata history\n   fermata history web-01\n   fermata history --verify\n   fermata history --envelopes ./evidence 01J...\n\n" +
			"Records outlive Temporal's histories. --verify walks the whole chain of hashes.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "verify", Usage: "walk the chain of all records; exit code 3 if it is broken"},
			&cli.StringFlag{Name: "envelopes", Usage: "write the signed decisions to `FOLDER`, to check them with ssh-keygen"},
		},
		Before: arguments(0, 1),
		Action: within(history),
	}
}

func history(ctx context.Context, s *session) error {
	find := record.FindInput{}
	text := s.c.Args().First()
	if ulidForm.MatchString(text) {
		find.Run = text
	} else if text != "" {
		find.Owner = operation.Owner(workflowIDOf(text))
	}
	out, err := s.client.Records(ctx, find, s.c.Bool("verify"))
	if err != nil {
		return err
	}
	if out.Entries == nil {
		out.Entries = []record.Entry{} // A list without records is [], not null.
	}
	if done, err := s.screen.document(out); err != nil {
		return err
	} else if !done {
		if err := s.tellRecords(out.Entries); err != nil {
			return err
		}
	}
	if err := s.export(out.Entries); err != nil {
		return err
	}
	if out.Broken != "" {
		return refused("the chain of records is broken: %s", out.Broken)
	}
	if s.c.Bool("verify") {
		s.screen.aside().printf("verified: %s, each names the hash of the one before\n", counted(out.Verified, "record"))
	}
	if text != "" && len(out.Entries) == 0 {
		return coded{code: exitNotFound, text: "nothing is recorded of " + text + ": `fermata history` lists what is; a run that goes on has no record yet"}
	}
	return nil
}

func (s *session) tellRecords(entries []record.Entry) error {
	if len(entries) == 0 && s.c.NArg() == 0 {
		s.screen.printf("no records\n")
		return nil
	}
	if s.c.NArg() > 0 {
		for _, e := range entries {
			if err := s.tellRecord(e); err != nil {
				return err
			}
		}
		return nil
	}
	var rows [][]string
	for _, e := range entries {
		r, err := recordOf(e)
		if err != nil {
			return err
		}
		rows = append(rows, []string{
			strconv.Itoa(e.Sequence), line(string(r.Owner)), line(r.Kind), line(r.Outcome), line(r.Requester),
			r.Ended.Local().Format(time.DateTime), line(r.Run),
		})
	}
	return s.screen.table([]string{"NO", "OWNER", "KIND", "OUTCOME", "BY", "ENDED", "RUN"}, rows, "BY", "ENDED", "KIND")
}

func recordOf(e record.Entry) (record.Record, error) {
	var r record.Record
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return r, fmt.Errorf("reading record %d: %w", e.Sequence, err)
	}
	return r, nil
}

// tellRecord tells one run's whole story.
func (s *session) tellRecord(e record.Entry) error {
	r, err := recordOf(e)
	if err != nil {
		return err
	}
	s.screen.printf("\n%s %s: %s\n", s.screen.paint(bold, line(r.Kind)), line(string(r.Owner)), line(r.Outcome))
	s.screen.printf("  record %d %s\n  run %s, asked for by %s, %s to %s\n", e.Sequence, line(e.Hash), line(r.Run), line(r.Requester),
		r.Started.Local().Format(time.DateTime), r.Ended.Local().Format(time.DateTime))
	if r.Reason != "" {
		s.screen.printf("  reason: %s\n", line(r.Reason))
	}
	if r.PlanHash != "" {
		s.screen.printf("  plan %s\n", line(r.PlanHash))
	}
	var steps []wire.Step
	if err := json.Unmarshal(r.Steps, &steps); err != nil {
		return fmt.Errorf("reading the steps of record %d: %w", e.Sequence, err)
	}
	for _, step := range steps {
		s.screen.printf("  %s %-36s %s\n", s.screen.symbol(step.State), line(step.Title), line(string(step.State)))
		if step.Reason != nil && step.State != wire.StepDone {
			s.screen.printf("      %s\n", s.screen.paint(yellow, line(step.Reason.Text)))
		}
		for _, l := range step.Result {
			s.screen.printf("      %s\n", s.screen.paint(dim, line(l)))
		}
	}
	for _, l := range r.LeftBehind {
		s.screen.printf("  %s %s\n", s.screen.paint(red, "left behind:"), line(l))
	}
	return s.tellDecisions(r)
}

func (s *session) tellDecisions(r record.Record) error {
	kept, err := decisionsOf(r)
	if err != nil {
		return err
	}
	for _, d := range kept.Decisions {
		s.screen.printf("  %s\n", s.screen.decision(d))
	}
	if kept.Refused > 0 {
		s.screen.printf("  %s refused in all\n", were(kept.Refused, "decision"))
	}
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func were(n int, what string) string {
	if n == 1 {
		return counted(n, what) + " was"
	}
	return counted(n, what) + " were"
}

type decisions struct {
	Decisions []wire.Judged `json:"decisions"`
	Refused   int           `json:"refused"`
}

func decisionsOf(r record.Record) (decisions, error) {
	var kept decisions
	if err := json.Unmarshal(r.Decisions, &kept); err != nil {
		return kept, fmt.Errorf("reading the decisions of run %s: %w", r.Run, err)
	}
	return kept, nil
}

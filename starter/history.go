package starter

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/decision"
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
		Action: within(history),
	}
}

func history(ctx context.Context, s *session) error {
	find := record.FindInput{}
	if text := s.c.Args().First(); ulidForm.MatchString(text) {
		find.Run = text
	} else if text != "" {
		find.Owner = operation.Owner(workflowIDOf(text))
	}
	out, err := s.client.Records(ctx, find, s.c.Bool("verify"))
	if err != nil {
		return err
	}
	if done, err := s.screen.document(out); err != nil {
		return err
	} else if !done {
		if err := s.tellRecords(out.Entries); err != nil {
			return err
		}
	}
	if !s.c.Bool("verify") {
		return nil
	}
	if out.Broken != "" {
		return refused("the chain of records is broken: %s", out.Broken)
	}
	if s.screen.form == "table" {
		s.screen.printf("\nverified: %d records, each names the hash of the one before\n", out.Verified)
	}
	return nil
}

func (s *session) tellRecords(entries []record.Entry) error {
	if len(entries) == 0 {
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
	w := tabwriter.NewWriter(s.screen.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "NO\tOWNER\tKIND\tOUTCOME\tBY\tENDED\tRUN")
	for _, e := range entries {
		r, err := recordOf(e)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Sequence, line(string(r.Owner)), line(r.Kind), line(r.Outcome), line(r.Requester), r.Ended.Local().Format(time.DateTime), line(r.Run))
	}
	return w.Flush()
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
	s.screen.printf("  record %d %s\n  run %s, asked for by %s, %s to %s\n", e.Sequence, e.Hash, line(r.Run), line(r.Requester),
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
	var kept struct {
		Decisions []wire.Judged `json:"decisions"`
		Refused   int           `json:"refused"`
	}
	if err := json.Unmarshal(r.Decisions, &kept); err != nil {
		return fmt.Errorf("reading the decisions of run %s: %w", r.Run, err)
	}
	for i, d := range kept.Decisions {
		verdict := s.screen.paint(green, "counts")
		if !d.Verdict.Accepted {
			verdict = s.screen.paint(red, "refused: "+line(d.Verdict.Reason))
		}
		s.screen.printf("  %-8s by %s at %s, key %s: %s\n", line(string(d.Verdict.Envelope.Command)), line(d.Verdict.Envelope.Person),
			d.Verdict.At.Local().Format(time.DateTime), line(d.Verdict.Fingerprint), verdict)
		if err := s.export(r.Run, i, d); err != nil {
			return err
		}
	}
	return nil
}

// export writes a decision so that ssh-keygen can check it, and prints how.
func (s *session) export(run string, i int, d wire.Judged) error {
	folder := s.c.String("envelopes")
	if folder == "" || len(d.Signed.Envelope) == 0 {
		return nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making %s: %w", folder, err)
	}
	base := filepath.Join(folder, fmt.Sprintf("%s-%02d", run, i+1))
	if err := os.WriteFile(base+".json", d.Signed.Envelope, 0o600); err != nil {
		return fmt.Errorf("writing the envelope: %w", err)
	}
	if err := os.WriteFile(base+".json.sig", []byte(d.Signed.Signature), 0o600); err != nil {
		return fmt.Errorf("writing the signature: %w", err)
	}
	s.screen.printf("      ssh-keygen -Y verify -f %s -I %s -n %s -s %s.json.sig < %s.json\n", s.cfg.Decisions.AllowedSigners, line(d.Verdict.Envelope.Person), decision.Namespace, base, base)
	return nil
}

package starter

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/record"
	"fermata/client/story"
	"fermata/wire"
)

func historyCommand() *cli.Command {
	return &cli.Command{
		Name: "history", Usage: "tell who did what, when, and whose signature said so, and verify it again", ArgsUsage: "[NAME|RUN]",
		Description: "   fermata history                                  what is recorded\n" +
			"   fermata history web-01                           all runs of a server, also one that goes on\n" +
			"   fermata history 01J...                           one run\n" +
			"   fermata history --html web-01.html web-01        a page to keep: no script, nothing from elsewhere\n" +
			"   fermata -o json history web-01\n" +
			"   fermata history --verify\n" +
			"   fermata history --envelopes ./evidence 01J...\n\n" +
			"Records outlive Temporal's histories. Each signature is verified again, at the time of its decision, with the files that\n" +
			"this machine has (spec.decisions: allowedSigners, revoked, policy), and the hashes of plan, document and record are\n" +
			"computed again. What is not found as it is recorded is said, and the exit code is 11. --verify walks the whole chain of\n" +
			"records. The times of a run are UTC.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "verify", Usage: "walk the chain of all records; exit code 3 if it is broken"},
			&cli.StringFlag{Name: "envelopes", Usage: "write the signed decisions to `FOLDER`, to check them with ssh-keygen"},
			&cli.StringFlag{Name: "html", Usage: "write one self-contained page to `FILE`, or to standard output if that is -"},
			&cli.BoolFlag{Name: "force", Usage: "let --html replace a file that is there"},
		},
		Before: func(c *cli.Context) error {
			if c.String("html") != "" && c.NArg() == 0 {
				return usage("--html is about one server or run: fermata history --html FILE NAME")
			}
			return arguments(0, 1)(c)
		},
		Action: within(history),
	}
}

// chronicle is the answer about a server or a run. The fields of wire.RecordsOutput are the records as they are stored.
type chronicle struct {
	wire.RecordsOutput
	Runs []*story.Story `json:"runs"`
	// Unasked says why the run itself could not be asked, if so: a run that goes on may be missing then.
	Unasked string `json:"unasked,omitempty"`
}

func history(ctx context.Context, s *session) error {
	text := s.c.Args().First()
	if text == "" {
		return s.listRecords(ctx)
	}
	answer, err := s.chronicle(ctx, text)
	if err != nil {
		return err
	}
	if err := s.tellAll(answer); err != nil {
		return err
	}
	if answer.Unasked != "" {
		s.beside().printf("\nThe run itself could not be asked, so one that goes on may be missing: %s\n", line(answer.Unasked))
	}
	if err := s.export(answer.Entries); err != nil {
		return err
	}
	if err := s.chain(answer.RecordsOutput); err != nil {
		return err
	}
	if len(answer.Runs) == 0 {
		return coded{code: exitNotFound, text: "nothing is known of " + text + ": there is no record, and Temporal has no such run; `fermata history` lists what is recorded"}
	}
	return unverified(answer.Runs)
}

// chronicle asks the run first and the records then: a run that has ended meanwhile has its record.
func (s *session) chronicle(ctx context.Context, text string) (chronicle, error) {
	progress, unasked := s.asked(ctx, text)
	find := record.FindInput{Owner: operation.Owner(workflowIDOf(text))}
	if ulidForm.MatchString(text) {
		find = record.FindInput{Run: text}
	}
	answer := chronicle{Runs: []*story.Story{}}
	var err error
	if answer.RecordsOutput, err = s.client.Records(ctx, find, s.c.Bool("verify")); err != nil {
		return answer, err
	}
	if unasked != nil {
		if len(answer.Entries) == 0 {
			return answer, unasked
		}
		answer.Unasked = unasked.Error() // What is recorded stands by itself.
	}
	if answer.Entries == nil {
		answer.Entries = []record.Entry{} // A list without records is [], not null.
	}
	return answer, answer.read(progress, s.judge())
}

// asked asks the run itself. Nil: Temporal does not know it, or not any more.
func (s *session) asked(ctx context.Context, text string) (*wire.Progress, error) {
	t, err := s.target(ctx, text)
	if err == nil {
		var p wire.Progress
		if p, err = s.client.Progress(ctx, t.workflowID, t.runID); err == nil {
			return &p, nil
		}
	}
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // The record is enough.
	}
	return nil, err
}

// read tells each run, the one that goes on last.
func (c *chronicle) read(progress *wire.Progress, by story.Judge) error {
	tell := func(e *record.Entry, p *wire.Progress) error {
		told, err := story.Tell(e, p, by)
		if err != nil {
			return coded{code: exitUnverified, text: err.Error() + ": it was changed, or written by a newer program"}
		}
		c.Runs = append(c.Runs, told)
		return nil
	}
	for i := range c.Entries {
		var p *wire.Progress
		if progress != nil && runOf(c.Entries[i]) == progress.Run {
			p, progress = progress, nil
		}
		if err := tell(&c.Entries[i], p); err != nil {
			return err
		}
	}
	if progress == nil {
		return nil
	}
	return tell(nil, progress)
}

func runOf(e record.Entry) string {
	var head struct {
		Run string `json:"run"`
	}
	_ = json.Unmarshal(e.Record, &head) // Who cannot be read is told of when it is told.
	return head.Run
}

// unverified is the error of what is not found as it is recorded.
func unverified(runs []*story.Story) error {
	var texts []string
	for _, told := range runs {
		for _, f := range told.Findings {
			if !f.OK {
				texts = append(texts, fmt.Sprintf("  run %s: %s: %s", line(told.Run), f.What, line(f.Text)))
			}
		}
	}
	if len(texts) == 0 {
		return nil
	}
	return coded{code: exitUnverified, text: "NOT VERIFIED: what is recorded is not found again:\n" + strings.Join(texts, "\n")}
}

// chain says what came of walking the chain of all records.
func (s *session) chain(out wire.RecordsOutput) error {
	if out.Broken != "" {
		return refused("the chain of records is broken: %s", out.Broken)
	}
	if s.c.Bool("verify") {
		s.beside().printf("verified: %s, each names the hash of the one before\n", counted(out.Verified, "record"))
	}
	return nil
}

func recordOf(e record.Entry) (record.Record, error) {
	var r record.Record
	if err := json.Unmarshal(e.Record, &r); err != nil {
		return r, fmt.Errorf("reading record %d: %w", e.Sequence, err)
	}
	return r, nil
}

func decisionsOf(r record.Record) (story.Kept, error) {
	var kept story.Kept
	if err := json.Unmarshal(r.Decisions, &kept); err != nil {
		return kept, fmt.Errorf("reading the decisions of run %s: %w", r.Run, err)
	}
	return kept, nil
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

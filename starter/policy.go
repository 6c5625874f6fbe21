package starter

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/config"
	"fermata/decision"
	"fermata/wire"
)

func policyCommand() *cli.Command {
	return &cli.Command{
		Name: "policy", Usage: "check a policy file, and ask it who may do what",
		Subcommands: []*cli.Command{policyCheckCommand(), policyTestCommand()},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usage("there is no command \"policy %s\"; `fermata policy --help` lists them", line(c.Args().First()))
			}
			return cli.ShowSubcommandHelp(c)
		},
	}
}

func policyCheckCommand() *cli.Command {
	return &cli.Command{
		Name: "check", Usage: "check a policy file; asks no server", ArgsUsage: "FILE",
		Description: "   fermata policy check policy.yaml",
		Before:      arguments(1, 1),
		Action: func(c *cli.Context) error {
			rules, err := readPolicy(c.Args().First())
			if err != nil {
				return err
			}
			newScreen(c).printf("%s is fine: %s\n", line(c.Args().First()), rules.Hash())
			return nil
		},
	}
}

func readPolicy(file string) (*decision.Rules, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, usage("reading the policy: %v", err)
	}
	return decision.ParseRules(file, data)
}

func policyTestCommand() *cli.Command {
	return &cli.Command{
		Name: "test", Usage: "who could approve this plan? would this decision count?", ArgsUsage: "FILE|RUN",
		Description: "FILE is a spec: no server is asked. RUN is a run that waits.\n\n" +
			"   fermata policy test examples/web-server.yaml\n" +
			"   fermata policy test --policy new.yaml examples/web-server.yaml      before it is put in force\n" +
			"   fermata policy test --person bob@example.net --command approve examples/web-server.yaml\n" +
			"   fermata policy test --envelope approval.json web-01                 approval.json.sig beside it\n\n" +
			"With --person or --envelope the exit code is 0 if the decision would count, and 3 if not.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "policy", Usage: "policy `FILE` instead of the installation's"},
			&cli.StringFlag{Name: "requester", Usage: "the `PERSON` who asks (default for a run: who did)"},
			&cli.BoolFlag{Name: "emergency", Usage: "as an emergency change"},
			&cli.StringFlag{Name: "kind", Value: wire.ProvisionServer, Usage: "workflow `TYPE` that the spec is for"},
			&cli.StringFlag{Name: "person", Usage: "would a decision of this `PERSON` count?"},
			&cli.StringFlag{Name: "command", Value: string(decision.Approve), Usage: "the `COMMAND` that the person gives"},
			&cli.DurationFlag{Name: "after", Usage: "so long after the gate opened, for escalations"},
			&cli.StringFlag{Name: "envelope", Usage: "a signed decision in `FILE`, its signature in FILE.sig; needs a RUN"},
		},
		Before: arguments(1, 1),
		Action: func(c *cli.Context) error {
			if _, err := os.Stat(c.Args().First()); err == nil {
				return testFile(c)
			}
			if strings.HasSuffix(c.Args().First(), ".yaml") {
				return usage("there is no file %s", c.Args().First())
			}
			return within(testRun)(c)
		},
	}
}

// trial is a policy put to a question.
type trial struct {
	c       *cli.Context
	screen  screen
	cfg     *config.Installation
	rules   *decision.Rules
	signers *decision.AllowedSigners
}

func newTrial(c *cli.Context, cfg *config.Installation) (*trial, error) {
	t := &trial{c: c, screen: newScreen(c), cfg: cfg}
	var err error
	if file := c.String("policy"); file != "" {
		t.rules, err = readPolicy(file)
	} else {
		t.rules, err = localRules(cfg)
	}
	if err != nil {
		return nil, err
	}
	if t.rules == nil {
		return nil, usage("this installation has no policy file (spec.decisions.policy): every allowed signer may give every command, " +
			"and one person other than the requester must approve. Name a file with --policy")
	}
	t.signers, err = allowedSigners(cfg)
	return t, err
}

func testFile(c *cli.Context) error {
	cfg, err := load(c)
	if err != nil {
		return err
	}
	m, err := readMetadata(c.Args().First())
	if err != nil {
		return err
	}
	if c.String("envelope") != "" {
		return usage("--envelope needs a RUN: a decision is for the gate of one run")
	}
	t, err := newTrial(c, cfg)
	if err != nil {
		return err
	}
	return t.answer(decision.Facts{
		Kind: c.String("kind"), Environment: m.Environment, Site: m.Site,
		Requester: c.String("requester"), Emergency: c.Bool("emergency"),
	})
}

func testRun(ctx context.Context, s *session) error {
	t, err := newTrial(s.c, s.cfg)
	if err != nil {
		return err
	}
	where, p, err := s.planned(ctx)
	if err != nil {
		return err
	}
	if p.Facts == nil {
		return usage("%s runs without a policy file", where.workflowID)
	}
	if file := s.c.String("envelope"); file != "" {
		return t.judge(file, p)
	}
	return t.answer(*p.Facts)
}

// answer says who may do what, or whether one decision would count.
func (t *trial) answer(f decision.Facts) error {
	terms := t.rules.Terms(f)
	if person := t.c.String("person"); person != "" {
		return t.wouldCount(terms, f, person)
	}
	if done, err := t.screen.document(terms); done || err != nil {
		return err
	}
	t.screen.terms(terms, f, t.signers)
	if terms.Rule == "" {
		return refused("no rule of the policy matches: nobody may do anything")
	}
	return nil
}

func (t *trial) wouldCount(terms *decision.Terms, f decision.Facts, person string) error {
	command := decision.Command(t.c.String("command"))
	if !command.Known() {
		return usage("--command: there is no command %q", command)
	}
	opened := time.Unix(0, 0)
	code, reason := terms.Refuses(person, command, terms.Escalated(opened, opened.Add(t.c.Duration("after"))))
	if code == "" && command == decision.Approve && fourEyes(terms) && strings.EqualFold(person, f.Requester) {
		reason = person + " asks for the run, so somebody else must approve it"
	}
	if reason != "" {
		return refused("it would not count: %s", reason)
	}
	if !t.signers.Knows(person) {
		return refused("it would not count: no line of %s is for %s", t.cfg.Decisions.AllowedSigners, person)
	}
	text := "it would count"
	if command == decision.Approve && terms.Quorum > 1 {
		text += fmt.Sprintf("; %d people must approve", terms.Quorum)
	}
	t.screen.printf("%s, if %s signs it with a key of allowed_signers\n", text, line(person))
	return nil
}

// fourEyes reports whether who asked for a run cannot approve it. What was done in an emergency is never reviewed by who
// did it.
func fourEyes(t *decision.Terms) bool { return t.FourEyes || t.Review != nil }

// judge puts a signed decision before the same judge as a run does, with the files of this machine.
func (t *trial) judge(file string, p wire.Progress) error {
	envelope, err := os.ReadFile(file)
	if err != nil {
		return usage("reading the envelope: %v", err)
	}
	signature, err := os.ReadFile(file + ".sig")
	if err != nil {
		return usage("reading the signature: %v", err)
	}
	e, err := decision.Parse(envelope)
	if err != nil {
		return refused("it would not count: %v", err)
	}
	policy, err := localPolicy(t.cfg, t.signers)
	if err != nil {
		return err
	}
	policy.Cluster, policy.Namespace, policy.Rules = p.Cluster, p.Namespace, t.rules
	for _, g := range p.Gates {
		if g.ID != e.Gate {
			continue
		}
		v := policy.Judge(decision.Signed{Envelope: envelope, Signature: string(signature)}, decision.Expectation{
			WorkflowID: p.WorkflowID, Run: p.Run, Gate: g.ID, Nonce: g.Nonce, Hash: g.Hash, Commands: g.Commands, Step: g.Step,
			Facts: *p.Facts, Opened: g.Opened,
		}, time.Now())
		if !v.Accepted {
			return refused("it would not count: %s (%s)", v.Reason, v.ReasonCode)
		}
		if e.Command == decision.Approve && fourEyes(t.rules.Terms(*p.Facts)) && strings.EqualFold(e.Person, p.Requester) {
			return refused("it would not count: %s asked for the run, so somebody else must approve it", e.Person)
		}
		t.screen.printf("it would count: %s by %s, by rule %q\n", e.Command, line(e.Person), v.Rule)
		return nil
	}
	return refused("it would not count: no gate %q is open", e.Gate)
}

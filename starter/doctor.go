package starter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/client"
	"fermata/config"
	"fermata/decision"
	"fermata/wire"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name: "doctor", Usage: "check every system and credential, and say how to mend what is wrong",
		Description: "   fermata doctor\n   fermata -o json doctor\n   fermata --key ~/.ssh/id_ed25519 doctor      also: what may I do?",
		Before:      arguments(0, 0),
		Action: func(c *cli.Context) error {
			s := newScreen(c)
			if err := s.checkOutput(); err != nil {
				return err
			}
			e := &examination{c: c}
			e.examine()
			if done, err := s.document(e.findings); err != nil {
				return err
			} else if !done {
				s.findings(e.findings)
			}
			if e.code != exitOK {
				return coded{code: e.code}
			}
			return nil
		},
	}
}

func (s screen) findings(findings []wire.Observation) {
	for _, f := range findings {
		mark := s.paint(green, "ok ")
		if !f.OK {
			mark = s.paint(red, "NO ")
		}
		for i, l := range strings.Split(clean(f.Text), "\n") {
			if i == 0 {
				s.printf("%s %-24s %s\n", mark, line(f.Name), line(l))
				continue
			}
			s.raw(fmt.Sprintf("    %-24s %s\n", "", line(l))) // It may be a command, to be copied.
		}
	}
}

// examination looks at one thing after the other, as far as it gets.
type examination struct {
	c        *cli.Context
	cfg      *config.Installation
	findings []wire.Observation
	code     int // Exit code of the first thing that is wrong.
}

// note adds a finding, with what to do about an error, and reports whether it is fine.
func (e *examination) note(name string, err error, format string, args ...any) bool {
	if err == nil {
		e.findings = append(e.findings, wire.Observation{Name: name, Text: fmt.Sprintf(format, args...), OK: true})
		return true
	}
	code, advice := meaning(err)
	text := err.Error()
	if advice != "" && !strings.Contains(advice, "doctor") {
		text += "\nWhat to do: " + advice
	}
	e.wrong(wire.Observation{Name: name, Text: text}, code)
	return false
}

func (e *examination) wrong(o wire.Observation, code int) {
	e.findings = append(e.findings, o)
	if e.code == exitOK {
		e.code = code
	}
}

func (e *examination) examine() {
	var err error
	if e.cfg, err = load(e.c); err != nil {
		e.note("configuration", err, "")
		return
	}
	e.note("configuration", nil, "installation %s", e.cfg.Name)
	allowed, err := allowedSigners(e.cfg)
	if err == nil && allowed.Size() == 0 {
		err = errors.New(e.cfg.Decisions.AllowedSigners + " has no line: nobody can start or approve anything; add one for each person")
	}
	if e.note("allowed signers", err, "%d keys in %s", size(allowed), e.cfg.Decisions.AllowedSigners) {
		may, err := e.may(allowed)
		e.note("your key", err, "%s", may)
	}
	e.policy()
	options, err := connection(e.c, e.cfg)
	if !e.note("encryption key", err, "key %s can be read", e.cfg.Encryption.Active) {
		return
	}
	connected, err := dial(e.c, options)
	if err != nil {
		err = fmt.Errorf("%w\nWhat to do: start Temporal, or correct spec.temporal (address, profile, TLS)", err)
	}
	if !e.note("Temporal", err, "answers") {
		return
	}
	defer connected.Close()
	if e.note("search attributes", e.attributes(connected), "are registered") {
		e.systems(e.c.Context, connected)
	}
}

// policy looks whether the policy file can be read, and whether there are the systems that its groups are told by.
func (e *examination) policy() {
	rules, err := localRules(e.cfg)
	if err != nil || rules == nil {
		e.note("policy", err, "there is no file (spec.decisions.policy): every signer may give every command, nobody is told of anything")
		return
	}
	var missing []string
	for _, a := range rules.Addresses() {
		if !e.tells(a.System) {
			missing = append(missing, fmt.Sprintf("group %s is told by %q, which is no system of type smtp or webhook in spec.systems", a.Group, a.System))
		}
	}
	if len(missing) > 0 {
		err = usage("%s", strings.Join(missing, "\n"))
	}
	e.note("policy", err, "%s is %s", e.cfg.Decisions.Policy, rules.Hash())
}

// tells reports whether there is such a system, of a type that tells people something or that is not known here.
func (e *examination) tells(name string) bool {
	return slices.ContainsFunc(e.cfg.Systems, func(s config.System) bool {
		capabilities, known := served[s.Type]
		return s.Name == name && (!known || slices.Contains(capabilities, "notify"))
	})
}

func size(a *decision.AllowedSigners) int {
	if a == nil {
		return 0
	}
	return a.Size()
}

func (e *examination) attributes(connected runs) error {
	missing, err := connected.MissingAttributes(e.c.Context)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	text := "temporal operator search-attribute create"
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		text += fmt.Sprintf(" --name %s --type %s", name, missing[name])
	}
	return fmt.Errorf("search attributes are missing\nWhat to do: %s", text)
}

// may says what the person at the keyboard may do, by the files as this machine has them. It signs one envelope, which is
// for no installation and never leaves this function.
func (e *examination) may(allowed *decision.AllowedSigners) (string, error) {
	s := &session{c: e.c, cfg: e.cfg}
	person, done, err := s.identify()
	if err != nil {
		return "", err
	}
	defer func() { _ = done.Close() }()
	policy, err := localPolicy(e.cfg, allowed)
	if err != nil {
		return "", err
	}
	hash, err := decision.Hash("doctor")
	if err != nil {
		return "", err
	}
	now := time.Now().UTC().Truncate(time.Second)
	signed, err := decision.Sign(decision.Envelope{
		Version: decision.Version, Cluster: nowhere, Namespace: nowhere, WorkflowID: nowhere, Run: client.NewRun(),
		Gate: decision.StartGate, Nonce: decision.NewNonce(), Command: decision.Start, Hash: hash, Person: person.Name,
		Issued: now, Expires: now.Add(time.Minute),
	}, person.Signer)
	if err != nil {
		return "", fmt.Errorf("signing as %s: %w", person.Name, err)
	}
	rules, err := localRules(e.cfg)
	if err != nil {
		return "", err
	}
	return judge(policy, rules, signed, now)
}

// nowhere is where doctor's envelope is for. No installation has a dot in its name.
const nowhere = "doctor.nowhere"

func localPolicy(cfg *config.Installation, allowed *decision.AllowedSigners) (decision.Policy, error) {
	policy := decision.Policy{Cluster: nowhere, Namespace: nowhere, Signers: allowed}
	if cfg.Decisions.Revoked == "" {
		return policy, nil
	}
	file, err := os.Open(cfg.Decisions.Revoked)
	if err != nil {
		return policy, fmt.Errorf("reading revoked keys (spec.decisions.revoked): %w", err)
	}
	defer func() { _ = file.Close() }()
	if policy.Revoked, err = decision.ParseRevoked(file); err != nil {
		return policy, fmt.Errorf("reading %s: %w", cfg.Decisions.Revoked, err)
	}
	return policy, nil
}

// judge says whether the signature counts, and what the rules then let its person do.
func judge(policy decision.Policy, rules *decision.Rules, signed decision.Signed, at time.Time) (string, error) {
	envelope, err := decision.Parse(signed.Envelope)
	if err != nil {
		return "", err
	}
	want := decision.Expectation{
		WorkflowID: envelope.WorkflowID, Run: envelope.Run, Gate: envelope.Gate, Hash: envelope.Hash,
		Commands: []decision.Command{decision.Start},
	}
	if v := policy.Judge(signed, want, at); !v.Accepted {
		return "", fault.New(fault.Unauthorized, "a signature by %s does not count: %s", envelope.Person, v.Reason)
	}
	text := "you are " + envelope.Person
	if rules == nil {
		return text + "; you may give every command: there is no policy file (spec.decisions.policy)", nil
	}
	for _, rule := range rules.Abilities(envelope.Person) {
		text += fmt.Sprintf("\nrule %s: you may %s", rule.Rule, none(names(rule.Commands)))
	}
	return text, nil
}

func names(commands []decision.Command) []string {
	out := make([]string, len(commands))
	for i, c := range commands {
		out[i] = string(c)
	}
	return out
}

func (e *examination) systems(ctx context.Context, connected runs) {
	refs := []wire.SystemRef{{Name: "store", Capability: "record"}}
	for _, system := range e.cfg.Systems {
		capabilities, known := served[system.Type]
		if !known {
			e.note(system.Name, nil, "type %s is an integration of your own, which doctor does not know", system.Type)
			continue
		}
		for _, capability := range capabilities {
			refs = append(refs, wire.SystemRef{Name: system.Name, Capability: capability, Site: system.Site})
		}
	}
	findings, err := connected.Check(ctx, refs)
	if err != nil {
		e.note("workers", err, "")
		return
	}
	for _, f := range findings {
		if f.OK {
			e.findings = append(e.findings, f)
			continue
		}
		e.wrong(f, exitUnavailable)
	}
}

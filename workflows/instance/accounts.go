package instance

import (
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/directory"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps of accounts. They stand in keys of objects in the field: never rename one.
const (
	stepAccount   = "account/"   // And the name of the local account.
	stepDirectory = "directory/" // And the directory, a slash where it has a name, and the account.
)

// localAccounts are one step each. They go with the instance.
func (p *instance) localAccounts(f *run.Frame) []runbook.Planned {
	g := p.guest(f)
	var steps []runbook.Planned
	for _, a := range p.spec.Spec.Accounts.Local {
		steps = append(steps, runbook.Planned{
			Step: run.Step{
				ID: stepAccount + a.Name, Title: "make account " + a.Name, After: []string{runbook.StepSystem}, Reversal: run.WithMachine,
				Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
					h, err := g.Host()
					if err != nil {
						return run.Result{}, err
					}
					out, err := guest.MakeAccount(ctx, guest.MakeAccountInput{System: p.spec.Spec.Access.System, Op: op, Host: h, Account: guest.Account{
						Name: a.Name, Groups: a.Groups, Keys: a.Keys, Sudo: a.Sudo, Shell: a.Shell, Expires: a.Expires.Moment(),
					}})
					return run.Result{Output: out.Changes, Lines: out.Changes}, err
				},
			},
			Action: wire.Create, Object: "account " + a.Name + " on the instance", Detail: localDetail(a),
		})
	}
	return steps
}

func localDetail(a spec.LocalAccount) []string {
	lines := []string{
		"groups: " + orNone(a.Groups), "as root: " + orNone(a.Sudo), "logs in with: " + orNone(namesOfKeys(a.Keys)),
	}
	return append(lines, expiryDetail(a.Expires)...)
}

// namesOfKeys are the comments of public keys, or their kinds where they have none.
func namesOfKeys(keys []string) []string {
	var names []string
	for _, key := range keys {
		words := strings.Fields(key)
		name := words[0] + " key"
		if len(words) > 2 {
			name += " " + strings.Join(words[2:], " ")
		}
		names = append(names, name)
	}
	return names
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

func expiryDetail(t spec.Time) []string {
	if t == "" {
		return nil
	}
	return []string{"disabled at " + string(t)}
}

func directoryStep(a spec.DirectoryAccount) string {
	if a.System == "" {
		return stepDirectory + a.Name
	}
	return stepDirectory + a.System + "/" + a.Name
}

// directoryAccounts are one step each. People get theirs once there is something to log in to.
func (p *instance) directoryAccounts() []runbook.Planned {
	after := append(p.inner(), runbook.StepHealth)
	for _, device := range runbook.Firewalls(p.spec.Spec.Firewall) {
		after = append(after, runbook.FirewallStep(device))
	}
	var steps []runbook.Planned
	for _, a := range p.spec.Spec.Accounts.Directory {
		steps = append(steps, runbook.Planned{
			Step: run.Step{
				ID: directoryStep(a), Title: "make account " + a.Name + " in the " + runbook.System("directory", a.System), After: after, Reversal: run.Reversible,
				Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
					out, err := directory.MakeAccount(ctx, directory.MakeAccountInput{System: a.System, Op: op, Account: directory.Account{
						Name: a.Name, Display: a.Display, Mail: a.Mail, Groups: a.Groups, Keys: a.Keys, Expires: a.Expires.Moment(),
					}})
					return run.Result{Output: out.Account, Lines: []string{out.Account.DN}}, err
				},
				Undo: func(ctx workflow.Context, op operation.Op) error {
					_, err := directory.RemoveAccount(ctx, directory.RemoveAccountInput{System: a.System, Op: op, Name: a.Name})
					return err
				},
			},
			Action: wire.Create, Object: "account " + a.Name + " in the " + runbook.System("directory", a.System),
			Detail: append([]string{"groups: " + orNone(a.Groups)}, expiryDetail(a.Expires)...),
		})
	}
	return steps
}

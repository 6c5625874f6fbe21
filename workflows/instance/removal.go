package instance

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"fermata/activities/cloud"
	"fermata/activities/database"
	"fermata/activities/directory"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps of a decommission. They stand in keys of objects in the field: never rename one.
const (
	stepRules   = "rules"    // And, for a named firewall, a slash and its name.
	stepDisable = "disable"  // And, for a named directory, a slash and its name.
	stepLogins  = "logins"   // Of the database: disabled.
	stepRetire  = "retire"   // Of the instance: stopped.
	stepItemOut = "item-out" // Of the configuration item.
	stepArchive = "archive"  // Of the database.
	stepDrop    = "drop"     // Of logins and, if it is asked for, of the database.
	stepRemove  = "remove"   // Of accounts; and, for a named directory, a slash and its name.
	stepDestroy = "destroy"
	stepAbsent  = "absent"
)

// consentFor is how long somebody is waited for who approves that a database is dropped.
const consentFor = 7 * 24 * time.Hour

// all lists the steps of a decommission: out of reach first, then off; gone only after the grace.
func (p *decommission) all(f *run.Frame, found estate) []runbook.Planned {
	steps := p.desk(f).Open()
	outward := []string{}
	for _, device := range runbook.Firewalls(p.spec.Spec.Firewall) {
		steps = append(steps, runbook.CloseFirewall(named(stepRules, device), device, found.Rules[device], nil))
		outward = append(outward, named(stepRules, device))
	}
	for _, system := range directoriesOf(p.spec) {
		steps = append(steps, p.disableAccounts(system, found.Accounts[system]))
		outward = append(outward, named(stepDisable, system))
	}
	steps = append(steps, p.stop(found, outward))
	if len(found.Database.Roles) > 0 {
		steps = append(steps, p.disableLogins(found))
	}
	steps = append(steps, runbook.RetireItems(stepItemOut, p.spec.Spec.Inventory, found.Items, stepRetire)...)
	steps = append(steps, runbook.Grace(f, "instance", time.Duration(found.Grace)*time.Second, stepRetire, stepLogins, stepItemOut))
	steps = append(steps, p.endDatabase(f, found)...)
	for _, system := range directoriesOf(p.spec) {
		steps = append(steps, p.removeAccounts(system, found.Accounts[system]))
	}
	steps = append(steps, p.destroy(found), p.absent(found))
	return runbook.Linked(append(steps, p.desk(f).Close(idsOf(steps))...))
}

func named(step, system string) string {
	if system == "" {
		return step
	}
	return step + "/" + system
}

func (p *decommission) disableAccounts(system string, accounts []string) runbook.Planned {
	each := func(set func(name string) error) error {
		for _, name := range accounts {
			if err := set(name); err != nil {
				return err
			}
		}
		return nil
	}
	return runbook.Planned{
		Step: run.Step{
			ID: named(stepDisable, system), Title: "disable the accounts in the " + runbook.System("directory", system), Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				return run.Result{Lines: accounts}, each(func(name string) error {
					_, err := directory.DisableAccount(ctx, directory.DisableAccountInput{System: system, Op: op, Name: name})
					return err
				})
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				return each(func(name string) error {
					if p.expired(ctx, system, name) {
						return nil
					}
					_, err := directory.EnableAccount(ctx, directory.EnableAccountInput{System: system, Op: op, Name: name})
					return err
				})
			},
		},
		Action: wire.Change, Object: fmt.Sprintf("%d accounts", len(accounts)), Detail: accounts,
	}
}

// expired reports whether the account's time is over meanwhile: nothing enables it any more.
func (p *decommission) expired(ctx workflow.Context, system, name string) bool {
	return slices.ContainsFunc(expiriesOf(p.spec), func(e expiry) bool {
		return e.Place != placeLocal && e.System == system && e.Account == name && !e.At.After(workflow.Now(ctx))
	})
}

func (p *decommission) stop(found estate, after []string) runbook.Planned {
	system := p.spec.Spec.Cloud.System
	var names []string
	for _, m := range found.Cloud.Instances {
		names = append(names, m.Name+" ("+m.ID+")")
	}
	return runbook.Planned{
		Step: run.Step{
			ID: stepRetire, Title: "stop the instance", After: after, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				for _, m := range found.Cloud.Instances {
					if _, err := cloud.StopInstance(ctx, cloud.StopInstanceInput{System: system, Op: op, InstanceID: m.ID}); err != nil {
						return run.Result{}, err
					}
				}
				return run.Result{Lines: names}, nil
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				for _, m := range found.Cloud.Instances {
					if _, err := cloud.StartInstance(ctx, cloud.StartInstanceInput{System: system, Op: op, InstanceID: m.ID}); err != nil {
						return err
					}
				}
				return nil
			},
		},
		Action: wire.Change, Object: "instances " + orNone(names), Detail: []string{"kept for " + (time.Duration(found.Grace) * time.Second).String()},
	}
}

func (p *decommission) disableLogins(found estate) runbook.Planned {
	system := p.spec.Spec.Database.System
	var logins []string
	for _, r := range found.Database.Roles {
		logins = append(logins, r.Name)
	}
	return runbook.Planned{
		Step: run.Step{
			ID: stepLogins, Title: "disable the database logins", After: []string{stepRetire}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				for _, login := range logins {
					if _, err := database.DisableRole(ctx, database.DisableRoleInput{System: system, Op: op, Role: login}); err != nil {
						return run.Result{}, err
					}
				}
				return run.Result{Lines: logins}, nil
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				// The other login, if there is one, was disabled by the rotation that turned away from it.
				return restorePassword(ctx, p.spec.Spec.Database, op, found.Login, found.Version)
			},
		},
		Action: wire.Change, Object: fmt.Sprintf("%d logins", len(logins)), Detail: logins,
	}
}

// endDatabase does with the database what was chosen: it stays without logins, is dropped with a dump left behind, or is dropped
// once somebody has approved just that.
func (p *decommission) endDatabase(f *run.Frame, found estate) []runbook.Planned {
	d := p.spec.Spec.Database
	if d == nil {
		return nil
	}
	var steps []runbook.Planned
	if found.Choice == spec.DatabaseArchive {
		steps = append(steps, runbook.Planned{
			Step: run.Step{
				ID: stepArchive, Title: "archive the database", After: []string{runbook.StepGrace}, Reversal: run.Evidence,
				Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
					out, err := database.Dump(ctx, database.DumpInput{System: d.System, Op: op, Database: database.Database{Name: d.Name}})
					a := out.Archive
					return run.Result{Output: a, Lines: []string{fmt.Sprintf("%s, %d bytes, sha256 %s", a.Path, a.Bytes, a.SHA256)}}, err
				},
			},
			Action: wire.Create, Object: "dump of database " + d.Name, Detail: []string{"kept in the worker's folder for archives"},
		})
	}
	var drop []string
	detail := "the database stays, without logins"
	if found.Choice != spec.DatabaseKeep {
		drop, detail = []string{d.Name}, "with all that is in it"
	}
	ending := runbook.Planned{
		Step: run.Step{
			ID: stepDrop, Title: "remove the database logins", After: []string{runbook.StepGrace, stepArchive}, Reversal: run.Irreversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				var lines []string
				if found.Choice == spec.DatabaseDrop {
					given, why, err := f.Consent(ctx, stepDrop, "drop database "+d.Name+" with all that is in it, for good", consentFor)
					if err != nil {
						return run.Result{}, err
					}
					if !given {
						return run.Result{}, temporal.NewNonRetryableApplicationError("the database is not dropped: "+why, string(fault.Conflict), nil)
					}
					f.Resume(ctx)
					lines = append(lines, why)
				}
				out, err := database.RemoveOwned(ctx, database.RemoveOwnedInput{System: d.System, Op: op, Drop: drop})
				for _, held := range slices.Concat(out.Found.Roles, out.Found.Databases) {
					lines = append(lines, "removed "+held.Name)
				}
				return run.Result{Output: out.Found, Lines: lines}, err
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error { return p.stillInDatabase(ctx, found) },
		},
		Action: wire.Remove, Object: fmt.Sprintf("%d logins", len(found.Database.Roles)), Detail: []string{detail},
	}
	if len(drop) > 0 {
		ending.Title, ending.Object = "drop the database", "database "+d.Name
	}
	if found.Choice == spec.DatabaseDrop {
		ending.Detail = append(ending.Detail, "asks for an approval of its own before it is done")
	}
	return append(steps, ending)
}

// stillInDatabase looks what a removal did that may have failed before it did anything: only what is gone is left behind.
func (p *decommission) stillInDatabase(ctx workflow.Context, found estate) error {
	now := estate{}
	for _, o := range runbook.Read(ctx, p.findInDatabase(&now)) {
		if !o.OK {
			return temporal.NewApplicationError(o.Name+": "+o.Text, string(fault.Unavailable))
		}
	}
	for _, was := range slices.Concat(found.Database.Databases, found.Database.Roles) {
		if !slices.ContainsFunc(slices.Concat(now.Database.Databases, now.Database.Roles), func(h database.Held) bool { return h.Name == was.Name }) {
			return runbook.Gone("database object " + was.Name)
		}
	}
	return nil
}

func (p *decommission) removeAccounts(system string, accounts []string) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: named(stepRemove, system), Title: "remove the accounts from the " + runbook.System("directory", system), Reversal: run.Irreversible,
			// What may still be refused comes first: an archive that fails, a drop that nobody approves.
			After: []string{runbook.StepGrace, stepArchive, stepDrop},
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				_, err := directory.RemoveOwned(ctx, directory.RemoveOwnedInput{System: system, Op: op})
				return run.Result{Lines: accounts}, err
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error {
				out, err := directory.FindAccounts(ctx, directory.FindAccountsInput{System: system, Owner: p.Owner()})
				if err != nil {
					return err
				}
				for _, name := range accounts {
					if !slices.ContainsFunc(out.Accounts, func(h directory.Held) bool { return h.Name == name }) {
						return runbook.Gone("account " + name)
					}
				}
				return nil
			},
		},
		Action: wire.Remove, Object: fmt.Sprintf("%d accounts", len(accounts)), Detail: accounts,
	}
}

// destroy removes all that the owner has in the cloud, and ends what waits for the end of accounts that are gone with it.
func (p *decommission) destroy(found estate) runbook.Planned {
	system := p.spec.Spec.Cloud.System
	after := []string{runbook.StepGrace, stepDrop}
	for _, directory := range directoriesOf(p.spec) {
		after = append(after, named(stepRemove, directory))
	}
	var detail []string
	for _, m := range found.Cloud.Instances {
		detail = append(detail, "instance "+m.Name+" ("+m.ID+")")
	}
	for _, d := range found.Cloud.Disks {
		detail = append(detail, "volume "+d.Name+" ("+d.ID+") with all data on it")
	}
	for _, a := range found.Cloud.Addresses {
		detail = append(detail, "public address "+a.Address)
	}
	for _, g := range found.Cloud.Groups {
		detail = append(detail, "security group "+g.Name)
	}
	return runbook.Planned{
		Step: run.Step{
			ID: stepDestroy, Title: "remove the instance and what belongs to it", After: after, Reversal: run.Irreversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				if _, err := cloud.RemoveOwned(ctx, cloud.RemoveOwnedInput{System: system, Op: op}); err != nil {
					return run.Result{}, err
				}
				for _, e := range expiriesOf(p.spec) {
					if err := letGo(ctx, e.workflowID(p.Owner())); err != nil {
						return run.Result{}, err
					}
				}
				return run.Result{Lines: detail}, nil
			},
			Undo: func(ctx workflow.Context, _ operation.Op) error { return p.stillInCloud(ctx, found) },
		},
		Action: wire.Remove, Object: fmt.Sprintf("%d objects in the cloud", len(detail)), Detail: detail,
	}
}

func (p *decommission) stillInCloud(ctx workflow.Context, found estate) error {
	out, err := cloud.FindOwned(ctx, cloud.FindOwnedInput{System: p.spec.Spec.Cloud.System, Owner: p.Owner()})
	if err != nil {
		return err
	}
	for _, m := range found.Cloud.Instances {
		if !slices.ContainsFunc(out.Owned.Instances, func(i cloud.Instance) bool { return i.ID == m.ID }) {
			return runbook.Gone("instance " + m.Name + " (" + m.ID + ")")
		}
	}
	for _, d := range found.Cloud.Disks {
		if !slices.ContainsFunc(out.Owned.Disks, func(o cloud.Disk) bool { return o.ID == d.ID }) {
			return runbook.Gone("volume " + d.Name + " (" + d.ID + ")")
		}
	}
	return nil
}

// absent looks whether anything of the owner is left.
func (p *decommission) absent(found estate) runbook.Planned {
	return runbook.Planned{
		Step: run.Step{
			ID: stepAbsent, Title: "look that nothing is left", After: []string{stepDestroy}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				left := estate{Rules: map[string][]firewall.Installed{}, Accounts: map[string][]string{}}
				for _, o := range runbook.Read(ctx, p.readings(&left)...) {
					if !o.OK {
						return run.Result{}, temporal.NewApplicationError(o.Name+": "+o.Text, string(fault.Unavailable))
					}
				}
				if n := left.objects(found.Choice); n > 0 {
					return run.Result{}, temporal.NewApplicationError(fmt.Sprintf("%d objects of %s are left", n, p.Owner()), string(fault.Conflict))
				}
				return run.Result{Lines: []string{"no instance, volume, address, rule, account or login of this owner"}}, nil
			},
		},
		Action: wire.Observe, Object: "everything of " + string(p.Owner()),
	}
}

// objects counts what the owner has; a database that was to stay does not count.
func (e estate) objects(choice string) int {
	n := len(e.Cloud.Instances) + len(e.Cloud.Disks) + len(e.Cloud.Addresses) + len(e.Cloud.Groups) + len(e.Database.Roles) + len(e.Items)
	if choice != spec.DatabaseKeep {
		n += len(e.Database.Databases)
	}
	for _, rules := range e.Rules {
		n += len(rules)
	}
	for _, accounts := range e.Accounts {
		n += len(accounts)
	}
	return n
}

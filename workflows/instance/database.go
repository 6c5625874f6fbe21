package instance

import (
	"go.temporal.io/sdk/workflow"

	"fermata/activities/cloud"
	"fermata/activities/database"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/spec"
	"fermata/wire"
	"fermata/workflows/run"
	"fermata/workflows/runbook"
)

// Ids of the steps of a database. They stand in keys of objects in the field: never rename one.
const (
	stepDatabase   = "database"
	stepRole       = "role"
	stepConnection = "connection"
	stepProve      = "prove"
)

// loginsOf are the two logins that take turns: while one is in use, the other can be given another password.
func loginsOf(d *spec.DatabaseUse) []string { return []string{d.Role + "_1", d.Role + "_2"} }

func roleOf(d *spec.DatabaseUse, login string) database.Role {
	return database.Role{Name: login, Database: d.Name, Access: database.Access(d.Access)}
}

func clientOf(s *spec.Instance, m cloud.Instance) database.Client {
	h := hostOf(s, m)
	return database.Client{Name: h.Name, Address: h.Address, Port: h.Port, User: h.User, Keys: h.Keys}
}

func fileOf(d *spec.DatabaseUse) database.ConnectionFile {
	return database.ConnectionFile{Path: d.File.Path, Owner: d.File.Owner, Mode: d.File.Mode}
}

// database makes the database and its login, tells the instance how to connect, and proves from there that it can, and that it
// can no more than it should.
func (p *instance) database(f *run.Frame, r resolved) []runbook.Planned {
	d := p.spec.Spec.Database
	if d == nil {
		return nil
	}
	role := roleOf(d, loginsOf(d)[0])
	return []runbook.Planned{{
		Step: run.Step{
			ID: stepDatabase, Title: "make the database", Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				_, err := database.MakeDatabase(ctx, database.MakeDatabaseInput{System: d.System, Op: op, Database: database.Database{Name: d.Name}})
				return run.Result{}, err
			},
			Undo: func(ctx workflow.Context, op operation.Op) error {
				_, err := database.RemoveDatabase(ctx, database.RemoveDatabaseInput{System: d.System, Op: op, Database: database.Database{Name: d.Name}})
				return err
			},
		},
		Action: wire.Create, Object: "database " + d.Name, Detail: []string{"on " + r.Database.Engine + " at " + runbook.Joined(r.Database.Host, r.Database.Port)},
	}, {
		Step: run.Step{
			ID: stepRole, Title: "make the database login", After: []string{stepDatabase}, Reversal: run.Reversible,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				newest, err := database.NewestPassword(ctx, database.NewestPasswordInput{Secret: secret.Ref(d.Password)})
				if err != nil {
					return run.Result{}, err
				}
				return makeRole(ctx, d, role, op, newest.Version)
			},
			Undo: func(ctx workflow.Context, op operation.Op) error { return removeRole(ctx, d, role, op) },
		},
		Action: wire.Create, Object: "login " + role.Name, Detail: []string{d.Access + " in database " + d.Name + " and nothing else", "its password is generated and kept in " + d.Password},
	}, {
		Step: run.Step{
			ID: stepConnection, Title: "tell the instance how to connect", After: []string{runbook.StepSystem, stepRole}, Reversal: run.WithMachine,
			Do: func(ctx workflow.Context, op operation.Op) (run.Result, error) {
				m, err := made(f)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				version, err := run.Output[string](f, stepRole)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				return run.Result{}, writeConnection(ctx, p.spec, m, op, role.Name, version)
			},
		},
		Action: wire.Create, Object: "file " + d.File.Path, Detail: []string{"owner " + d.File.Owner + ", mode " + d.File.Mode},
	}, {
		Step: run.Step{
			ID: stepProve, Title: "prove the connection from the instance", After: []string{stepConnection}, Reversal: run.Nothing,
			Do: func(ctx workflow.Context, _ operation.Op) (run.Result, error) {
				m, err := made(f)
				if err != nil {
					return run.Result{}, runbook.Missing(err)
				}
				return prove(ctx, p.spec, m)
			},
		},
		Action: wire.Observe, Object: "database " + d.Name, Detail: []string{"through the instance's own sshd, with what stands in the file", "what the login must not do is refused"},
	}}
}

// makeRole keeps a new password first, as the version of the secret that follows after, and gives it to the login. Its output is
// the version.
func makeRole(ctx workflow.Context, d *spec.DatabaseUse, role database.Role, op operation.Op, after string) (run.Result, error) {
	out, err := database.MakeRole(ctx, database.MakeRoleInput{System: d.System, Op: op, Role: role, Secret: secret.Ref(d.Password), After: after})
	return run.Result{Output: out.Version, Lines: []string{"password in " + string(secret.Ref(d.Password).At(out.Version))}}, err
}

func removeRole(ctx workflow.Context, d *spec.DatabaseUse, role database.Role, op operation.Op) error {
	if _, err := database.RemoveRole(ctx, database.RemoveRoleInput{System: d.System, Op: op, Role: role}); err != nil {
		return err
	}
	_, err := database.DiscardPassword(ctx, database.DiscardPasswordInput{Op: op, Secret: secret.Ref(d.Password)})
	return err
}

func writeConnection(ctx workflow.Context, s *spec.Instance, m cloud.Instance, op operation.Op, login, version string) error {
	d := s.Spec.Database
	_, err := database.WriteConnection(ctx, database.WriteConnectionInput{
		System: d.System, Entrance: s.Spec.Access.System, Op: op, Client: clientOf(s, m), File: fileOf(d),
		Role: login, Database: d.Name, Secret: secret.Ref(d.Password).At(version),
	})
	return err
}

func prove(ctx workflow.Context, s *spec.Instance, m cloud.Instance) (run.Result, error) {
	d := s.Spec.Database
	out, err := database.Prove(ctx, database.ProveInput{
		System: d.System, Entrance: s.Spec.Access.System, Client: clientOf(s, m), File: fileOf(d), Access: database.Access(d.Access),
	})
	return run.Result{Output: out.Lines, Lines: out.Lines}, err
}

// restorePassword gives a login the password of a version that is kept, and with it the right to log in.
func restorePassword(ctx workflow.Context, d *spec.DatabaseUse, op operation.Op, login, version string) error {
	_, err := database.RestorePassword(ctx, database.RestorePasswordInput{System: d.System, Op: op, Role: login, Secret: secret.Ref(d.Password).At(version)})
	return err
}

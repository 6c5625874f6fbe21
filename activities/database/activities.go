package database

import (
	"context"

	"fermata/activities/operation"
	"fermata/activities/secret"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "database"

// Activity types.
const (
	activityCheck            = "database.Check"
	activityFind             = "database.Find"
	activityMakeDatabase     = "database.MakeDatabase"
	activityRemoveDatabase   = "database.RemoveDatabase"
	activityMakeRole         = "database.MakeRole"
	activitySetPassword      = "database.SetPassword"
	activityDiscardPassword  = "database.DiscardPassword"
	activityNewestPassword   = "database.NewestPassword"
	activityRestorePassword  = "database.RestorePassword"
	activityDisableRole      = "database.DisableRole"
	activityRemoveRole       = "database.RemoveRole"
	activityRemoveOwned      = "database.RemoveOwned"
	activityDump             = "database.Dump"
	activityWriteConnection  = "database.WriteConnection"
	activityRemoveConnection = "database.RemoveConnection"
	activityProve            = "database.Prove"
)

// Activities carry out what workflows ask of the database servers that this worker is configured for.
type Activities struct {
	servers   operation.Systems[Server]
	entrances operation.Systems[Entrance]
	secrets   secret.Store
}

// NewActivities serves the servers and the ways into machines, by their names. Passwords are kept in secrets, and resolved at
// the moment of use.
func NewActivities(servers map[string]Server, entrances map[string]Entrance, secrets secret.Store) *Activities {
	return &Activities{servers: servers, entrances: entrances, secrets: secrets}
}

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityFind, a.Find)
	register(activityMakeDatabase, a.MakeDatabase)
	register(activityRemoveDatabase, a.RemoveDatabase)
	register(activityMakeRole, a.MakeRole)
	register(activitySetPassword, a.SetPassword)
	register(activityDiscardPassword, a.DiscardPassword)
	register(activityNewestPassword, a.NewestPassword)
	register(activityRestorePassword, a.RestorePassword)
	register(activityDisableRole, a.DisableRole)
	register(activityRemoveRole, a.RemoveRole)
	register(activityRemoveOwned, a.RemoveOwned)
	register(activityDump, a.Dump)
	register(activityWriteConnection, a.WriteConnection)
	register(activityRemoveConnection, a.RemoveConnection)
	register(activityProve, a.Prove)
}

// Check proves that the server answers and takes the credential, and tells how clients reach it.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.servers, in.System, func(s Server) (CheckOutput, error) {
		return CheckOutput{Endpoint: s.ClientEndpoint()}, s.Check(ctx)
	})
}

// Find finds databases and roles by name and owner.
func (a *Activities) Find(ctx context.Context, in FindInput) (FindOutput, error) {
	return operation.Read(ctx, a.servers, in.System, func(s Server) (FindOutput, error) {
		found, err := s.Find(ctx, in.Names, in.Owner)
		return FindOutput{Found: found}, err
	})
}

// MakeDatabase makes a database.
func (a *Activities) MakeDatabase(ctx context.Context, in MakeDatabaseInput) (MakeDatabaseOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (MakeDatabaseOutput, error) {
		return MakeDatabaseOutput{}, s.EnsureDatabase(ctx, in.Op, in.Database, p)
	})
}

// RemoveDatabase drops the database that carries the operation's key.
func (a *Activities) RemoveDatabase(ctx context.Context, in RemoveDatabaseInput) (RemoveDatabaseOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (RemoveDatabaseOutput, error) {
		return RemoveDatabaseOutput{}, s.RemoveDatabase(ctx, in.Op, in.Database, p)
	})
}

// MakeRole makes a password, keeps it, and makes a role with it. The role is refused before a password is kept for it.
func (a *Activities) MakeRole(ctx context.Context, in MakeRoleInput) (MakeRoleOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (MakeRoleOutput, error) {
		if err := in.Role.Check(); err != nil {
			return MakeRoleOutput{}, err
		}
		password, version, err := a.keep(ctx, in.Op, in.Secret, in.After)
		if err != nil {
			return MakeRoleOutput{}, err
		}
		return MakeRoleOutput{Version: version}, hidden(s.EnsureRole(ctx, in.Op, in.Role, password, p), password)
	})
}

// SetPassword makes another password, keeps it, and gives it to a role.
func (a *Activities) SetPassword(ctx context.Context, in SetPasswordInput) (SetPasswordOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (SetPasswordOutput, error) {
		if err := CheckRole(in.Role); err != nil {
			return SetPasswordOutput{}, err
		}
		password, version, err := a.keep(ctx, in.Op, in.Secret, in.After)
		if err != nil {
			return SetPasswordOutput{}, err
		}
		return SetPasswordOutput{Version: version}, hidden(s.SetPassword(ctx, in.Op, in.Role, password, p), password)
	})
}

// DiscardPassword removes the version of a secret that the operation kept.
func (a *Activities) DiscardPassword(ctx context.Context, in DiscardPasswordInput) (DiscardPasswordOutput, error) {
	store := operation.Systems[secret.Store]{"": a.secrets}
	return operation.Change(ctx, store, "", func(s secret.Store, _ operation.Progress) (DiscardPasswordOutput, error) {
		if err := CheckOp(in.Op); err != nil {
			return DiscardPasswordOutput{}, err
		}
		return DiscardPasswordOutput{}, s.Discard(ctx, in.Secret, in.Op.Key.String())
	})
}

// DisableRole takes a role the right to log in.
func (a *Activities) DisableRole(ctx context.Context, in DisableRoleInput) (DisableRoleOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (DisableRoleOutput, error) {
		return DisableRoleOutput{}, s.DisableRole(ctx, in.Op, in.Role, p)
	})
}

// RemoveRole removes the role that carries the operation's key.
func (a *Activities) RemoveRole(ctx context.Context, in RemoveRoleInput) (RemoveRoleOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (RemoveRoleOutput, error) {
		return RemoveRoleOutput{}, s.RemoveRole(ctx, in.Op, in.Role, p)
	})
}

// RemoveOwned drops databases and all roles of the owner.
func (a *Activities) RemoveOwned(ctx context.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (RemoveOwnedOutput, error) {
		found, err := s.RemoveOwned(ctx, in.Op, in.Drop, p)
		return RemoveOwnedOutput{Found: found}, err
	})
}

// Dump writes a database to a file.
func (a *Activities) Dump(ctx context.Context, in DumpInput) (DumpOutput, error) {
	return operation.Change(ctx, a.servers, in.System, func(s Server, p operation.Progress) (DumpOutput, error) {
		archive, err := s.Dump(ctx, in.Op, in.Database, p)
		return DumpOutput{Archive: archive}, err
	})
}

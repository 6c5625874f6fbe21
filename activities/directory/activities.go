package directory

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "directory"

// Activity types.
const (
	activityCheck          = "directory.Check"
	activityFindAccounts   = "directory.FindAccounts"
	activityMakeAccount    = "directory.MakeAccount"
	activityDisableAccount = "directory.DisableAccount"
	activityEnableAccount  = "directory.EnableAccount"
	activityRemoveAccount  = "directory.RemoveAccount"
	activityRemoveOwned    = "directory.RemoveOwned"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Directory]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Directory) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityFindAccounts, a.FindAccounts)
	register(activityMakeAccount, a.MakeAccount)
	register(activityDisableAccount, a.DisableAccount)
	register(activityEnableAccount, a.EnableAccount)
	register(activityRemoveAccount, a.RemoveAccount)
	register(activityRemoveOwned, a.RemoveOwned)
}

// Check proves that the directory answers over TLS, takes the credential and has the groups.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Directory) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx, in.Groups)
	})
}

// FindAccounts finds accounts by name or owner.
func (a *Activities) FindAccounts(ctx context.Context, in FindAccountsInput) (FindAccountsOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Directory) (FindAccountsOutput, error) {
		found, err := s.Find(ctx, in.Name, in.Owner)
		return FindAccountsOutput{Accounts: found}, err
	})
}

// MakeAccount makes an account and puts it into its groups.
func (a *Activities) MakeAccount(ctx context.Context, in MakeAccountInput) (MakeAccountOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Directory, p operation.Progress) (MakeAccountOutput, error) {
		held, err := s.EnsureAccount(ctx, in.Op, in.Account, p)
		return MakeAccountOutput{Account: held}, err
	})
}

// DisableAccount lets an account log in no more.
func (a *Activities) DisableAccount(ctx context.Context, in DisableAccountInput) (DisableAccountOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Directory, p operation.Progress) (DisableAccountOutput, error) {
		held, err := s.Disable(ctx, in.Op, in.Name, p)
		return DisableAccountOutput{Account: held}, err
	})
}

// EnableAccount lets a disabled account log in again.
func (a *Activities) EnableAccount(ctx context.Context, in EnableAccountInput) (EnableAccountOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Directory, p operation.Progress) (EnableAccountOutput, error) {
		held, err := s.Enable(ctx, in.Op, in.Name, p)
		return EnableAccountOutput{Account: held}, err
	})
}

// RemoveAccount removes the account that carries the operation's key.
func (a *Activities) RemoveAccount(ctx context.Context, in RemoveAccountInput) (RemoveAccountOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Directory, p operation.Progress) (RemoveAccountOutput, error) {
		return RemoveAccountOutput{}, s.RemoveAccount(ctx, in.Op, in.Name, p)
	})
}

// RemoveOwned removes every account of the owner.
func (a *Activities) RemoveOwned(ctx context.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Directory, p operation.Progress) (RemoveOwnedOutput, error) {
		removed, err := s.RemoveOwned(ctx, in.Op, p)
		return RemoveOwnedOutput{Accounts: removed}, err
	})
}

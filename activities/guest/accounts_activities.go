package guest

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// Activity types of local accounts.
const (
	activityMakeAccount    = "guest.MakeAccount"
	activityDisableAccount = "guest.DisableAccount"
	activityRemoveAccount  = "guest.RemoveAccount"
)

func (a *Activities) registerAccounts(register func(name string, activity any)) {
	register(activityMakeAccount, a.MakeAccount)
	register(activityDisableAccount, a.DisableAccount)
	register(activityRemoveAccount, a.RemoveAccount)
}

// MakeAccount makes a local account, or gives one exactly its groups, keys and rules.
func (a *Activities) MakeAccount(ctx context.Context, in MakeAccountInput) (MakeAccountOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (MakeAccountOutput, error) {
		changes, err := s.EnsureAccount(ctx, in.Op, in.Host, in.Account, p)
		return MakeAccountOutput{Changes: changes}, err
	})
}

// DisableAccount lets a local account in no more.
func (a *Activities) DisableAccount(ctx context.Context, in DisableAccountInput) (DisableAccountOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (DisableAccountOutput, error) {
		changes, err := s.DisableAccount(ctx, in.Op, in.Host, in.Name, p)
		return DisableAccountOutput{Changes: changes}, err
	})
}

// RemoveAccount removes a local account.
func (a *Activities) RemoveAccount(ctx context.Context, in RemoveAccountInput) (RemoveAccountOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (RemoveAccountOutput, error) {
		changes, err := s.RemoveAccount(ctx, in.Op, in.Host, in.Name, p)
		return RemoveAccountOutput{Changes: changes}, err
	})
}

// accountLimit is how long one attempt may take, on a guest under load.
const accountLimit = 15 * time.Minute

// MakeAccountInput asks for MakeAccount.
type MakeAccountInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Host    Host         `json:"host"`
	Account Account      `json:"account"`
}

// MakeAccountOutput answers MakeAccount.
type MakeAccountOutput struct {
	Changes Changes `json:"changes"`
}

// MakeAccount makes a local account, or gives one exactly its groups, keys and rules.
func MakeAccount(ctx workflow.Context, in MakeAccountInput) (MakeAccountOutput, error) {
	return operation.Call[MakeAccountOutput](ctx, Capability, activityMakeAccount, accountLimit, in)
}

// DisableAccountInput asks for DisableAccount.
type DisableAccountInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Host   Host         `json:"host"`
	Name   string       `json:"name"`
}

// DisableAccountOutput answers DisableAccount.
type DisableAccountOutput struct {
	Changes Changes `json:"changes"`
}

// DisableAccount lets a local account in no more.
func DisableAccount(ctx workflow.Context, in DisableAccountInput) (DisableAccountOutput, error) {
	return operation.Call[DisableAccountOutput](ctx, Capability, activityDisableAccount, accountLimit, in)
}

// RemoveAccountInput asks for RemoveAccount.
type RemoveAccountInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Host   Host         `json:"host"`
	Name   string       `json:"name"`
}

// RemoveAccountOutput answers RemoveAccount.
type RemoveAccountOutput struct {
	Changes Changes `json:"changes"`
}

// RemoveAccount removes a local account; its home folder stays.
func RemoveAccount(ctx workflow.Context, in RemoveAccountInput) (RemoveAccountOutput, error) {
	return operation.Call[RemoveAccountOutput](ctx, Capability, activityRemoveAccount, accountLimit, in)
}

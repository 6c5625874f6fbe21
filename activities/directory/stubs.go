package directory

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// changeLimit is how long one attempt of a change may take: a few questions and answers, at a server under load.
const changeLimit = 5 * time.Minute

// CheckInput asks for Check.
type CheckInput struct {
	System string   `json:"system,omitempty"`
	Groups []string `json:"groups,omitempty"` // Groups that must exist.
}

// CheckOutput answers Check.
type CheckOutput struct{}

// Check proves that the directory answers over TLS, takes the credential and has the groups.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// FindAccountsInput asks for FindAccounts.
type FindAccountsInput struct {
	System string          `json:"system,omitempty"`
	Name   string          `json:"name,omitempty"` // Empty: those of the owner.
	Owner  operation.Owner `json:"owner,omitempty"`
}

// FindAccountsOutput answers FindAccounts.
type FindAccountsOutput struct {
	Accounts []Held `json:"accounts"`
}

// FindAccounts finds accounts by name or owner.
func FindAccounts(ctx workflow.Context, in FindAccountsInput) (FindAccountsOutput, error) {
	return operation.Look[FindAccountsOutput](ctx, Capability, activityFindAccounts, 2*time.Minute, in)
}

// MakeAccountInput asks for MakeAccount.
type MakeAccountInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Account Account      `json:"account"`
}

// MakeAccountOutput answers MakeAccount.
type MakeAccountOutput struct {
	Account Held `json:"account"`
}

// MakeAccount makes an account and puts it into its groups.
func MakeAccount(ctx workflow.Context, in MakeAccountInput) (MakeAccountOutput, error) {
	return operation.Call[MakeAccountOutput](ctx, Capability, activityMakeAccount, changeLimit, in)
}

// DisableAccountInput asks for DisableAccount.
type DisableAccountInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Name   string       `json:"name"`
}

// DisableAccountOutput answers DisableAccount.
type DisableAccountOutput struct {
	Account Held `json:"account"`
}

// DisableAccount lets an account log in no more.
func DisableAccount(ctx workflow.Context, in DisableAccountInput) (DisableAccountOutput, error) {
	return operation.Call[DisableAccountOutput](ctx, Capability, activityDisableAccount, changeLimit, in)
}

// EnableAccountInput asks for EnableAccount.
type EnableAccountInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Name   string       `json:"name"`
}

// EnableAccountOutput answers EnableAccount.
type EnableAccountOutput struct {
	Account Held `json:"account"`
}

// EnableAccount lets a disabled account log in again.
func EnableAccount(ctx workflow.Context, in EnableAccountInput) (EnableAccountOutput, error) {
	return operation.Call[EnableAccountOutput](ctx, Capability, activityEnableAccount, changeLimit, in)
}

// RemoveAccountInput asks for RemoveAccount.
type RemoveAccountInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Name   string       `json:"name"`
}

// RemoveAccountOutput answers RemoveAccount.
type RemoveAccountOutput struct{}

// RemoveAccount removes the account that carries the operation's key.
func RemoveAccount(ctx workflow.Context, in RemoveAccountInput) (RemoveAccountOutput, error) {
	return operation.Call[RemoveAccountOutput](ctx, Capability, activityRemoveAccount, changeLimit, in)
}

// RemoveOwnedInput asks for RemoveOwned.
type RemoveOwnedInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// RemoveOwnedOutput answers RemoveOwned.
type RemoveOwnedOutput struct {
	Accounts []Held `json:"accounts"` // What was removed.
}

// RemoveOwned removes every account of the owner.
func RemoveOwned(ctx workflow.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Call[RemoveOwnedOutput](ctx, Capability, activityRemoveOwned, changeLimit, in)
}

package firewall

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// CheckInput asks for Check.
type CheckInput struct {
	System string `json:"system,omitempty"`
}

// CheckOutput answers Check.
type CheckOutput struct{}

// Check proves that the device answers and the credential is good.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// FindRulesInput asks for FindRules.
type FindRulesInput struct {
	System string          `json:"system,omitempty"`
	Owner  operation.Owner `json:"owner"`
}

// FindRulesOutput answers FindRules.
type FindRulesOutput struct {
	Rules []Installed `json:"rules"`
}

// FindRules finds the rules of an owner.
func FindRules(ctx workflow.Context, in FindRulesInput) (FindRulesOutput, error) {
	return operation.Look[FindRulesOutput](ctx, Capability, activityFindRules, 2*time.Minute, in)
}

// OpenPathsInput asks for OpenPaths.
type OpenPathsInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Rules  []Rule       `json:"rules"`
}

// OpenPathsOutput answers OpenPaths.
type OpenPathsOutput struct {
	Rules []Installed `json:"rules"`
}

// OpenPaths puts rules in force and saves them.
func OpenPaths(ctx workflow.Context, in OpenPathsInput) (OpenPathsOutput, error) {
	return operation.Call[OpenPathsOutput](ctx, Capability, activityOpenPaths, 5*time.Minute, in)
}

// ClosePathsInput asks for ClosePaths.
type ClosePathsInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// ClosePathsOutput answers ClosePaths.
type ClosePathsOutput struct{}

// ClosePaths removes the rules that carry the operation's key.
func ClosePaths(ctx workflow.Context, in ClosePathsInput) (ClosePathsOutput, error) {
	return operation.Call[ClosePathsOutput](ctx, Capability, activityClosePaths, 5*time.Minute, in)
}

// CloseOwnedInput asks for CloseOwned.
type CloseOwnedInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// CloseOwnedOutput answers CloseOwned.
type CloseOwnedOutput struct {
	Rules []Installed `json:"rules"`
}

// CloseOwned removes every rule of the owner.
func CloseOwned(ctx workflow.Context, in CloseOwnedInput) (CloseOwnedOutput, error) {
	return operation.Call[CloseOwnedOutput](ctx, Capability, activityCloseOwned, 5*time.Minute, in)
}

// ExchangeRulesInput asks for ExchangeRules.
type ExchangeRulesInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Out    []Installed  `json:"out,omitempty"`
	In     []Installed  `json:"in,omitempty"`
}

// ExchangeRulesOutput answers ExchangeRules.
type ExchangeRulesOutput struct {
	Rules []Installed `json:"rules"`
}

// ExchangeRules takes rules out and puts others in, in one transaction.
func ExchangeRules(ctx workflow.Context, in ExchangeRulesInput) (ExchangeRulesOutput, error) {
	return operation.Call[ExchangeRulesOutput](ctx, Capability, activityExchange, 5*time.Minute, in)
}

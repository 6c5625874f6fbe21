package firewall

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "firewall"

// Activity types.
const (
	activityCheck      = "firewall.Check"
	activityFindRules  = "firewall.FindRules"
	activityOpenPaths  = "firewall.OpenPaths"
	activityClosePaths = "firewall.ClosePaths"
	activityCloseOwned = "firewall.CloseOwned"
	activityExchange   = "firewall.ExchangeRules"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Firewall]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Firewall) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityFindRules, a.FindRules)
	register(activityOpenPaths, a.OpenPaths)
	register(activityClosePaths, a.ClosePaths)
	register(activityCloseOwned, a.CloseOwned)
	register(activityExchange, a.ExchangeRules)
}

// Check proves that the device answers and the credential is good.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Firewall) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx)
	})
}

// FindRules finds the rules of an owner.
func (a *Activities) FindRules(ctx context.Context, in FindRulesInput) (FindRulesOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Firewall) (FindRulesOutput, error) {
		r, err := s.FindByOwner(ctx, in.Owner)
		return FindRulesOutput{Rules: r}, err
	})
}

// OpenPaths puts rules in force and saves them.
func (a *Activities) OpenPaths(ctx context.Context, in OpenPathsInput) (OpenPathsOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Firewall, p operation.Progress) (OpenPathsOutput, error) {
		r, err := s.EnsureRules(ctx, in.Op, in.Rules, p)
		return OpenPathsOutput{Rules: r}, err
	})
}

// ClosePaths removes the rules that carry the operation's key.
func (a *Activities) ClosePaths(ctx context.Context, in ClosePathsInput) (ClosePathsOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Firewall, p operation.Progress) (ClosePathsOutput, error) {
		return ClosePathsOutput{}, s.RemoveRules(ctx, in.Op, p)
	})
}

// CloseOwned removes every rule of the owner.
func (a *Activities) CloseOwned(ctx context.Context, in CloseOwnedInput) (CloseOwnedOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Firewall, p operation.Progress) (CloseOwnedOutput, error) {
		r, err := s.RemoveOwned(ctx, in.Op, p)
		return CloseOwnedOutput{Rules: r}, err
	})
}

// ExchangeRules takes rules out and puts others in, in one transaction.
func (a *Activities) ExchangeRules(ctx context.Context, in ExchangeRulesInput) (ExchangeRulesOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Firewall, p operation.Progress) (ExchangeRulesOutput, error) {
		r, err := s.ExchangeRules(ctx, in.Op, in.Out, in.In, p)
		return ExchangeRulesOutput{Rules: r}, err
	})
}

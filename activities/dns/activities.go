package dns

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "dns"

// Activity types.
const (
	activityCheck       = "dns.Check"
	activityFindRecords = "dns.FindRecords"
	activityLookup      = "dns.Lookup"
	activityConfirm     = "dns.Confirm"
	activityPublish     = "dns.Publish"
	activitySetTTL      = "dns.SetTTL"
	activityWithdraw    = "dns.Withdraw"
	activityRemoveOwned = "dns.RemoveOwned"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Nameserver]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Nameserver) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityFindRecords, a.FindRecords)
	register(activityLookup, a.Lookup)
	register(activityConfirm, a.Confirm)
	register(activityPublish, a.Publish)
	register(activitySetTTL, a.SetTTL)
	register(activityWithdraw, a.Withdraw)
	register(activityRemoveOwned, a.RemoveOwned)
}

// Check proves that the server answers, takes the credential and serves the zones.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Nameserver) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx, in.Zones)
	})
}

// FindRecords finds records by name or owner.
func (a *Activities) FindRecords(ctx context.Context, in FindRecordsInput) (FindRecordsOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Nameserver) (FindRecordsOutput, error) {
		r, err := s.Find(ctx, in.Zone, in.Name, in.Owner)
		return FindRecordsOutput{Records: r}, err
	})
}

// Lookup asks the server as a resolver does.
func (a *Activities) Lookup(ctx context.Context, in LookupInput) (LookupOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Nameserver) (LookupOutput, error) {
		r, err := s.Lookup(ctx, in.Zone, in.Name, in.Type)
		return LookupOutput{Records: r}, err
	})
}

// Confirm asks the server as a resolver does and compares. Another answer is Unavailable: a secondary server may learn of a
// change later.
func (a *Activities) Confirm(ctx context.Context, in ConfirmInput) (ConfirmOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Nameserver) (ConfirmOutput, error) {
		found, err := s.Lookup(ctx, in.Record.Zone, in.Record.Name, in.Record.Type)
		if err != nil {
			return ConfirmOutput{}, err
		}
		return ConfirmOutput{}, in.compare(found)
	})
}

// Publish publishes a record.
func (a *Activities) Publish(ctx context.Context, in PublishInput) (PublishOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Nameserver, p operation.Progress) (PublishOutput, error) {
		r, err := s.EnsureRecord(ctx, in.Op, in.Record, p)
		return PublishOutput{Record: r}, err
	})
}

// SetTTL gives the record that carries the operation's key another TTL.
func (a *Activities) SetTTL(ctx context.Context, in SetTTLInput) (SetTTLOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Nameserver, p operation.Progress) (SetTTLOutput, error) {
		r, err := s.EnsureTTL(ctx, in.Op, in.Record, p)
		return SetTTLOutput{Record: r}, err
	})
}

// Withdraw removes the record that carries the operation's key.
func (a *Activities) Withdraw(ctx context.Context, in WithdrawInput) (WithdrawOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Nameserver, p operation.Progress) (WithdrawOutput, error) {
		return WithdrawOutput{}, s.RemoveRecord(ctx, in.Op, in.Record, p)
	})
}

// RemoveOwned removes every record of the owner in the zones.
func (a *Activities) RemoveOwned(ctx context.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Nameserver, p operation.Progress) (RemoveOwnedOutput, error) {
		r, err := s.RemoveOwned(ctx, in.Op, in.Zones, p)
		return RemoveOwnedOutput{Records: r}, err
	})
}

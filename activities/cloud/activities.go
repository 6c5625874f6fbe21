package cloud

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "cloud"

// Activity types.
const (
	activityCheck           = "cloud.Check"
	activityPlan            = "cloud.Plan"
	activityFindOwned       = "cloud.FindOwned"
	activityMakeGroup       = "cloud.MakeGroup"
	activityRemoveGroup     = "cloud.RemoveGroup"
	activityMakeInstance    = "cloud.MakeInstance"
	activityRemoveInstance  = "cloud.RemoveInstance"
	activityAddVolume       = "cloud.AddVolume"
	activityRemoveVolume    = "cloud.RemoveVolume"
	activityTakeAddress     = "cloud.TakeAddress"
	activityGiveBackAddress = "cloud.GiveBackAddress"
	activityStopInstance    = "cloud.StopInstance"
	activityStartInstance   = "cloud.StartInstance"
	activityRemoveOwned     = "cloud.RemoveOwned"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Cloud]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Cloud) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityPlan, a.Plan)
	register(activityFindOwned, a.FindOwned)
	register(activityMakeGroup, a.MakeGroup)
	register(activityRemoveGroup, a.RemoveGroup)
	register(activityMakeInstance, a.MakeInstance)
	register(activityRemoveInstance, a.RemoveInstance)
	register(activityAddVolume, a.AddVolume)
	register(activityRemoveVolume, a.RemoveVolume)
	register(activityTakeAddress, a.TakeAddress)
	register(activityGiveBackAddress, a.GiveBackAddress)
	register(activityStopInstance, a.StopInstance)
	register(activityStartInstance, a.StartInstance)
	register(activityRemoveOwned, a.RemoveOwned)
}

// Check proves that the cloud answers and the credential is good.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(c Cloud) (CheckOutput, error) {
		return CheckOutput{}, c.Check(ctx)
	})
}

// Plan resolves what an instance would be made from.
func (a *Activities) Plan(ctx context.Context, in PlanInput) (PlanOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(c Cloud) (PlanOutput, error) {
		planned, err := c.Plan(ctx, in.Request)
		return PlanOutput{Planned: planned}, err
	})
}

// FindOwned finds all that an owner has.
func (a *Activities) FindOwned(ctx context.Context, in FindOwnedInput) (FindOwnedOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(c Cloud) (FindOwnedOutput, error) {
		owned, err := c.FindByOwner(ctx, in.Owner)
		return FindOwnedOutput{Owned: owned}, err
	})
}

// MakeGroup makes a security group.
func (a *Activities) MakeGroup(ctx context.Context, in MakeGroupInput) (MakeGroupOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (MakeGroupOutput, error) {
		group, err := c.EnsureGroup(ctx, in.Op, in.Name, p)
		return MakeGroupOutput{Group: group}, err
	})
}

// RemoveGroup removes the security group that carries the operation's key.
func (a *Activities) RemoveGroup(ctx context.Context, in RemoveGroupInput) (RemoveGroupOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (RemoveGroupOutput, error) {
		return RemoveGroupOutput{}, c.RemoveGroup(ctx, in.Op, p)
	})
}

// MakeInstance makes an instance and waits until it runs.
func (a *Activities) MakeInstance(ctx context.Context, in MakeInstanceInput) (MakeInstanceOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (MakeInstanceOutput, error) {
		instance, err := c.EnsureInstance(ctx, in.Op, in.Request, p)
		return MakeInstanceOutput{Instance: instance}, err
	})
}

// RemoveInstance removes the instance that carries the operation's key.
func (a *Activities) RemoveInstance(ctx context.Context, in RemoveInstanceInput) (RemoveInstanceOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (RemoveInstanceOutput, error) {
		return RemoveInstanceOutput{}, c.RemoveInstance(ctx, in.Op, p)
	})
}

// AddVolume makes a volume and attaches it.
func (a *Activities) AddVolume(ctx context.Context, in AddVolumeInput) (AddVolumeOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (AddVolumeOutput, error) {
		disk, err := c.EnsureVolume(ctx, in.Op, in.InstanceID, in.Volume, in.Zone, p)
		return AddVolumeOutput{Disk: disk}, err
	})
}

// RemoveVolume detaches and removes the volume that carries the operation's key.
func (a *Activities) RemoveVolume(ctx context.Context, in RemoveVolumeInput) (RemoveVolumeOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (RemoveVolumeOutput, error) {
		return RemoveVolumeOutput{}, c.RemoveVolume(ctx, in.Op, p)
	})
}

// TakeAddress takes a public address and leads it to an instance.
func (a *Activities) TakeAddress(ctx context.Context, in TakeAddressInput) (TakeAddressOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (TakeAddressOutput, error) {
		address, err := c.EnsureAddress(ctx, in.Op, in.InstanceID, in.Pool, p)
		return TakeAddressOutput{Address: address}, err
	})
}

// GiveBackAddress gives back the public address that carries the operation's key.
func (a *Activities) GiveBackAddress(ctx context.Context, in GiveBackAddressInput) (GiveBackAddressOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (GiveBackAddressOutput, error) {
		return GiveBackAddressOutput{}, c.RemoveAddress(ctx, in.Op, p)
	})
}

// StopInstance stops an instance of the owner.
func (a *Activities) StopInstance(ctx context.Context, in StopInstanceInput) (StopInstanceOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (StopInstanceOutput, error) {
		instance, err := c.Stop(ctx, in.Op, in.InstanceID, p)
		return StopInstanceOutput{Instance: instance}, err
	})
}

// StartInstance starts an instance of the owner.
func (a *Activities) StartInstance(ctx context.Context, in StartInstanceInput) (StartInstanceOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (StartInstanceOutput, error) {
		instance, err := c.Start(ctx, in.Op, in.InstanceID, p)
		return StartInstanceOutput{Instance: instance}, err
	})
}

// RemoveOwned removes all that the owner has.
func (a *Activities) RemoveOwned(ctx context.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(c Cloud, p operation.Progress) (RemoveOwnedOutput, error) {
		owned, err := c.RemoveOwned(ctx, in.Op, p)
		return RemoveOwnedOutput{Owned: owned}, err
	})
}

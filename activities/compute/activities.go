package compute

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "compute"

// Activity types.
const (
	activityCheck     = "compute.Check"
	activityPlan      = "compute.Plan"
	activityCloneVM   = "compute.CloneVM"
	activityAddDisk   = "compute.AddDisk"
	activityStartVM   = "compute.StartVM"
	activityRemoveVM  = "compute.RemoveVM"
	activityFindVMs   = "compute.FindVMs"
	activityRetireVM  = "compute.RetireVM"
	activityRestoreVM = "compute.RestoreVM"
	activityDestroyVM = "compute.DestroyVM"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Platform]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Platform) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityPlan, a.Plan)
	register(activityCloneVM, a.CloneVM)
	register(activityAddDisk, a.AddDisk)
	register(activityStartVM, a.StartVM)
	register(activityRemoveVM, a.RemoveVM)
	register(activityFindVMs, a.FindVMs)
	register(activityRetireVM, a.RetireVM)
	register(activityRestoreVM, a.RestoreVM)
	register(activityDestroyVM, a.DestroyVM)
	a.registerGrowth(register)
}

// Check proves that the platform answers and the credential is good.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Platform) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx)
	})
}

// Plan resolves where a machine goes and what is there already.
func (a *Activities) Plan(ctx context.Context, in PlanInput) (PlanOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Platform) (PlanOutput, error) {
		planned, err := s.Plan(ctx, in.Request)
		return PlanOutput{Planned: planned}, err
	})
}

// CloneVM makes the machine from its template.
func (a *Activities) CloneVM(ctx context.Context, in CloneVMInput) (CloneVMOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (CloneVMOutput, error) {
		m, err := s.EnsureMachine(ctx, in.Op, in.Request, p)
		return CloneVMOutput{Machine: m}, err
	})
}

// AddDisk adds a data disk.
func (a *Activities) AddDisk(ctx context.Context, in AddDiskInput) (AddDiskOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (AddDiskOutput, error) {
		d, err := s.EnsureDisk(ctx, in.Op, in.Request, p)
		return AddDiskOutput{Disk: d}, err
	})
}

// StartVM powers the machine on and waits for its address and host keys.
func (a *Activities) StartVM(ctx context.Context, in StartVMInput) (StartVMOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (StartVMOutput, error) {
		m, err := s.EnsureRunning(ctx, in.Op, in.MachineID, p)
		return StartVMOutput{Machine: m}, err
	})
}

// RemoveVM destroys the machine that carries the operation's key.
func (a *Activities) RemoveVM(ctx context.Context, in RemoveVMInput) (RemoveVMOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (RemoveVMOutput, error) {
		return RemoveVMOutput{}, s.RemoveMachine(ctx, in.Op, p)
	})
}

// FindVMs finds the machines of an owner.
func (a *Activities) FindVMs(ctx context.Context, in FindVMsInput) (FindVMsOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Platform) (FindVMsOutput, error) {
		m, err := s.FindByOwner(ctx, in.Owner)
		return FindVMsOutput{Machines: m}, err
	})
}

// RetireVM shuts a machine down and renames it.
func (a *Activities) RetireVM(ctx context.Context, in RetireVMInput) (RetireVMOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (RetireVMOutput, error) {
		m, err := s.Retire(ctx, in.Op, in.MachineID, in.Name, p)
		return RetireVMOutput{Machine: m}, err
	})
}

// RestoreVM brings a retired machine back.
func (a *Activities) RestoreVM(ctx context.Context, in RestoreVMInput) (RestoreVMOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (RestoreVMOutput, error) {
		m, err := s.Restore(ctx, in.Op, in.MachineID, in.Name, p)
		return RestoreVMOutput{Machine: m}, err
	})
}

// DestroyVM destroys a machine of the owner.
func (a *Activities) DestroyVM(ctx context.Context, in DestroyVMInput) (DestroyVMOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (DestroyVMOutput, error) {
		return DestroyVMOutput{}, s.Destroy(ctx, in.Op, in.MachineID, p)
	})
}

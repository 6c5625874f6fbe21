package compute

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// Activity types of what changes a machine that is in service.
const (
	activityResizeVM = "compute.ResizeVM"
	activityGrowDisk = "compute.GrowDisk"
	activityStopVM   = "compute.StopVM"
)

func (a *Activities) registerGrowth(register func(name string, activity any)) {
	register(activityResizeVM, a.ResizeVM)
	register(activityGrowDisk, a.GrowDisk)
	register(activityStopVM, a.StopVM)
}

// ResizeVM gives a machine other CPUs and memory.
func (a *Activities) ResizeVM(ctx context.Context, in ResizeVMInput) (ResizeVMOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (ResizeVMOutput, error) {
		m, err := s.EnsureSize(ctx, in.Op, in.MachineID, in.Was, in.Size, p)
		return ResizeVMOutput{Machine: m}, err
	})
}

// GrowDisk makes a disk larger.
func (a *Activities) GrowDisk(ctx context.Context, in GrowDiskInput) (GrowDiskOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (GrowDiskOutput, error) {
		d, err := s.EnsureDiskSize(ctx, in.Op, in.MachineID, in.Disk, p)
		return GrowDiskOutput{Disk: d}, err
	})
}

// StopVM shuts a machine down.
func (a *Activities) StopVM(ctx context.Context, in StopVMInput) (StopVMOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Platform, p operation.Progress) (StopVMOutput, error) {
		m, err := s.EnsureOff(ctx, in.Op, in.MachineID, p)
		return StopVMOutput{Machine: m}, err
	})
}

// ResizeVMInput asks for ResizeVM.
type ResizeVMInput struct {
	System    string       `json:"system,omitempty"`
	Op        operation.Op `json:"op"`
	MachineID string       `json:"machine_id"`
	Was       Size         `json:"was"`
	Size      Size         `json:"size"`
}

// ResizeVMOutput answers ResizeVM.
type ResizeVMOutput struct {
	Machine Machine `json:"machine"`
}

// ResizeVM gives a machine other CPUs and memory.
func ResizeVM(ctx workflow.Context, in ResizeVMInput) (ResizeVMOutput, error) {
	return operation.Call[ResizeVMOutput](ctx, Capability, activityResizeVM, 30*time.Minute, in)
}

// GrowDiskInput asks for GrowDisk.
type GrowDiskInput struct {
	System    string       `json:"system,omitempty"`
	Op        operation.Op `json:"op"`
	MachineID string       `json:"machine_id"`
	Disk      Disk         `json:"disk"` // Its UUID, and the size that it should have.
}

// GrowDiskOutput answers GrowDisk.
type GrowDiskOutput struct {
	Disk Disk `json:"disk"`
}

// GrowDisk makes a disk larger.
func GrowDisk(ctx workflow.Context, in GrowDiskInput) (GrowDiskOutput, error) {
	return operation.Call[GrowDiskOutput](ctx, Capability, activityGrowDisk, 30*time.Minute, in)
}

// StopVMInput asks for StopVM.
type StopVMInput struct {
	System    string       `json:"system,omitempty"`
	Op        operation.Op `json:"op"`
	MachineID string       `json:"machine_id"`
}

// StopVMOutput answers StopVM.
type StopVMOutput struct {
	Machine Machine `json:"machine"`
}

// StopVM shuts a machine down.
func StopVM(ctx workflow.Context, in StopVMInput) (StopVMOutput, error) {
	return operation.Call[StopVMOutput](ctx, Capability, activityStopVM, 30*time.Minute, in)
}

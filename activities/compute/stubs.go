package compute

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

// Check proves that the platform answers and the credential is good.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// PlanInput asks for Plan.
type PlanInput struct {
	System  string      `json:"system,omitempty"`
	Request PlanRequest `json:"request"`
}

// PlanOutput answers Plan.
type PlanOutput struct {
	Planned Planned `json:"planned"`
}

// Plan resolves where a machine goes and what is there already.
func Plan(ctx workflow.Context, in PlanInput) (PlanOutput, error) {
	return operation.Look[PlanOutput](ctx, Capability, activityPlan, 5*time.Minute, in)
}

// CloneVMInput asks for CloneVM.
type CloneVMInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Request Request      `json:"request"`
}

// CloneVMOutput answers CloneVM.
type CloneVMOutput struct {
	Machine Machine `json:"machine"`
}

// CloneVM makes the machine from its template.
func CloneVM(ctx workflow.Context, in CloneVMInput) (CloneVMOutput, error) {
	return operation.Call[CloneVMOutput](ctx, Capability, activityCloneVM, 2*time.Hour, in)
}

// AddDiskInput asks for AddDisk.
type AddDiskInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Request DiskRequest  `json:"request"`
}

// AddDiskOutput answers AddDisk.
type AddDiskOutput struct {
	Disk Disk `json:"disk"`
}

// AddDisk adds a data disk.
func AddDisk(ctx workflow.Context, in AddDiskInput) (AddDiskOutput, error) {
	return operation.Call[AddDiskOutput](ctx, Capability, activityAddDisk, 30*time.Minute, in)
}

// StartVMInput asks for StartVM.
type StartVMInput struct {
	System    string       `json:"system,omitempty"`
	Op        operation.Op `json:"op"`
	MachineID string       `json:"machine_id"`
}

// StartVMOutput answers StartVM.
type StartVMOutput struct {
	Machine Machine `json:"machine"`
}

// StartVM powers the machine on and waits for its address and host keys.
func StartVM(ctx workflow.Context, in StartVMInput) (StartVMOutput, error) {
	return operation.Call[StartVMOutput](ctx, Capability, activityStartVM, 30*time.Minute, in)
}

// RemoveVMInput asks for RemoveVM.
type RemoveVMInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// RemoveVMOutput answers RemoveVM.
type RemoveVMOutput struct{}

// RemoveVM destroys the machine that carries the operation's key.
func RemoveVM(ctx workflow.Context, in RemoveVMInput) (RemoveVMOutput, error) {
	return operation.Call[RemoveVMOutput](ctx, Capability, activityRemoveVM, 30*time.Minute, in)
}

// FindVMsInput asks for FindVMs.
type FindVMsInput struct {
	System string          `json:"system,omitempty"`
	Owner  operation.Owner `json:"owner"`
}

// FindVMsOutput answers FindVMs.
type FindVMsOutput struct {
	Machines []Machine `json:"machines"`
}

// FindVMs finds the machines of an owner.
func FindVMs(ctx workflow.Context, in FindVMsInput) (FindVMsOutput, error) {
	return operation.Look[FindVMsOutput](ctx, Capability, activityFindVMs, 5*time.Minute, in)
}

// RetireVMInput asks for RetireVM.
type RetireVMInput struct {
	System    string       `json:"system,omitempty"`
	Op        operation.Op `json:"op"`
	MachineID string       `json:"machine_id"`
	Name      string       `json:"name"`
}

// RetireVMOutput answers RetireVM.
type RetireVMOutput struct {
	Machine Machine `json:"machine"`
}

// RetireVM shuts a machine down and renames it.
func RetireVM(ctx workflow.Context, in RetireVMInput) (RetireVMOutput, error) {
	return operation.Call[RetireVMOutput](ctx, Capability, activityRetireVM, 30*time.Minute, in)
}

// RestoreVMInput asks for RestoreVM.
type RestoreVMInput struct {
	System    string       `json:"system,omitempty"`
	Op        operation.Op `json:"op"`
	MachineID string       `json:"machine_id"`
	Name      string       `json:"name"`
}

// RestoreVMOutput answers RestoreVM.
type RestoreVMOutput struct {
	Machine Machine `json:"machine"`
}

// RestoreVM brings a retired machine back.
func RestoreVM(ctx workflow.Context, in RestoreVMInput) (RestoreVMOutput, error) {
	return operation.Call[RestoreVMOutput](ctx, Capability, activityRestoreVM, 30*time.Minute, in)
}

// DestroyVMInput asks for DestroyVM.
type DestroyVMInput struct {
	System    string       `json:"system,omitempty"`
	Op        operation.Op `json:"op"`
	MachineID string       `json:"machine_id"`
}

// DestroyVMOutput answers DestroyVM.
type DestroyVMOutput struct{}

// DestroyVM destroys a machine of the owner.
func DestroyVM(ctx workflow.Context, in DestroyVMInput) (DestroyVMOutput, error) {
	return operation.Call[DestroyVMOutput](ctx, Capability, activityDestroyVM, 30*time.Minute, in)
}

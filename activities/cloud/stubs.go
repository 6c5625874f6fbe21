package cloud

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// How long one attempt may take. A first boot and a large volume take their time; the others are a call and a short wait.
const (
	bootLimit   = 30 * time.Minute
	changeLimit = 15 * time.Minute
	readLimit   = 2 * time.Minute
)

// CheckInput asks for Check.
type CheckInput struct {
	System string `json:"system,omitempty"`
}

// CheckOutput answers Check.
type CheckOutput struct{}

// Check proves that the cloud answers and the credential is good.
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

// Plan resolves what an instance would be made from and what is there already.
func Plan(ctx workflow.Context, in PlanInput) (PlanOutput, error) {
	return operation.Look[PlanOutput](ctx, Capability, activityPlan, readLimit, in)
}

// FindOwnedInput asks for FindOwned.
type FindOwnedInput struct {
	System string          `json:"system,omitempty"`
	Owner  operation.Owner `json:"owner"`
}

// FindOwnedOutput answers FindOwned.
type FindOwnedOutput struct {
	Owned Owned `json:"owned"`
}

// FindOwned finds all that an owner has.
func FindOwned(ctx workflow.Context, in FindOwnedInput) (FindOwnedOutput, error) {
	return operation.Look[FindOwnedOutput](ctx, Capability, activityFindOwned, readLimit, in)
}

// MakeGroupInput asks for MakeGroup.
type MakeGroupInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Name   string       `json:"name"`
}

// MakeGroupOutput answers MakeGroup.
type MakeGroupOutput struct {
	Group Group `json:"group"`
}

// MakeGroup makes a security group that lets nothing in.
func MakeGroup(ctx workflow.Context, in MakeGroupInput) (MakeGroupOutput, error) {
	return operation.Call[MakeGroupOutput](ctx, Capability, activityMakeGroup, changeLimit, in)
}

// RemoveGroupInput asks for RemoveGroup.
type RemoveGroupInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// RemoveGroupOutput answers RemoveGroup.
type RemoveGroupOutput struct{}

// RemoveGroup removes the security group that carries the operation's key, once nothing uses it any more.
func RemoveGroup(ctx workflow.Context, in RemoveGroupInput) (RemoveGroupOutput, error) {
	return operation.Call[RemoveGroupOutput](ctx, Capability, activityRemoveGroup, changeLimit, in)
}

// MakeInstanceInput asks for MakeInstance.
type MakeInstanceInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Request Request      `json:"request"`
}

// MakeInstanceOutput answers MakeInstance.
type MakeInstanceOutput struct {
	Instance Instance `json:"instance"`
}

// MakeInstance makes the instance and waits until it runs and tells its host keys.
func MakeInstance(ctx workflow.Context, in MakeInstanceInput) (MakeInstanceOutput, error) {
	return operation.Call[MakeInstanceOutput](ctx, Capability, activityMakeInstance, bootLimit, in)
}

// RemoveInstanceInput asks for RemoveInstance.
type RemoveInstanceInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// RemoveInstanceOutput answers RemoveInstance.
type RemoveInstanceOutput struct{}

// RemoveInstance removes the instance that carries the operation's key.
func RemoveInstance(ctx workflow.Context, in RemoveInstanceInput) (RemoveInstanceOutput, error) {
	return operation.Call[RemoveInstanceOutput](ctx, Capability, activityRemoveInstance, changeLimit, in)
}

// AddVolumeInput asks for AddVolume.
type AddVolumeInput struct {
	System     string       `json:"system,omitempty"`
	Op         operation.Op `json:"op"`
	InstanceID string       `json:"instance_id"`
	Volume     Volume       `json:"volume"`
	Zone       string       `json:"zone,omitempty"`
}

// AddVolumeOutput answers AddVolume.
type AddVolumeOutput struct {
	Disk Disk `json:"disk"`
}

// AddVolume makes a volume and attaches it to an instance of the same owner.
func AddVolume(ctx workflow.Context, in AddVolumeInput) (AddVolumeOutput, error) {
	return operation.Call[AddVolumeOutput](ctx, Capability, activityAddVolume, bootLimit, in)
}

// RemoveVolumeInput asks for RemoveVolume.
type RemoveVolumeInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// RemoveVolumeOutput answers RemoveVolume.
type RemoveVolumeOutput struct{}

// RemoveVolume detaches and removes the volume that carries the operation's key.
func RemoveVolume(ctx workflow.Context, in RemoveVolumeInput) (RemoveVolumeOutput, error) {
	return operation.Call[RemoveVolumeOutput](ctx, Capability, activityRemoveVolume, bootLimit, in)
}

// TakeAddressInput asks for TakeAddress.
type TakeAddressInput struct {
	System     string       `json:"system,omitempty"`
	Op         operation.Op `json:"op"`
	InstanceID string       `json:"instance_id"`
	Pool       Ref          `json:"pool"`
}

// TakeAddressOutput answers TakeAddress.
type TakeAddressOutput struct {
	Address PublicAddress `json:"address"`
}

// TakeAddress takes a public address from the pool and leads it to an instance of the same owner.
func TakeAddress(ctx workflow.Context, in TakeAddressInput) (TakeAddressOutput, error) {
	return operation.Call[TakeAddressOutput](ctx, Capability, activityTakeAddress, changeLimit, in)
}

// GiveBackAddressInput asks for GiveBackAddress.
type GiveBackAddressInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// GiveBackAddressOutput answers GiveBackAddress.
type GiveBackAddressOutput struct{}

// GiveBackAddress gives back the public address that carries the operation's key.
func GiveBackAddress(ctx workflow.Context, in GiveBackAddressInput) (GiveBackAddressOutput, error) {
	return operation.Call[GiveBackAddressOutput](ctx, Capability, activityGiveBackAddress, changeLimit, in)
}

// StopInstanceInput asks for StopInstance.
type StopInstanceInput struct {
	System     string       `json:"system,omitempty"`
	Op         operation.Op `json:"op"`
	InstanceID string       `json:"instance_id"`
}

// StopInstanceOutput answers StopInstance.
type StopInstanceOutput struct {
	Instance Instance `json:"instance"`
}

// StopInstance stops an instance of the owner and waits until it is.
func StopInstance(ctx workflow.Context, in StopInstanceInput) (StopInstanceOutput, error) {
	return operation.Call[StopInstanceOutput](ctx, Capability, activityStopInstance, bootLimit, in)
}

// StartInstanceInput asks for StartInstance.
type StartInstanceInput struct {
	System     string       `json:"system,omitempty"`
	Op         operation.Op `json:"op"`
	InstanceID string       `json:"instance_id"`
}

// StartInstanceOutput answers StartInstance.
type StartInstanceOutput struct {
	Instance Instance `json:"instance"`
}

// StartInstance starts an instance of the owner and waits until it runs.
func StartInstance(ctx workflow.Context, in StartInstanceInput) (StartInstanceOutput, error) {
	return operation.Call[StartInstanceOutput](ctx, Capability, activityStartInstance, bootLimit, in)
}

// RemoveOwnedInput asks for RemoveOwned.
type RemoveOwnedInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// RemoveOwnedOutput answers RemoveOwned.
type RemoveOwnedOutput struct {
	Owned Owned `json:"owned"` // What was removed.
}

// RemoveOwned removes all that the owner has, in the order that the cloud wants.
func RemoveOwned(ctx workflow.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Call[RemoveOwnedOutput](ctx, Capability, activityRemoveOwned, bootLimit, in)
}

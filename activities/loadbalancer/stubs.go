package loadbalancer

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

// Check proves that the balancer answers with the rights we need.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// FindMembersInput asks for FindMembers.
type FindMembersInput struct {
	System  string          `json:"system,omitempty"`
	Backend string          `json:"backend"`
	Name    string          `json:"name"`
	Owner   operation.Owner `json:"owner"`
}

// FindMembersOutput answers FindMembers.
type FindMembersOutput struct {
	Members []Status `json:"members"`
}

// FindMembers finds members by name or owner.
func FindMembers(ctx workflow.Context, in FindMembersInput) (FindMembersOutput, error) {
	return operation.Look[FindMembersOutput](ctx, Capability, activityFindMembers, 2*time.Minute, in)
}

// AddMemberInput asks for AddMember.
type AddMemberInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Member Member       `json:"member"`
}

// AddMemberOutput answers AddMember.
type AddMemberOutput struct {
	Status Status `json:"status"`
}

// AddMember adds a member in drain.
func AddMember(ctx workflow.Context, in AddMemberInput) (AddMemberOutput, error) {
	return operation.Call[AddMemberOutput](ctx, Capability, activityAddMember, 5*time.Minute, in)
}

// SetMemberInput asks for SetMember.
type SetMemberInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Backend string       `json:"backend"`
	Name    string       `json:"name"`
	State   State        `json:"state"`
}

// SetMemberOutput answers SetMember.
type SetMemberOutput struct {
	Status Status `json:"status"`
}

// SetMember brings a member into a state.
func SetMember(ctx workflow.Context, in SetMemberInput) (SetMemberOutput, error) {
	return operation.Call[SetMemberOutput](ctx, Capability, activitySetMember, 15*time.Minute, in)
}

// RemoveMemberInput asks for RemoveMember.
type RemoveMemberInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Backend string       `json:"backend"`
	Name    string       `json:"name"`
}

// RemoveMemberOutput answers RemoveMember.
type RemoveMemberOutput struct{}

// RemoveMember drains and removes the member that carries the operation's key.
func RemoveMember(ctx workflow.Context, in RemoveMemberInput) (RemoveMemberOutput, error) {
	return operation.Call[RemoveMemberOutput](ctx, Capability, activityRemoveMember, 15*time.Minute, in)
}

// RemoveOwnedInput asks for RemoveOwned.
type RemoveOwnedInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
}

// RemoveOwnedOutput answers RemoveOwned.
type RemoveOwnedOutput struct {
	Members []Status `json:"members"`
}

// RemoveOwned drains and removes every member of the owner.
func RemoveOwned(ctx workflow.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Call[RemoveOwnedOutput](ctx, Capability, activityRemoveOwned, 15*time.Minute, in)
}

// AlterMemberInput asks for AlterMember.
type AlterMemberInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Was    Member       `json:"was"`
	Member Member       `json:"member"`
}

// AlterMemberOutput answers AlterMember.
type AlterMemberOutput struct {
	Status Status `json:"status"`
}

// AlterMember gives a member another port and weight.
func AlterMember(ctx workflow.Context, in AlterMemberInput) (AlterMemberOutput, error) {
	return operation.Call[AlterMemberOutput](ctx, Capability, activityAlterMember, 15*time.Minute, in)
}

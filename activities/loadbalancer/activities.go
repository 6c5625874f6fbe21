package loadbalancer

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "loadbalancer"

// Activity types.
const (
	activityCheck        = "loadbalancer.Check"
	activityFindMembers  = "loadbalancer.FindMembers"
	activityAddMember    = "loadbalancer.AddMember"
	activitySetMember    = "loadbalancer.SetMember"
	activityRemoveMember = "loadbalancer.RemoveMember"
	activityRemoveOwned  = "loadbalancer.RemoveOwned"
	activityAlterMember  = "loadbalancer.AlterMember"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[Balancer]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]Balancer) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityFindMembers, a.FindMembers)
	register(activityAddMember, a.AddMember)
	register(activitySetMember, a.SetMember)
	register(activityRemoveMember, a.RemoveMember)
	register(activityRemoveOwned, a.RemoveOwned)
	register(activityAlterMember, a.AlterMember)
}

// Check proves that the balancer answers with the rights we need.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Balancer) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx)
	})
}

// FindMembers finds members by name or owner.
func (a *Activities) FindMembers(ctx context.Context, in FindMembersInput) (FindMembersOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Balancer) (FindMembersOutput, error) {
		m, err := s.Find(ctx, in.Backend, in.Name, in.Owner)
		return FindMembersOutput{Members: m}, err
	})
}

// AddMember adds a member in drain.
func (a *Activities) AddMember(ctx context.Context, in AddMemberInput) (AddMemberOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Balancer, p operation.Progress) (AddMemberOutput, error) {
		m, err := s.EnsureMember(ctx, in.Op, in.Member, p)
		return AddMemberOutput{Status: m}, err
	})
}

// SetMember brings a member into a state.
func (a *Activities) SetMember(ctx context.Context, in SetMemberInput) (SetMemberOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Balancer, p operation.Progress) (SetMemberOutput, error) {
		m, err := s.EnsureState(ctx, in.Op, in.Backend, in.Name, in.State, p)
		return SetMemberOutput{Status: m}, err
	})
}

// RemoveMember drains and removes the member that carries the operation's key.
func (a *Activities) RemoveMember(ctx context.Context, in RemoveMemberInput) (RemoveMemberOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Balancer, p operation.Progress) (RemoveMemberOutput, error) {
		return RemoveMemberOutput{}, s.RemoveMember(ctx, in.Op, in.Backend, in.Name, p)
	})
}

// RemoveOwned drains and removes every member of the owner.
func (a *Activities) RemoveOwned(ctx context.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Balancer, p operation.Progress) (RemoveOwnedOutput, error) {
		m, err := s.RemoveOwned(ctx, in.Op, p)
		return RemoveOwnedOutput{Members: m}, err
	})
}

// AlterMember gives a member another port and weight.
func (a *Activities) AlterMember(ctx context.Context, in AlterMemberInput) (AlterMemberOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Balancer, p operation.Progress) (AlterMemberOutput, error) {
		m, err := s.EnsureSetting(ctx, in.Op, in.Was, in.Member, p)
		return AlterMemberOutput{Status: m}, err
	})
}

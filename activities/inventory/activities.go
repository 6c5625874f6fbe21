package inventory

import (
	"context"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "inventory"

// Activity types.
const (
	activityCheck         = "inventory.Check"
	activityRegisterItem  = "inventory.RegisterItem"
	activityWithdrawItem  = "inventory.WithdrawItem"
	activitySetState      = "inventory.SetState"
	activitySetAttributes = "inventory.SetAttributes"
	activityFindItems     = "inventory.FindItems"
)

// Activities carry out what workflows ask of the systems that this worker is configured for.
type Activities struct {
	systems operation.Systems[CMDB]
}

// NewActivities serves the systems, by their names.
func NewActivities(systems map[string]CMDB) *Activities { return &Activities{systems: systems} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityRegisterItem, a.RegisterItem)
	register(activityWithdrawItem, a.WithdrawItem)
	register(activitySetState, a.SetState)
	register(activitySetAttributes, a.SetAttributes)
	register(activityFindItems, a.FindItems)
}

// Check proves that the database answers, lets us in and knows the class.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s CMDB) (CheckOutput, error) {
		return CheckOutput{}, s.CheckClass(ctx, in.Class)
	})
}

// RegisterItem makes the item.
func (a *Activities) RegisterItem(ctx context.Context, in RegisterItemInput) (RegisterItemOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s CMDB, _ operation.Progress) (RegisterItemOutput, error) {
		item, err := s.EnsureItem(ctx, in.Op, in.Request)
		return RegisterItemOutput{Item: item}, err
	})
}

// WithdrawItem retires what carries the operation's key: what RegisterItem made, or brought back.
func (a *Activities) WithdrawItem(ctx context.Context, in WithdrawItemInput) (WithdrawItemOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s CMDB, _ operation.Progress) (WithdrawItemOutput, error) {
		retired, err := Withdraw(ctx, s, in.Op, in.Note)
		return WithdrawItemOutput{Items: retired}, err
	})
}

// Withdraw retires what carries op.Key, and nothing else of the owner. It goes by the key, so it takes back what was made by an
// attempt whose answer was lost, too. Faults: those of CMDB.
func Withdraw(ctx context.Context, s CMDB, op operation.Op, note string) (retired []Item, err error) {
	found, err := s.FindItems(ctx, Query{Owner: op.Owner})
	if err != nil {
		return nil, err
	}
	for _, item := range found {
		if item.Key != op.Key.String() {
			continue
		}
		if item, err = s.EnsureState(ctx, op, item.ID, Retired, note); err != nil {
			return retired, err
		}
		retired = append(retired, item)
	}
	return retired, nil
}

// SetState retires an item or brings it back into service.
func (a *Activities) SetState(ctx context.Context, in SetStateInput) (SetStateOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s CMDB, _ operation.Progress) (SetStateOutput, error) {
		item, err := s.EnsureState(ctx, in.Op, in.ItemID, in.State, in.Note)
		return SetStateOutput{Item: item}, err
	})
}

// SetAttributes gives an item other values of some attributes.
func (a *Activities) SetAttributes(ctx context.Context, in SetAttributesInput) (SetAttributesOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s CMDB, _ operation.Progress) (SetAttributesOutput, error) {
		item, err := s.EnsureAttributes(ctx, in.Op, in.ItemID, in.Attributes, in.Note)
		return SetAttributesOutput{Item: item}, err
	})
}

// FindItems looks for items.
func (a *Activities) FindItems(ctx context.Context, in FindItemsInput) (FindItemsOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s CMDB) (FindItemsOutput, error) {
		found, err := s.FindItems(ctx, in.Query)
		return FindItemsOutput{Items: found}, err
	})
}

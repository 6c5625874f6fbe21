package inventory

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// CheckInput asks for Check.
type CheckInput struct {
	System string `json:"system,omitempty"`
	Class  string `json:"class,omitempty"`
}

// CheckOutput answers Check.
type CheckOutput struct{}

// Check proves that the database answers, lets us in and knows the class.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// RegisterItemInput asks for RegisterItem.
type RegisterItemInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Request Request      `json:"request"`
}

// RegisterItemOutput answers RegisterItem.
type RegisterItemOutput struct {
	Item Item `json:"item"`
}

// RegisterItem makes the item.
func RegisterItem(ctx workflow.Context, in RegisterItemInput) (RegisterItemOutput, error) {
	return operation.Call[RegisterItemOutput](ctx, Capability, activityRegisterItem, 5*time.Minute, in)
}

// WithdrawItemInput asks for WithdrawItem.
type WithdrawItemInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Note   string       `json:"note"` // Why, for people.
}

// WithdrawItemOutput answers WithdrawItem.
type WithdrawItemOutput struct {
	Items []Item `json:"items,omitempty"` // What is retired now; none where nothing was made.
}

// WithdrawItem retires what carries the operation's key: what RegisterItem made, or brought back.
func WithdrawItem(ctx workflow.Context, in WithdrawItemInput) (WithdrawItemOutput, error) {
	return operation.Call[WithdrawItemOutput](ctx, Capability, activityWithdrawItem, 5*time.Minute, in)
}

// SetStateInput asks for SetState.
type SetStateInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	ItemID string       `json:"item_id"`
	State  State        `json:"state"`
	Note   string       `json:"note"` // Why, for people.
}

// SetStateOutput answers SetState.
type SetStateOutput struct {
	Item Item `json:"item"`
}

// SetState retires an item or brings it back into service.
func SetState(ctx workflow.Context, in SetStateInput) (SetStateOutput, error) {
	return operation.Call[SetStateOutput](ctx, Capability, activitySetState, 5*time.Minute, in)
}

// SetAttributesInput asks for SetAttributes.
type SetAttributesInput struct {
	System     string            `json:"system,omitempty"`
	Op         operation.Op      `json:"op"`
	ItemID     string            `json:"item_id"`
	Attributes map[string]string `json:"attributes"` // Those to change; empty: there is to be none of that name.
	Note       string            `json:"note"`       // Why, for people.
}

// SetAttributesOutput answers SetAttributes.
type SetAttributesOutput struct {
	Item Item `json:"item"`
}

// SetAttributes gives an item other values of some attributes.
func SetAttributes(ctx workflow.Context, in SetAttributesInput) (SetAttributesOutput, error) {
	return operation.Call[SetAttributesOutput](ctx, Capability, activitySetAttributes, 5*time.Minute, in)
}

// FindItemsInput asks for FindItems.
type FindItemsInput struct {
	System string `json:"system,omitempty"`
	Query  Query  `json:"query"`
}

// FindItemsOutput answers FindItems.
type FindItemsOutput struct {
	Items []Item `json:"items,omitempty"`
}

// FindItems looks for items.
func FindItems(ctx workflow.Context, in FindItemsInput) (FindItemsOutput, error) {
	return operation.Look[FindItemsOutput](ctx, Capability, activityFindItems, 5*time.Minute, in)
}

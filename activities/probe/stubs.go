package probe

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

// Check proves that the way out is open.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// GetInput asks for Get.
type GetInput struct {
	System  string  `json:"system,omitempty"`
	Request Request `json:"request"`
}

// GetOutput answers Get.
type GetOutput struct {
	Answer Answer `json:"answer"`
}

// Get asks for a page as a user would.
func Get(ctx workflow.Context, in GetInput) (GetOutput, error) {
	return operation.Call[GetOutput](ctx, Capability, activityGet, time.Minute, in)
}

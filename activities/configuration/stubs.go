package configuration

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/activities/secret"
)

// CheckInput asks for Check.
type CheckInput struct {
	System string `json:"system,omitempty"`
}

// CheckOutput answers Check.
type CheckOutput struct{}

// Check proves that plays can be run.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Call[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// DescribeInput asks for Describe.
type DescribeInput struct {
	System  string       `json:"system,omitempty"`
	Play    Play         `json:"play"`
	Secrets []secret.Ref `json:"secrets,omitempty"` // References that must resolve.
}

// DescribeOutput answers Describe.
type DescribeOutput struct {
	Description Description     `json:"description"`
	Secrets     []secret.Pinned `json:"secrets,omitempty"` // Those asked for, each once, with their versions.
}

// Describe proves that plays can be run and the secrets are there, and tells what the playbook is.
func Describe(ctx workflow.Context, in DescribeInput) (DescribeOutput, error) {
	return operation.Call[DescribeOutput](ctx, Capability, activityDescribe, 2*time.Minute, in)
}

// PreviewInput asks for Preview.
type PreviewInput struct {
	System  string                `json:"system,omitempty"`
	Host    Host                  `json:"host"`
	Play    Play                  `json:"play"`
	Secrets map[string]secret.Ref `json:"secrets,omitempty"` // By the variable's name.
}

// PreviewOutput answers Preview.
type PreviewOutput struct {
	Foresight Foresight `json:"foresight"`
}

// Preview tells what the play would change on a host that is there: check mode with diff. It changes nothing and holds
// the host's lock meanwhile.
func Preview(ctx workflow.Context, in PreviewInput) (PreviewOutput, error) {
	return operation.Call[PreviewOutput](ctx, Capability, activityPreview, time.Hour, in)
}

// ApplyInput asks for Apply.
type ApplyInput struct {
	System  string                `json:"system,omitempty"`
	Op      operation.Op          `json:"op"`
	Host    Host                  `json:"host"`
	Play    Play                  `json:"play"`
	Secrets map[string]secret.Ref `json:"secrets,omitempty"` // By the variable's name.
}

// ApplyOutput answers Apply.
type ApplyOutput struct {
	Applied Applied `json:"applied"`
}

// Apply runs the play on the host.
func Apply(ctx workflow.Context, in ApplyInput) (ApplyOutput, error) {
	return operation.Call[ApplyOutput](ctx, Capability, activityApply, 3*time.Hour, in)
}

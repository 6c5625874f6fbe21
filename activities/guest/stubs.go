package guest

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
	"fermata/activities/secret"
)

// CheckInput asks for Check.
type CheckInput struct {
	System  string       `json:"system,omitempty"`
	Secrets []secret.Ref `json:"secrets,omitempty"` // References that must resolve.
}

// CheckOutput answers Check.
type CheckOutput struct {
	// Secrets are those asked for, each once, with their versions. A worker of a build before versions tells none.
	Secrets []secret.Pinned `json:"secrets,omitempty"`
}

// Check proves that guests can be reached and the secrets are there, and tells the secrets' versions.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// AuthorizedKeyInput asks for AuthorizedKey.
type AuthorizedKeyInput struct {
	System string `json:"system,omitempty"`
}

// AuthorizedKeyOutput answers AuthorizedKey.
type AuthorizedKeyOutput struct {
	Key string `json:"key"` // authorized_keys form.
}

// AuthorizedKey returns the public key that guests must accept.
func AuthorizedKey(ctx workflow.Context, in AuthorizedKeyInput) (AuthorizedKeyOutput, error) {
	return operation.Look[AuthorizedKeyOutput](ctx, Capability, activityAuthorizedKey, time.Minute, in)
}

// ReachInput asks for Reach.
type ReachInput struct {
	System string `json:"system,omitempty"`
	Host   Host   `json:"host"`
}

// ReachOutput answers Reach.
type ReachOutput struct{}

// Reach waits until the guest lets the worker in.
func Reach(ctx workflow.Context, in ReachInput) (ReachOutput, error) {
	return operation.Call[ReachOutput](ctx, Capability, activityReach, 30*time.Minute, in)
}

// MountVolumeInput asks for MountVolume.
type MountVolumeInput struct {
	System  string        `json:"system,omitempty"`
	Op      operation.Op  `json:"op"`
	Host    Host          `json:"host"`
	Request VolumeRequest `json:"request"`
}

// MountVolumeOutput answers MountVolume.
type MountVolumeOutput struct {
	State VolumeState `json:"state"`
}

// MountVolume makes the file system on a data disk and mounts it.
func MountVolume(ctx workflow.Context, in MountVolumeInput) (MountVolumeOutput, error) {
	return operation.Call[MountVolumeOutput](ctx, Capability, activityMountVolume, 2*time.Hour, in)
}

// ConfigureSystemInput asks for ConfigureSystem.
type ConfigureSystemInput struct {
	System  string        `json:"system,omitempty"`
	Op      operation.Op  `json:"op"`
	Host    Host          `json:"host"`
	Request SystemRequest `json:"request"`
}

// ConfigureSystemOutput answers ConfigureSystem.
type ConfigureSystemOutput struct {
	Changes Changes `json:"changes"`
}

// ConfigureSystem sets the operating system up.
func ConfigureSystem(ctx workflow.Context, in ConfigureSystemInput) (ConfigureSystemOutput, error) {
	return operation.Call[ConfigureSystemOutput](ctx, Capability, activityConfigureSystem, time.Hour, in)
}

// InstallApplicationInput asks for InstallApplication.
type InstallApplicationInput struct {
	System  string             `json:"system,omitempty"`
	Op      operation.Op       `json:"op"`
	Host    Host               `json:"host"`
	Request ApplicationRequest `json:"request"`
}

// InstallApplicationOutput answers InstallApplication.
type InstallApplicationOutput struct {
	Changes Changes `json:"changes"`
}

// InstallApplication installs, configures and starts the application.
func InstallApplication(ctx workflow.Context, in InstallApplicationInput) (InstallApplicationOutput, error) {
	return operation.Call[InstallApplicationOutput](ctx, Capability, activityInstallApplication, time.Hour, in)
}

package guest

import (
	"context"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// Activity types of what changes a guest that is in service.
const (
	activityInspect           = "guest.Inspect"
	activityChangeSystem      = "guest.ChangeSystem"
	activityChangeApplication = "guest.ChangeApplication"
	activityRestoreImage      = "guest.RestoreImage"
	activityGrowVolume        = "guest.GrowVolume"
)

func (a *Activities) registerAlteration(register func(name string, activity any)) {
	register(activityInspect, a.Inspect)
	register(activityChangeSystem, a.ChangeSystem)
	register(activityChangeApplication, a.ChangeApplication)
	register(activityRestoreImage, a.RestoreImage)
	register(activityGrowVolume, a.GrowVolume)
}

// Inspect tells how a guest is.
func (a *Activities) Inspect(ctx context.Context, in InspectInput) (InspectOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Access) (InspectOutput, error) {
		secrets, err := a.resolve(ctx, slices.Concat(in.Request.OS.Files, in.Request.Files))
		if err != nil {
			return InspectOutput{}, err
		}
		seen, err := s.Inspect(ctx, in.Host, in.Request, secrets)
		return InspectOutput{Inspection: seen}, secrets.hidden(err)
	})
}

// ChangeSystem keeps an image of the files that change, then brings the settings to what is asked.
func (a *Activities) ChangeSystem(ctx context.Context, in ChangeSystemInput) (ChangeSystemOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (ChangeSystemOutput, error) {
		secrets, err := a.resolve(ctx, in.Request.OS.Files)
		if err != nil {
			return ChangeSystemOutput{}, err
		}
		if len(in.Request.OS.Files) > 0 {
			if err := s.EnsureImage(ctx, in.Op, in.Host, ImageRequest{Files: in.Request.OS.Files}, p); err != nil {
				return ChangeSystemOutput{}, err
			}
		}
		changes, err := s.EnsureSystem(ctx, in.Op, in.Host, in.Request, secrets, p)
		return ChangeSystemOutput{Changes: changes}, secrets.hidden(err)
	})
}

// ChangeApplication keeps an image of the application, then brings it to what is asked.
func (a *Activities) ChangeApplication(ctx context.Context, in ChangeApplicationInput) (ChangeApplicationOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (ChangeApplicationOutput, error) {
		secrets, err := a.resolve(ctx, in.Image.Files)
		if err != nil {
			return ChangeApplicationOutput{}, err
		}
		if err := s.EnsureImage(ctx, in.Op, in.Host, in.Image, p); err != nil {
			return ChangeApplicationOutput{}, err
		}
		wanted := ApplicationRequest{Application: *in.Image.Application, Files: in.Image.Files}
		changes, err := s.EnsureApplication(ctx, in.Op, in.Host, wanted, secrets, p)
		return ChangeApplicationOutput{Changes: changes}, secrets.hidden(err)
	})
}

// RestoreImage puts back what a change overwrote.
func (a *Activities) RestoreImage(ctx context.Context, in RestoreImageInput) (RestoreImageOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (RestoreImageOutput, error) {
		secrets, err := a.resolve(ctx, in.Image.Files)
		if err != nil {
			return RestoreImageOutput{}, err
		}
		changes, err := s.RestoreImage(ctx, in.Op, in.Host, in.Image, secrets, p)
		return RestoreImageOutput{Changes: changes}, secrets.hidden(err)
	})
}

// GrowVolume makes a file system as large as its disk.
func (a *Activities) GrowVolume(ctx context.Context, in GrowVolumeInput) (GrowVolumeOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (GrowVolumeOutput, error) {
		size, err := s.GrowVolume(ctx, in.Host, in.Request, p)
		return GrowVolumeOutput{Size: size}, err
	})
}

// InspectInput asks for Inspect.
type InspectInput struct {
	System  string         `json:"system,omitempty"`
	Host    Host           `json:"host"`
	Request InspectRequest `json:"request"`
}

// InspectOutput answers Inspect.
type InspectOutput struct {
	Inspection Inspection `json:"inspection"`
}

// Inspect tells how a guest is.
func Inspect(ctx workflow.Context, in InspectInput) (InspectOutput, error) {
	return operation.Call[InspectOutput](ctx, Capability, activityInspect, 5*time.Minute, in)
}

// ChangeSystemInput asks for ChangeSystem.
type ChangeSystemInput struct {
	System  string        `json:"system,omitempty"`
	Op      operation.Op  `json:"op"`
	Host    Host          `json:"host"`
	Request SystemRequest `json:"request"`
}

// ChangeSystemOutput answers ChangeSystem.
type ChangeSystemOutput struct {
	Changes Changes `json:"changes"`
}

// ChangeSystem brings the settings of a guest in service to what is asked.
func ChangeSystem(ctx workflow.Context, in ChangeSystemInput) (ChangeSystemOutput, error) {
	return operation.Call[ChangeSystemOutput](ctx, Capability, activityChangeSystem, time.Hour, in)
}

// ChangeApplicationInput asks for ChangeApplication.
type ChangeApplicationInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Host   Host         `json:"host"`
	Image  ImageRequest `json:"image"`
}

// ChangeApplicationOutput answers ChangeApplication.
type ChangeApplicationOutput struct {
	Changes Changes `json:"changes"`
}

// ChangeApplication brings the application of a guest in service to what is asked.
func ChangeApplication(ctx workflow.Context, in ChangeApplicationInput) (ChangeApplicationOutput, error) {
	return operation.Call[ChangeApplicationOutput](ctx, Capability, activityChangeApplication, time.Hour, in)
}

// RestoreImageInput asks for RestoreImage.
type RestoreImageInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Host   Host         `json:"host"`
	Image  ImageRequest `json:"image"`
}

// RestoreImageOutput answers RestoreImage.
type RestoreImageOutput struct {
	Changes Changes `json:"changes"`
}

// RestoreImage puts back what a change overwrote.
func RestoreImage(ctx workflow.Context, in RestoreImageInput) (RestoreImageOutput, error) {
	return operation.Call[RestoreImageOutput](ctx, Capability, activityRestoreImage, time.Hour, in)
}

// GrowVolumeInput asks for GrowVolume.
type GrowVolumeInput struct {
	System  string       `json:"system,omitempty"`
	Op      operation.Op `json:"op"`
	Host    Host         `json:"host"`
	Request GrowRequest  `json:"request"`
}

// GrowVolumeOutput answers GrowVolume.
type GrowVolumeOutput struct {
	Size VolumeSize `json:"size"`
}

// GrowVolume makes a file system as large as its disk.
func GrowVolume(ctx workflow.Context, in GrowVolumeInput) (GrowVolumeOutput, error) {
	return operation.Call[GrowVolumeOutput](ctx, Capability, activityGrowVolume, 30*time.Minute, in)
}

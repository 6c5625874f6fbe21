package guest

import (
	"context"
	"maps"
	"slices"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/spec"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "guest"

// Activity types.
const (
	activityCheck              = "guest.Check"
	activityAuthorizedKey      = "guest.AuthorizedKey"
	activityReach              = "guest.Reach"
	activityMountVolume        = "guest.MountVolume"
	activityConfigureSystem    = "guest.ConfigureSystem"
	activityInstallApplication = "guest.InstallApplication"
)

// Activities carry out what workflows ask of the guests that this worker can reach.
type Activities struct {
	systems operation.Systems[Access]
	secrets secret.Pinner
}

// NewActivities serves the ways into guests, by their names. Secrets are resolved at the moment of use.
func NewActivities(systems map[string]Access, secrets secret.Pinner) *Activities {
	return &Activities{systems: systems, secrets: secrets}
}

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityAuthorizedKey, a.AuthorizedKey)
	register(activityReach, a.Reach)
	register(activityMountVolume, a.MountVolume)
	register(activityConfigureSystem, a.ConfigureSystem)
	register(activityInstallApplication, a.InstallApplication)
	a.registerAlteration(register)
	a.registerAccounts(register)
}

// Check proves that the credential is there, the jump host lets the worker in, and the named secrets can be resolved. It
// tells the versions of those, as this worker will read them.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Access) (CheckOutput, error) {
		pinned, err := secret.PinAll(ctx, a.secrets, in.Secrets)
		if err != nil {
			return CheckOutput{}, err
		}
		return CheckOutput{Secrets: pinned}, s.Check(ctx)
	})
}

// AuthorizedKey returns the public key that guests must accept.
func (a *Activities) AuthorizedKey(ctx context.Context, in AuthorizedKeyInput) (AuthorizedKeyOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(s Access) (AuthorizedKeyOutput, error) {
		key, err := s.AuthorizedKey(ctx)
		return AuthorizedKeyOutput{Key: key}, err
	})
}

// Reach waits until the guest lets the worker in.
func (a *Activities) Reach(ctx context.Context, in ReachInput) (ReachOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (ReachOutput, error) {
		return ReachOutput{}, s.Reach(ctx, in.Host, p)
	})
}

// MountVolume makes the file system on a data disk and mounts it.
func (a *Activities) MountVolume(ctx context.Context, in MountVolumeInput) (MountVolumeOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (MountVolumeOutput, error) {
		state, err := s.EnsureVolume(ctx, in.Op, in.Host, in.Request, p)
		return MountVolumeOutput{State: state}, err
	})
}

// ConfigureSystem sets the operating system up.
func (a *Activities) ConfigureSystem(ctx context.Context, in ConfigureSystemInput) (ConfigureSystemOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (ConfigureSystemOutput, error) {
		secrets, err := a.resolve(ctx, in.Request.OS.Files)
		if err != nil {
			return ConfigureSystemOutput{}, err
		}
		changes, err := s.EnsureSystem(ctx, in.Op, in.Host, in.Request, secrets, p)
		return ConfigureSystemOutput{Changes: changes}, secrets.hidden(err)
	})
}

// InstallApplication installs, configures and starts the application.
func (a *Activities) InstallApplication(ctx context.Context, in InstallApplicationInput) (InstallApplicationOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(s Access, p operation.Progress) (InstallApplicationOutput, error) {
		secrets, err := a.resolve(ctx, in.Request.Files)
		if err != nil {
			return InstallApplicationOutput{}, err
		}
		changes, err := s.EnsureApplication(ctx, in.Op, in.Host, in.Request, secrets, p)
		return InstallApplicationOutput{Changes: changes}, secrets.hidden(err)
	})
}

func (a *Activities) resolve(ctx context.Context, files []spec.File) (Secrets, error) {
	secrets := Secrets{}
	for _, f := range files {
		if f.Secret == "" {
			continue
		}
		value, err := a.secrets.Resolve(ctx, secret.Ref(f.Secret))
		if err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, "file "+f.Path)
		}
		secrets[f.Path] = value
	}
	return secrets, nil
}

// hidden takes the secrets out of an error: what a guest says of a service may quote its configuration.
func (s Secrets) hidden(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if hidden := secret.Hide(text, slices.Collect(maps.Values(s))...); hidden != text {
		return fault.Reword(err, hidden)
	}
	return err
}

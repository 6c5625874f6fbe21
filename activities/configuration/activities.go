package configuration

import (
	"context"
	"maps"
	"slices"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/activities/secret"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "configuration"

// Activity types.
const (
	activityCheck    = "configuration.Check"
	activityDescribe = "configuration.Describe"
	activityPreview  = "configuration.Preview"
	activityApply    = "configuration.Apply"
)

// Activities carry out what workflows ask of the projects that this worker has.
type Activities struct {
	systems operation.Systems[Runner]
	secrets secret.Pinner
}

// NewActivities serves the projects, by their names. Secrets are resolved at the moment of use.
func NewActivities(systems map[string]Runner, secrets secret.Pinner) *Activities {
	return &Activities{systems: systems, secrets: secrets}
}

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityDescribe, a.Describe)
	register(activityPreview, a.Preview)
	register(activityApply, a.Apply)
}

// Check proves that plays can be run.
func (a *Activities) Check(ctx context.Context, in CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(r Runner) (CheckOutput, error) {
		return CheckOutput{}, r.Check(ctx)
	})
}

// Describe proves that plays can be run and the named secrets resolved, and tells what the playbook is.
func (a *Activities) Describe(ctx context.Context, in DescribeInput) (DescribeOutput, error) {
	return operation.Read(ctx, a.systems, in.System, func(r Runner) (DescribeOutput, error) {
		if err := r.Check(ctx); err != nil {
			return DescribeOutput{}, err
		}
		pinned, err := secret.PinAll(ctx, a.secrets, in.Secrets)
		if err != nil {
			return DescribeOutput{}, err
		}
		described, err := r.Describe(ctx, in.Play)
		return DescribeOutput{Description: described, Secrets: pinned}, err
	})
}

// Preview tells what the play would change.
func (a *Activities) Preview(ctx context.Context, in PreviewInput) (PreviewOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(r Runner, p operation.Progress) (PreviewOutput, error) {
		values, err := a.resolve(ctx, in.Secrets)
		if err != nil {
			return PreviewOutput{}, err
		}
		seen, err := r.Preview(ctx, in.Host, in.Play, values, p)
		return PreviewOutput{Foresight: seen}, values.hidden(err)
	})
}

// Apply runs the play.
func (a *Activities) Apply(ctx context.Context, in ApplyInput) (ApplyOutput, error) {
	return operation.Change(ctx, a.systems, in.System, func(r Runner, p operation.Progress) (ApplyOutput, error) {
		values, err := a.resolve(ctx, in.Secrets)
		if err != nil {
			return ApplyOutput{}, err
		}
		applied, err := r.Apply(ctx, in.Op, in.Host, in.Play, values, p)
		return ApplyOutput{Applied: applied}, values.hidden(err)
	})
}

func (a *Activities) resolve(ctx context.Context, refs map[string]secret.Ref) (Values, error) {
	values := Values{}
	for _, name := range slices.Sorted(maps.Keys(refs)) {
		value, err := a.secrets.Resolve(ctx, refs[name])
		if err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, "variable "+name)
		}
		values[name] = value
	}
	return values, nil
}

// Hide takes the secrets out of a text: what a task says may quote what it was given.
func (v Values) Hide(text string) string {
	return secret.Hide(text, slices.Collect(maps.Values(v))...)
}

// hidden takes the secrets out of an error that a driver let pass.
func (v Values) hidden(err error) error {
	if err == nil {
		return nil
	}
	if text := err.Error(); v.Hide(text) != text {
		return fault.Reword(err, v.Hide(text))
	}
	return err
}

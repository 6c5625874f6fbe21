package provision

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/secret"
	"fermata/spec"
)

// pinSecrets marks runs that pin the versions of their secrets. A run that an older build planned shows no versions, even
// where its guests' worker was a newer one and told them: people were asked without.
const pinSecrets = "pin-secrets"

// pinning reports whether this planning is the one that pins: the first of a run that has secrets.
func (p *provision) pinning(ctx workflow.Context) bool {
	return !p.planned && p.hasSecrets() && workflow.GetVersion(ctx, pinSecrets, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

func (p *provision) hasSecrets() bool {
	return len(p.secrets()) > 0 || slices.ContainsFunc(p.server.Spec.Configuration, func(play spec.Play) bool { return len(play.Secrets) > 0 })
}

// secrets are the references that the run resolves for files, each in the version that the plan in force pins.
func (p *provision) secrets() []secret.Ref {
	if a := p.server.Spec.Application; a != nil {
		return p.pins.Refs(p.server.Spec.OS.Files, a.Config)
	}
	return p.pins.Refs(p.server.Spec.OS.Files)
}

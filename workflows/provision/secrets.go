package provision

import (
	"slices"

	"fermata/activities/secret"
	"fermata/spec"
)

// secrets are the references that the run resolves, each in the version that the plan in force pins.
func (p *provision) secrets() []secret.Ref {
	files := slices.Clone(p.server.Spec.OS.Files)
	if a := p.server.Spec.Application; a != nil {
		files = append(files, a.Config...)
	}
	var refs []secret.Ref
	for _, f := range files {
		if f.Secret != "" {
			refs = append(refs, p.exact(secret.Ref(f.Secret)))
		}
	}
	return refs
}

// exact is the reference to the version that is pinned. Where none is, as in a run that an older build planned, it stays as
// it is.
func (p *provision) exact(ref secret.Ref) secret.Ref {
	for _, pin := range p.pins {
		if pin.Ref == ref {
			return pin.Exact()
		}
	}
	return ref
}

// pinned are the files with their secrets in exactly the versions that were approved.
func (p *provision) pinned(files []spec.File) []spec.File {
	out := slices.Clone(files)
	for i, f := range out {
		if f.Secret != "" {
			out[i].Secret = string(p.exact(secret.Ref(f.Secret)))
		}
	}
	return out
}

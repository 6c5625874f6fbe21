package runbook

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/guest"
	"fermata/activities/record"
	"fermata/activities/secret"
	"fermata/spec"
	"fermata/wire"
)

// Pins are the versions of secrets that the plan in force holds on to.
type Pins []secret.Pinned

// Exact is the reference to the version that is pinned. Where none is it stays as it is.
func (p Pins) Exact(ref secret.Ref) secret.Ref {
	for _, pin := range p {
		if pin.Ref == ref {
			return pin.Exact()
		}
	}
	return ref
}

// Files are the files with their secrets in exactly the versions that were approved.
func (p Pins) Files(files []spec.File) []spec.File {
	out := slices.Clone(files)
	for i, f := range out {
		if f.Secret != "" {
			out[i].Secret = string(p.Exact(secret.Ref(f.Secret)))
		}
	}
	return out
}

// Refs are the references that files name, each in the version that is pinned.
func (p Pins) Refs(files ...[]spec.File) []secret.Ref {
	var refs []secret.Ref
	for _, f := range slices.Concat(files...) {
		if f.Secret != "" {
			refs = append(refs, p.Exact(secret.Ref(f.Secret)))
		}
	}
	return refs
}

// LookAtGuests proves the way into guests and that the secrets can be resolved. It leaves the key that guests must accept and
// tells the versions of the secrets.
func LookAtGuests(access string, secrets []secret.Ref, key *string, pin func([]secret.Pinned)) Reading {
	return func(ctx workflow.Context) []wire.Observation {
		name := System("guest access", access)
		checked, err := guest.Check(ctx, guest.CheckInput{System: access, Secrets: secrets})
		if err != nil {
			return Failed(name, err)
		}
		pin(checked.Secrets)
		authorized, err := guest.AuthorizedKey(ctx, guest.AuthorizedKeyInput{System: access})
		if err != nil {
			return Failed(name, err)
		}
		*key = authorized.Key
		return []wire.Observation{Fine(name, "reachable; %d secrets can be resolved", len(secrets))}
	}
}

// LookAtRecords proves that the run's record can be written.
func LookAtRecords(ctx workflow.Context) []wire.Observation {
	if err := record.CheckStore(ctx); err != nil {
		return Failed("records", err)
	}
	return []wire.Observation{Fine("records", "can be written")}
}

// Package ranges tells workflows which ranges of addresses the installation has, and which addresses a range offers.
//
// Who has one is told elsewhere: by reservations for runs that go on, by records for servers under management.
package ranges

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

const activityFind = "ranges.Find"

// Range is a range of addresses.
type Range struct {
	Name        string         `json:"name"`
	Site        string         `json:"site,omitempty"`
	Prefix      netip.Prefix   `json:"prefix"` // The network.
	First       netip.Addr     `json:"first"`
	Last        netip.Addr     `json:"last"`
	Exclude     []netip.Prefix `json:"exclude,omitempty"`
	Gateway     netip.Addr     `json:"gateway"`
	Nameservers []string       `json:"nameservers,omitempty"`
	Domain      string         `json:"domain,omitempty"`
}

// Offers calls f with each address of the range, the lowest first, until it returns false. What is excluded, and the gateway,
// is left out.
func (r Range) Offers(f func(netip.Addr) bool) {
	for addr := r.First; addr.IsValid() && !r.Last.Less(addr); addr = addr.Next() {
		excluded := slices.ContainsFunc(r.Exclude, func(p netip.Prefix) bool { return p.Contains(addr) })
		if !excluded && addr != r.Gateway && !f(addr) {
			return
		}
	}
}

// Activities know the ranges of the installation. They run as local activities of the workflow worker.
type Activities struct{ ranges []Range }

// NewActivities serves the ranges.
func NewActivities(all []Range) *Activities { return &Activities{ranges: all} }

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityFind, a.Find)
}

// FindInput asks for Find.
type FindInput struct {
	Name string `json:"name"`
	Site string `json:"site,omitempty"` // Of the server.
}

// FindOutput answers Find.
type FindOutput struct {
	Range Range `json:"range"`
}

// Find returns a range by its name. Faults: NotFound; Invalid for one of another site.
func (a *Activities) Find(_ context.Context, in FindInput) (FindOutput, error) {
	var names []string
	for _, r := range a.ranges {
		if r.Name == in.Name && r.Site == in.Site {
			return FindOutput{Range: r}, nil
		}
		if r.Name == in.Name {
			return FindOutput{}, fault.ForTemporal(fault.New(fault.Invalid, "range %s is at site %q, the server at %q", r.Name, r.Site, in.Site))
		}
		names = append(names, r.Name)
	}
	return FindOutput{}, fault.ForTemporal(fault.New(fault.NotFound, "the installation has no range %q (it has: %s)", in.Name, strings.Join(names, ", ")))
}

// Find returns a range by its name.
func Find(ctx workflow.Context, in FindInput) (FindOutput, error) {
	return operation.CallLocal[FindOutput](ctx, activityFind, in)
}

// Package statuspage is a capability: banners on the page that users look at when something is wrong.
package statuspage

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// Capability is its name in queues; the others are its activities' types.
const (
	Capability = "statuspage"
	Find       = "statuspage.Find"
	Publish    = "statuspage.Publish"
	Remove     = "statuspage.Remove"
)

// Banner is a text on one of the configured pages (empty: the only one), by its name. Op is the operation that makes it.
type Banner struct {
	Page, Name, Text string
	Op               operation.Op
}

// Page is the port: what a vendor's integration implements.
type Page interface {
	// Check proves that the page answers and lets us in.
	Check(ctx context.Context) error
	// Find returns the banner of that name. NotFound: there is none.
	Find(ctx context.Context, b Banner) (Banner, error)
	// Ensure adds the banner, if no earlier attempt did. Conflict: one of that name stands there of another operation.
	Ensure(ctx context.Context, b Banner) (Banner, error)
	// Remove removes the banner of that name if the operation made it. None is no error.
	Remove(ctx context.Context, b Banner) (Banner, error)
}

// Activities serve the pages that a worker is configured for, by their names.
type Activities struct{ pages operation.Systems[Page] }

// NewActivities serves the pages.
func NewActivities(pages map[string]Page) *Activities { return &Activities{pages} }

// Register names the activities and their functions.
func (a *Activities) Register(register func(name string, activity any)) {
	for name, do := range map[string]func(Page, context.Context, Banner) (Banner, error){Find: Page.Find, Publish: Page.Ensure, Remove: Page.Remove} {
		register(name, func(ctx context.Context, b Banner) (Banner, error) {
			return operation.Change(ctx, a.pages, b.Page, func(p Page, _ operation.Progress) (Banner, error) { return do(p, ctx, b) })
		})
	}
}

// Call asks for an activity, from a workflow.
func Call(ctx workflow.Context, activity string, b Banner) (Banner, error) {
	return operation.Call[Banner](ctx, Capability, activity, time.Minute, b)
}

// Package probe asks for a page as a user would, to learn whether a service works. It changes nothing, and it never
// asks the system that was configured what it believes: it sends the request.
package probe

import "context"

// Request is one HTTP request with what its answer must be.
type Request struct {
	URL      string `json:"url"`
	Status   int    `json:"status,omitempty"`   // 200 if absent.
	Contains string `json:"contains,omitempty"` // Text that the first 64 KiB of the body must hold.
	Absent   bool   `json:"absent,omitempty"`   // The probe succeeds only if nobody answers; the activity sees to it.
}

// Answer is what came back.
type Answer struct {
	Status int    `json:"status"`
	Body   string `json:"body,omitempty"` // The first 200 characters, control characters removed.
	Remote string `json:"remote"`         // Address that answered.
}

// Prober sends real requests.
type Prober interface {
	// Check proves that the way (proxy, jump host) is open.
	Check(ctx context.Context) error
	// Get asks once. Unavailable: no answer, or not the one expected (the text says which). Invalid: a URL it cannot ask.
	Get(ctx context.Context, r Request) (Answer, error)
}

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
	Status int    `json:"status"`         // 0: somebody took the connection and gave no answer.
	Body   string `json:"body,omitempty"` // The first 200 characters, control characters removed.
	Remote string `json:"remote"`         // Address that took the connection; empty: nobody did.
}

// Prober sends real requests, each on a connection of its own.
type Prober interface {
	// Check proves that the way (proxy, jump host) is open: what Get does not reach then is not there. Faults:
	// Unavailable, Unauthorized.
	Check(ctx context.Context) error
	// Get asks once. A redirect that stays on the host is followed, unless a redirect is what the request expects; one
	// that leads elsewhere is the answer.
	//
	// Faults: Unavailable for no answer, or not the one expected (the text says which); Unauthorized for a server that is
	// not the one that the URL names; Invalid for a URL that cannot be asked. The Answer is good beside a fault too: its
	// Remote tells whether somebody is there.
	Get(ctx context.Context, r Request) (Answer, error)
}

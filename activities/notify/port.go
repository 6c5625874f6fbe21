// Package notify tells people that a run waits for them, is held, or has ended.
//
// A notice is sent at least once: where an answer is lost it is sent again, under the same id, by which its receivers
// know it. It changes nothing of a run: one that cannot be sent is shown, and the run goes on.
package notify

import (
	"context"
)

// Notifier is what a system that carries notices offers.
type Notifier interface {
	// Check proves that the system answers and, as far as the system tells without a notice, that the credential is
	// good. It sends nothing. Faults: Unauthorized (also for a server that is not the one expected), Unavailable.
	Check(ctx context.Context) error
	// Send gives the notice to the system, for one address within it: a mailbox; empty where the system has only one
	// receiver. A nil error means that the system took it, not that somebody read it. Every attempt carries the notice's
	// id. Nothing is sent when ctx has ended before.
	//
	// Faults: Invalid for a notice that is none (see Checked), an address of the wrong form or a notice that is too
	// large, NotFound for an address that the system does not know, Unauthorized for a refused credential or a server
	// that is not the one expected, Throttled, Unavailable where nothing was sent, Ambiguous where the answer was lost.
	Send(ctx context.Context, to string, n Notice) error
}

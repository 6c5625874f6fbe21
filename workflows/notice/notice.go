// Package notice carries one notice to one address. It is a workflow of its own, so that a notice is tried on when the run
// that it tells of has ended, and so that one that fails holds nothing.
package notice

import (
	"go.temporal.io/sdk/workflow"

	"fermata/activities/notify"
	"fermata/activities/operation"
	"fermata/wire"
)

// Register names the workflow and its function.
func Register(register func(name string, workflow any)) { register(wire.SendNotice, SendNotice) }

// SendNotice sends the notice, at least once, and fails when it could not be sent for so long that it would tell of what is
// past.
func SendNotice(ctx workflow.Context, in notify.SendInput) error {
	_, err := notify.SendNotice(operation.Central(ctx), in)
	return err
}

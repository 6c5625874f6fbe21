package fault

import (
	"errors"

	"go.temporal.io/sdk/temporal"
)

// ForTemporal translates an error of an integration to Temporal's: the kind becomes the type, and decides whether the
// server tries again. Cancellation passes unchanged, so that Temporal sees it as such.
func ForTemporal(err error) error {
	if err == nil {
		return nil
	}
	var app *temporal.ApplicationError
	if temporal.IsCanceledError(err) || errors.As(err, &app) {
		return err
	}
	kind := KindOf(err)
	options := temporal.ApplicationErrorOptions{NonRetryable: !kind.Retryable()}
	var f *Error
	if errors.As(err, &f) {
		options.NextRetryDelay = f.After
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(kind), options)
}

// Reason is a failure as a person reads it: its kind and its text, without the wrapping of the transport.
type Reason struct {
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
}

// FromTemporal reads the reason back from the error of an activity.
func FromTemporal(err error) Reason {
	if err == nil {
		return Reason{}
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return Reason{Kind: Kind(app.Type()), Text: app.Message()}
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		return Reason{Kind: Unavailable, Text: timeoutText(timeout)}
	}
	return Reason{Kind: KindOf(err), Text: err.Error()}
}

func timeoutText(err *temporal.TimeoutError) string {
	switch err.TimeoutType().String() {
	case "ScheduleToStart":
		return "no worker took the step in time: is one running that serves this queue?"
	case "Heartbeat":
		return "the worker stopped reporting while it did the step"
	default:
		if cause := errors.Unwrap(err); cause != nil {
			return "the step did not finish in time; its last attempt: " + FromTemporal(cause).Text
		}
		return "the step did not finish in time"
	}
}

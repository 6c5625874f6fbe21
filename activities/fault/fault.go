// Package fault names what can go wrong when a system is asked to do something.
//
// Integrations return a fault of the kind that tells what to do next: try again, look first, ask a person.
// They know nothing of Temporal; this package alone translates a kind to a retry policy and back.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says what a failure means for the next step. The values are wire names: they stand in histories and records.
type Kind string

// The kinds of fault.
const (
	// Invalid: the request can never succeed as it is. A person must change it.
	Invalid Kind = "Invalid"
	// NotFound: what the request refers to does not exist.
	NotFound Kind = "NotFound"
	// Conflict: the object exists under another key, or is in a state that forbids the change.
	Conflict Kind = "Conflict"
	// Unauthorized: the credential is refused, expired or lacks a permission.
	Unauthorized Kind = "Unauthorized"
	// Throttled: the system asked for patience; After says how much.
	Throttled Kind = "Throttled"
	// Unavailable: the system did not take the request. Nothing was changed.
	Unavailable Kind = "Unavailable"
	// Ambiguous: the answer was lost. The change may or may not have happened: look before acting again.
	Ambiguous Kind = "Ambiguous"
)

// Error is a fault: its kind, what was being done, and the cause.
type Error struct {
	Kind  Kind
	After time.Duration // Throttled: how long to wait; zero if the system did not say.
	msg   string
	cause error
}

// Error returns the text for a person; it never holds a secret.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.msg
	}
	if e.msg == "" {
		return e.cause.Error()
	}
	return e.msg + ": " + e.cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// New returns a fault of the kind. The format follows fmt.Errorf, including one %w.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, cause: fmt.Errorf(format, args...)}
}

// Wrap gives err a kind and says what was being done. A nil err stays nil. How long a Throttled one asks to wait is kept.
func Wrap(kind Kind, err error, doing string) error {
	if err == nil {
		return nil
	}
	wrapped := &Error{Kind: kind, msg: doing, cause: err}
	if inner := (*Error)(nil); kind == Throttled && errors.As(err, &inner) {
		wrapped.After = inner.After
	}
	return wrapped
}

// Throttle returns a Throttled fault that asks to wait.
func Throttle(after time.Duration, format string, args ...any) error {
	return &Error{Kind: Throttled, After: after, msg: fmt.Sprintf(format, args...)}
}

// KindOf returns the kind of the outermost fault in err's chain.
// A context that ended is Unavailable; an error that is no fault is Ambiguous: nobody vouches for what happened.
func KindOf(err error) Kind {
	var f *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &f):
		return f.Kind
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Unavailable
	}
	return Ambiguous
}

// Is reports whether err is a fault of the kind.
func Is(err error, kind Kind) bool {
	var f *Error
	return errors.As(err, &f) && f.Kind == kind
}

// Retryable reports whether waiting and trying again may cure the kind.
func (k Kind) Retryable() bool {
	switch k {
	case Throttled, Unavailable, Ambiguous:
		return true
	case Invalid, NotFound, Conflict, Unauthorized:
		return false
	}
	return true
}

// Advice says in one sentence what a person does about a fault of the kind.
func (k Kind) Advice() string {
	switch k {
	case Invalid:
		return "correct the spec or the configuration, then start again"
	case NotFound:
		return "check the name in the spec and that the credential may see it"
	case Conflict:
		return "find out who owns the object; free it, then retry the step"
	case Unauthorized:
		return "renew the credential or grant the permission, then retry the step"
	case Throttled:
		return "wait: the system asked for fewer requests"
	case Unavailable:
		return "bring the system back; the step goes on by itself"
	case Ambiguous:
		return "nothing to do: the next attempt looks at the system before it acts"
	}
	return ""
}

// Reword returns a fault of err's kind that says text instead: for an error that holds what must not be shown.
func Reword(err error, text string) error {
	reworded := &Error{Kind: KindOf(err), msg: text}
	var f *Error
	if errors.As(err, &f) {
		reworded.After = f.After
	}
	return reworded
}

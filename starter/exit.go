package starter

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"fermata/activities/fault"
	"fermata/spec"
	"fermata/wire"
)

// The exit codes. They are documented in --help and only ever added to.
const (
	exitOK           = 0
	exitInternal     = 1
	exitInvalid      = 2
	exitRefused      = 3
	exitUndone       = 4
	exitNotFound     = 5
	exitConflict     = 6
	exitUnavailable  = 7
	exitUnauthorized = 8
	exitHeld         = 9
)

const exitCodes = `Exit codes: 0 done; 1 internal error; 2 usage, or a spec that is not valid; 3 refused, denied, lapsed, or a decision
that does not count; 4 undone, cancelled or restored; 5 not found; 6 conflict, such as a busy target; 7 a system or the
server cannot be reached; 8 not allowed; 9 held: a step waits for a person.`

// coded is an error with an exit code of its own.
type coded struct {
	code int
	text string
}

func (e coded) Error() string { return e.text }

func usage(format string, args ...any) error { return coded{exitInvalid, fmt.Sprintf(format, args...)} }

func refused(format string, args ...any) error {
	return coded{exitRefused, fmt.Sprintf(format, args...)}
}

// ExitCode prints an error, and what to do about it, and returns the exit code that it means.
func ExitCode(w io.Writer, err error) int {
	if err == nil || errors.Is(err, context.Canceled) {
		return exitOK
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(w, clean(text))
	}
	var own coded
	var problems spec.Problems
	var foreign cli.ExitCoder
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &problems):
		return exitInvalid
	case errors.As(err, &foreign):
		return foreign.ExitCode()
	}
	kind := fault.Kind("")
	for _, k := range kinds {
		if fault.Is(err, k.kind) {
			kind = k.kind
			if advice := kind.Advice(); advice != "" && kind != fault.Conflict {
				fmt.Fprintln(w, "What to do:", advice)
			}
			return k.code
		}
	}
	return exitInternal
}

var kinds = []struct {
	kind fault.Kind
	code int
}{
	{fault.Invalid, exitInvalid},
	{fault.NotFound, exitNotFound},
	{fault.Conflict, exitConflict},
	{fault.Unauthorized, exitUnauthorized},
	{fault.Throttled, exitUnavailable},
	{fault.Unavailable, exitUnavailable},
}

// outcome turns the end of a run into an error with its exit code.
func outcome(p wire.Progress) error {
	switch p.Outcome {
	case wire.Done:
		return nil
	case wire.Undone, wire.Cancelled, wire.Restored:
		return coded{exitUndone, ""}
	case wire.Refused, wire.Denied, wire.Lapsed, wire.PlanChanged:
		return coded{exitRefused, ""}
	}
	if p.Phase == wire.Held {
		return coded{exitHeld, ""}
	}
	return nil
}

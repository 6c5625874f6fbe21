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
	exitInterrupted  = 10
	exitUnverified   = 11
	exitDrift        = 12
)

const exitCodes = `Exit codes: 0 done; 1 internal error; 2 usage, or a spec that is not valid; 3 refused, denied, lapsed, or a decision
that does not count; 4 undone, cancelled or restored; 5 not found; 6 conflict, such as a busy target; 7 a system or the
server cannot be reached; 8 not allowed; 9 the run goes on (it is held, waits or runs) at the end of --for;
10 interrupted, while a run that was started goes on; 11 what is recorded does not hold: a signature, the plan or a hash that
is not found again as it is recorded; 12 drift: a server is not as its record says.`

// coded is an error with an exit code of its own.
type coded struct {
	code  int
	text  string
	cause error
}

func (e coded) Error() string { return e.text }

func (e coded) Unwrap() error { return e.cause }

func usage(format string, args ...any) error {
	return coded{code: exitInvalid, text: fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) error {
	return coded{code: exitRefused, text: fmt.Sprintf(format, args...)}
}

func interrupted(format string, args ...any) error {
	return coded{exitInterrupted, fmt.Sprintf(format, args...), context.Canceled}
}

// ExitCode prints an error, and what to do about it, and returns the exit code that it means. A program that serves until
// it is interrupted has done what it should: that alone is no error.
func ExitCode(w io.Writer, err error) int {
	var own coded
	if err == nil || (errors.Is(err, context.Canceled) && !errors.As(err, &own)) {
		return exitOK
	}
	if text := err.Error(); text != "" {
		fmt.Fprintln(w, clean(text))
	}
	code, advice := meaning(err)
	if advice != "" {
		fmt.Fprintln(w, "What to do:", advice)
	}
	return code
}

// meaning is the one place that says which exit code an error has, and what a person at the command line does about it.
func meaning(err error) (code int, advice string) {
	var own coded
	var problems spec.Problems
	var foreign cli.ExitCoder
	switch {
	case errors.As(err, &own):
		return own.code, ""
	case errors.As(err, &problems):
		return exitInvalid, ""
	case errors.As(err, &foreign):
		return foreign.ExitCode(), ""
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		return exitInternal, ""
	}
	for _, k := range kinds {
		if k.kind == f.Kind {
			return k.code, k.advice
		}
	}
	return exitInternal, ""
}

var kinds = []struct {
	kind   fault.Kind
	code   int
	advice string // Empty where the text says it.
}{
	{fault.Invalid, exitInvalid, "correct the spec or the configuration, then try again"},
	{fault.NotFound, exitNotFound, "`fermata list` and `fermata history` show what there is"},
	{fault.Conflict, exitConflict, ""},
	{fault.Unauthorized, exitUnauthorized, "sign with the key that allowed_signers gives you (--key, --as); `fermata doctor` looks at it. Where Temporal refuses, its file of roles says what your certificate may do"},
	{fault.Throttled, exitUnavailable, "wait a little, then try again"},
	{fault.Unavailable, exitUnavailable, "`fermata doctor` tells what cannot be reached; runs that were started go on when it is back"},
}

// outcome turns the end of a run into an error with its exit code; what happened is on the screen already.
func outcome(p wire.Progress) error {
	switch p.Outcome {
	case wire.Done:
		return nil
	case wire.Undone, wire.Cancelled, wire.Restored:
		return coded{code: exitUndone}
	case wire.Refused, wire.Denied, wire.Lapsed, wire.PlanChanged:
		return coded{code: exitRefused}
	}
	if p.Phase != wire.Ended {
		return coded{code: exitHeld}
	}
	return coded{code: exitInternal, text: fmt.Sprintf("%s ended as %q, which this program does not know: is it older than the workers?", p.WorkflowID, p.Outcome)}
}

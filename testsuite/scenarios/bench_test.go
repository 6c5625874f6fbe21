// Package scenarios carries whole runs, end to end, on the sandbox: the real drivers against emulated systems, the real
// client against the embedded Temporal.
package scenarios

import (
	"testing"

	"fermata/sandbox"
	"fermata/testsuite/stage"
)

// bench is a stage that the judge of this package looks at.
type bench struct{ *stage.Stage }

func setup(t *testing.T, change ...func(*sandbox.Options)) *bench {
	t.Helper()
	return &bench{stage.Setup(t, change...)}
}

func start(t *testing.T, o sandbox.Options) *bench {
	t.Helper()
	return &bench{stage.Start(t, o)}
}

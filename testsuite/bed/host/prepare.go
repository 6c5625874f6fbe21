package host

import (
	"context"
	"slices"
)

// Installed is a step of Main that installs packages.
func Installed(packages ...[]string) func(context.Context) error {
	return func(ctx context.Context) error { return Install(ctx, slices.Concat(packages...)...) }
}

// prepare does what a package's tests build on. It comes before them and not in them: their contexts bound what they test,
// and another bed may be installing for minutes.
func prepare(ctx context.Context, steps []func(context.Context) error) error {
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

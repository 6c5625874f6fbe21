package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"
)

// secretsCommand is for Kubernetes: the files of a Secret are never the worker's own with mode 0600, which is how it reads
// secrets.
func secretsCommand() *cli.Command {
	return &cli.Command{
		Name: "secrets", Usage: "copy secrets from a mounted folder into one of the worker's own, each with mode 0600", ArgsUsage: "FROM TO",
		Action: func(c *cli.Context) error {
			if c.NArg() != 2 {
				return cli.Exit("expected two folders: fermata-worker secrets FROM TO", 2)
			}
			n, err := copySecrets(c.Args().Get(0), c.Args().Get(1))
			if err != nil {
				return cli.Exit(err, 2)
			}
			fmt.Fprintf(c.App.Writer, "copied %d secrets\n", n)
			return nil
		},
	}
}

// copySecrets passes over names that begin with a dot: Kubernetes keeps its own links under such.
func copySecrets(from, to string) (int, error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return 0, fmt.Errorf("copying secrets: %w", err)
	}
	n := 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(from, e.Name()))
		if err != nil {
			return n, fmt.Errorf("copying secrets: %w", err)
		}
		target := filepath.Join(to, e.Name())
		if err := os.Remove(target); err != nil && !errors.Is(err, os.ErrNotExist) { // A container that was started again.
			return n, fmt.Errorf("copying secrets: %w", err)
		}
		if err := os.WriteFile(target, data, 0o600); err != nil { //nolint:gosec // Both folders are named by who starts the worker.
			return n, fmt.Errorf("copying secrets: %w", err)
		}
		n++
	}
	return n, nil
}

package starter

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"fermata/spec"
)

// Commands that need no server.

func schemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON Schema of specs, for editors",
		Description: "   fermata schema > server.schema.json",
		Action: func(c *cli.Context) error {
			schema, err := spec.Schema()
			if err != nil {
				return err
			}
			fmt.Fprintln(c.App.Writer, string(schema))
			return nil
		},
	}
}

func validateCommand() *cli.Command {
	return &cli.Command{
		Name: "validate", Usage: "check specs without asking any system", ArgsUsage: "FILE...",
		Description: "   fermata validate examples/*.yaml\n\nWhat is wrong is told as file:line:column.",
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usage("which spec? fermata validate FILE...")
			}
			var bad []error
			for _, file := range c.Args().Slice() {
				server, err := readSpec(file)
				if err != nil {
					bad = append(bad, err)
					continue
				}
				fmt.Fprintf(c.App.Writer, "%s: %s is valid\n", file, server.Owner())
			}
			if len(bad) > 0 {
				return usage("%v", errors.Join(bad...))
			}
			return nil
		},
	}
}

package starter

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"fermata/build"
	"fermata/spec"
	"fermata/spec/document"
)

// Commands that need no server.

func schemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Usage: "print the JSON Schema of specs and policies, for editors",
		Description: "   fermata schema > server.schema.json\n   fermata schema --kind Policy > policy.schema.json\n   fermata schema --kind Fleet > fleet.schema.json",
		Flags:       []cli.Flag{&cli.StringFlag{Name: "kind", Value: spec.KindServer, Usage: "`KIND` of document: " + document.Or(spec.Kinds())}},
		Before:      arguments(0, 0),
		Action: func(c *cli.Context) error {
			schema, err := spec.Schema(c.String("kind"))
			if err != nil {
				return usage("--kind: %v", err)
			}
			fmt.Fprintln(c.App.Writer, string(schema))
			return nil
		},
	}
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print which version this is",
		Description: "   fermata version\n   fermata -o json version",
		Before:      arguments(0, 0),
		Action: func(c *cli.Context) error {
			s := newScreen(c)
			if err := s.checkOutput(); err != nil {
				return err
			}
			done, err := s.document(build.Of())
			if !done {
				s.printf("fermata %s\n", build.Of())
			}
			return err
		},
	}
}

// checked is what validate found out about one file.
type checked struct {
	File     string  `json:"file"`
	Valid    bool    `json:"valid"`
	Owner    string  `json:"owner,omitempty"`
	Problems []place `json:"problems"`
}

// place is one problem of a document, and where; line and column from 1, 0 if the file itself is the problem.
type place struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Path   string `json:"path"`
	Text   string `json:"text"`
}

func validateCommand() *cli.Command {
	return &cli.Command{
		Name: "validate", Usage: "check specs and policies without asking any system", ArgsUsage: "FILE...",
		Description: "   fermata validate examples/*.yaml\n   fermata -o json validate examples/web-server.yaml\n\n" +
			"What is wrong is told as file:line:column.",
		Action: func(c *cli.Context) error {
			if c.NArg() == 0 {
				return usage("which spec? fermata validate FILE...")
			}
			s := newScreen(c)
			if err := s.checkOutput(); err != nil {
				return err
			}
			return validate(s, c.Args().Slice())
		},
	}
}

func validate(s screen, files []string) error {
	var bad []error
	results := make([]checked, 0, len(files))
	for _, file := range files {
		result := checked{File: file, Problems: []place{}}
		owner, err := check(file)
		var problems spec.Problems
		switch {
		case err == nil:
			result.Valid, result.Owner = true, owner
		case errors.As(err, &problems):
			for _, p := range problems {
				result.Problems = append(result.Problems, place{p.Line, p.Column, p.Path, p.Text})
			}
		default:
			result.Problems = append(result.Problems, place{Text: err.Error()})
		}
		if err != nil {
			bad = append(bad, err)
		} else if s.form == "table" {
			s.printf("%s: %s is valid\n", line(file), owner)
		}
		results = append(results, result)
	}
	if _, err := s.document(results); err != nil {
		return err
	}
	switch {
	case len(bad) == 0:
		return nil
	case s.form != "table":
		return coded{code: exitInvalid} // The document says it.
	}
	return usage("%v", errors.Join(bad...))
}

// check reads a document of any kind and names what it describes.
func check(file string) (string, error) {
	data, err := readDocument(file)
	if err != nil {
		return "", err
	}
	return spec.Check(file, data)
}

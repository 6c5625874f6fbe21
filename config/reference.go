package config

import (
	_ "embed"
	"reflect"

	"fermata/spec"
)

// Where the fields' descriptions are.
var (
	//go:embed installation.go
	installation []byte
	//go:embed ranges.go
	ranges []byte
)

// Reference returns the reference of an installation's description in Markdown, from what Load reads.
func Reference() ([]byte, error) {
	return spec.ReferenceOf(Kind, "One file describes an installation; workers and the command line read the same. Relative paths are relative to the file.",
		reflect.TypeFor[form](), installation, ranges)
}

// Package document reads the documents that people write: one YAML document, strictly, into Go types.
//
// All that is wrong with a document is found in one pass and reported with file, line and column, what was expected,
// what was found, and the nearest valid word. A value is never repeated in a message about its type, for it may be a
// secret that was put in the wrong place.
package document

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a document.
type Problem struct {
	File   string // Name of the file as the caller gave it.
	Line   int    // From 1.
	Column int    // From 1, in characters.
	Path   string // The field: spec.compute.memory, spec.storage[0].size. Empty: the document itself.
	Text   string // What was expected and what was found.
}

// String writes file:line:column: path: text.
func (p Problem) String() string {
	place := fmt.Sprintf("%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path != "" {
		place += p.Path + ": "
	}
	return place + p.Text
}

// Problems is everything that is wrong with a document, in the order of the text.
type Problems []Problem

// Error writes one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return p
}

package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Limits of a document. No honest one comes near them; a billion laughs does.
const (
	MaxBytes = 1 << 20 // Size of the file.
	maxNodes = 50_000  // Values after aliases are followed.
	maxDepth = 32      // Values within values.
	maxFound = 100     // Problems that are reported.
)

// Document is a document that is being read: its values' places and the problems found so far.
type Document struct {
	file     string
	lines    []string
	root     *yaml.Node
	places   map[string]place
	problems Problems
	bad      map[string]bool // Paths that have a problem.
	nodes    int
	bombed   bool
	rule     Rule
	partial  bool
}

// place is where a value stands: its own position and that of the key before it.
type place struct{ key, value *yaml.Node }

// Read parses data as one YAML document. What is wrong with it is in Problems.
func Read(file string, data []byte) *Document {
	d := &Document{file: file, places: map[string]place{}, bad: map[string]bool{}}
	if len(data) > MaxBytes {
		d.report("", 1, 1, fmt.Sprintf("expected at most 1 MiB, found a file of %d bytes", len(data)))
		return d
	}
	d.lines = strings.Split(string(data), "\n")
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); err != nil {
		d.syntax(err)
		return d
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		d.report("", second.Line, second.Column, "expected one document, found another: put each in a file of its own")
		return d
	case !errors.Is(err, io.EOF):
		d.syntax(err)
		return d
	}
	if len(first.Content) == 0 || isNull(first.Content[0]) {
		d.report("", 1, 1, "expected a document, found an empty file")
		return d
	}
	d.root = first.Content[0]
	return d
}

// Of takes a part of a document that was read before, as a document of its own: path is where it stands in file.
func Of(file, path string, node *yaml.Node) *Document {
	d := &Document{file: file, places: map[string]place{}, bad: map[string]bool{}, root: node}
	d.places[path] = place{value: node}
	return d
}

var (
	syntaxLine = regexp.MustCompile(`line (\d+): `)
	// The library counts the lines of these errors from 0, of all others from 1.
	fromZero = regexp.MustCompile(`^did not find expected (<|node content|'-' indicator|key|',' or)`)
)

func (d *Document) syntax(err error) {
	if errors.Is(err, io.EOF) {
		d.report("", 1, 1, "expected a document, found an empty file")
		return
	}
	line, text := 1, strings.TrimPrefix(err.Error(), "yaml: ")
	if m := syntaxLine.FindStringSubmatchIndex(text); m != nil {
		line, _ = strconv.Atoi(text[m[2]:m[3]])
		text = text[:m[0]] + text[m[1]:]
		if fromZero.MatchString(text) {
			line++
		}
	}
	d.report("", max(line, 1), 1, "expected YAML: "+strings.TrimSpace(text))
}

// Err returns the problems found so far as a Problems, or nil.
func (d *Document) Err() error {
	if len(d.problems) == 0 {
		return nil
	}
	return d.problems.sorted()
}

// Add reports a problem with the value at path; if the document does not have it, at the nearest value that holds it.
// A path has at most one problem: what follows from the first is not reported.
func (d *Document) Add(path, format string, args ...any) {
	line, column := d.position(path)
	d.report(path, line, column, fmt.Sprintf(format, args...))
}

// AddKey reports a problem with the key of the value at path.
func (d *Document) AddKey(path, format string, args ...any) {
	at, ok := d.places[path]
	if !ok {
		return
	}
	line, column := at.start()
	d.report(path, line, column, fmt.Sprintf(format, args...))
}

// AddWithin reports a problem at a position inside the text of the value at path: line and column, from 1, of a text
// written as a literal block. In another style it is the position of the value.
func (d *Document) AddWithin(path string, line, column int, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	at, ok := d.places[path]
	if !ok || at.value.Style&yaml.LiteralStyle == 0 || at.value.Line+line > len(d.lines) {
		l, c := d.position(path)
		d.add(path, l, c, text)
		return
	}
	first, _, _ := strings.Cut(at.value.Value, "\n")
	indent := indentOf(d.lines[at.value.Line]) - indentOf(first)
	d.add(path, at.value.Line+line, max(indent, 0)+column, text)
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// Has reports whether the document gives a value at path.
func (d *Document) Has(path string) bool {
	_, ok := d.places[path]
	return ok
}

// Sound reports whether the document gives a value at path that nothing is wrong with so far: only such a value is
// worth a further check.
func (d *Document) Sound(path string) bool { return d.Has(path) && !d.bad[path] }

func (d *Document) position(path string) (line, column int) {
	if at, ok := d.places[path]; ok && at.value != nil {
		return at.value.Line, at.value.Column
	}
	for path != "" {
		path = parent(path)
		if at, ok := d.places[path]; ok {
			return at.start()
		}
	}
	return 1, 1
}

// start is where a value's key stands, so that what is missing in it is reported where it would be looked for.
func (p place) start() (line, column int) {
	if p.key != nil {
		return p.key.Line, p.key.Column
	}
	return p.value.Line, p.value.Column
}

func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// report adds a problem unless its path has one.
func (d *Document) report(path string, line, column int, text string) {
	if path == "" || !d.bad[path] {
		d.add(path, line, column, text)
	}
}

func (d *Document) add(path string, line, column int, text string) {
	d.bad[path] = true
	switch {
	case len(d.problems) > maxFound:
		return
	case len(d.problems) == maxFound:
		path, text = "", "more problems follow; mend these first"
	}
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Column: column, Path: path, Text: text})
}

// Root is the document's outermost value as parsed, or nil where Read found a problem.
func (d *Document) Root() *yaml.Node {
	if len(d.problems) > 0 {
		return nil
	}
	return d.root
}

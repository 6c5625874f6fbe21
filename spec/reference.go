package spec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// Reference returns the reference of a kind of document in Markdown: every field with its type, bounds and default, from the same
// source as its JSON Schema. An error says which kinds there are.
func Reference(kind string) ([]byte, error) {
	root, err := schemaOf(kind)
	if err != nil {
		return nil, err
	}
	return reference(kind, root), nil
}

// ReferenceOf is Reference for a document that another package reads: description says what it is for, t is its Go type, and
// sources are the files that declare it.
func ReferenceOf(kind, description string, t reflect.Type, sources ...[]byte) ([]byte, error) {
	comments := commentary{}
	for _, source := range sources {
		if err := comments.parse(kind, source); err != nil {
			return nil, fmt.Errorf("reading the fields' descriptions: %w", err)
		}
	}
	root := comments.object(t)
	root.Description = description
	return reference(kind, root), nil
}

func reference(kind string, root *schema) []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s: every field\n\nMade from what Fermata reads (`make reference`). **yes** means that the field must be there.\n\n%s\n", kind, root.Description)
	section(&out, "", root)
	return []byte(out.String())
}

// section writes the table of an object, then those of the objects in it.
func section(out *strings.Builder, path string, object *schema) {
	if path != "" {
		fmt.Fprintf(out, "\n## %s\n\n%s\n", path, object.Description)
	}
	out.WriteString("\n| field | type | meaning | needed | if absent |\n|---|---|---|---|---|\n")
	for _, p := range object.Properties {
		needed := ""
		if slices.Contains(object.Required, p.name) {
			needed = "**yes**"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s | %s |\n", p.name, p.schema.typed(), cell(p.schema.Description), needed, p.schema.absent())
	}
	for _, p := range object.Properties {
		inner, suffix := p.schema.inner()
		if inner != nil {
			described := *inner
			described.Description = p.schema.Description
			section(out, strings.TrimPrefix(path+"."+p.name+suffix, "."), &described)
		}
	}
}

// inner is the object that a value is, holds in a list or in a mapping, and how a path shows that; nil: it is none.
func (s *schema) inner() (object *schema, suffix string) {
	switch {
	case len(s.Properties) > 0:
		return s, ""
	case s.Items != nil:
		object, suffix = s.Items.inner()
		return object, "[]" + suffix
	}
	if values, ok := s.Additional.(*schema); ok {
		object, suffix = values.inner()
		return object, ".*" + suffix
	}
	return nil, ""
}

// typed says what a value is, with its bounds.
func (s *schema) typed() string {
	switch {
	case s.Const != "":
		return "`" + s.Const + "`"
	case len(s.Enum) > 0:
		return "`" + strings.Join(s.Enum, "`, `") + "`"
	case s.Items != nil:
		return "list of " + s.Items.typed() + map[bool]string{true: ", at least one"}[s.MinItems > 0]
	case len(s.Properties) > 0:
		return "mapping"
	case s.Type == "object":
		if values, ok := s.Additional.(*schema); ok {
			return "mapping of names to " + values.typed()
		}
		return "mapping"
	case s.Pattern == sizePattern:
		return "size"
	case s.Pattern == durationPattern:
		return "length of time"
	case s.Type == "string":
		return "text"
	}
	return s.Type + s.bounds()
}

func (s *schema) bounds() string {
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf(", %d to %d", *s.Minimum, *s.Maximum)
	case s.Minimum != nil:
		return fmt.Sprintf(", %d or more", *s.Minimum)
	}
	return ""
}

func (s *schema) absent() string {
	if s.Default == nil {
		return ""
	}
	value, err := json.Marshal(s.Default)
	if err != nil {
		return ""
	}
	return "`" + strings.Trim(string(value), `"`) + "`"
}

// cell keeps a text within one cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

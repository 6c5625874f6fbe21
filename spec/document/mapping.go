package document

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Field is one field of a struct as documents write it.
type Field struct {
	Name     string
	Optional bool
	Index    []int // For reflect's FieldByIndex.
}

// Fields lists what a mapping that is read into t may hold, in the order of the type.
func Fields(t reflect.Type) []Field {
	var fields []Field
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		if name == "-" || !field.IsExported() {
			continue
		}
		if strings.Contains(options, "inline") && field.Type.Kind() == reflect.Struct {
			for _, inner := range Fields(field.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				fields = append(fields, inner)
			}
			continue
		}
		if name == "" {
			name = strings.ToLower(field.Name)
		}
		fields = append(fields, Field{Name: name, Optional: strings.Contains(options, "omitempty"), Index: []int{i}})
	}
	return fields
}

func (d *Document) structure(path string, node *yaml.Node, into reflect.Value, depth int) {
	if node.Kind != yaml.MappingNode {
		d.Add(path, "expected a mapping, found %s", found(node))
		return
	}
	fields := Fields(into.Type())
	known := make(map[string]Field, len(fields))
	names := make([]string, 0, len(fields))
	for _, field := range fields {
		known[field.Name] = field
		names = append(names, field.Name)
	}
	seen := d.keys(path, node, func(key, value *yaml.Node) {
		field, ok := known[key.Value]
		if !ok {
			d.unknown(join(path, key.Value), key, names)
			return
		}
		d.value(join(path, key.Value), key, value, into.FieldByIndex(field.Index), depth+1)
	})
	for _, field := range fields {
		if !field.Optional && !d.partial && !seen[field.Name] {
			d.missing(path, field.Name)
		}
	}
}

func (d *Document) missing(path, name string) {
	line, column := 1, 1
	if at, ok := d.places[path]; ok {
		line, column = at.start()
	}
	d.report(join(path, name), line, column, fmt.Sprintf("expected the field %q, found none", name))
}

func (d *Document) unknown(path string, key *yaml.Node, names []string) {
	text := fmt.Sprintf("unknown field %q", key.Value)
	switch nearest := Nearest(key.Value, names); {
	case key.Value == "<<":
		text = "merge keys are not supported: write the fields out"
	case nearest != "":
		text += fmt.Sprintf("; did you mean %q?", nearest)
	default:
		text += "; valid here: " + strings.Join(names, ", ")
	}
	d.report(path, key.Line, key.Column, text)
}

// keys visits the pairs of a mapping whose key is a name that was not there before, and returns the names.
func (d *Document) keys(path string, node *yaml.Node, visit func(key, value *yaml.Node)) map[string]bool {
	seen := make(map[string]bool, len(node.Content)/2)
	first := make(map[string]int, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || (key.ShortTag() != "!!str" && key.ShortTag() != "!!merge"):
			d.report(join(path, fmt.Sprintf("(key %d)", i/2+1)), key.Line, key.Column,
				"expected a name, found "+found(key)+": put it in quotes")
		case seen[key.Value]:
			d.add(join(path, key.Value), key.Line, key.Column,
				fmt.Sprintf("duplicate key %q; the first is in line %d", key.Value, first[key.Value]))
		default:
			seen[key.Value], first[key.Value] = true, key.Line
			visit(key, value)
		}
	}
	return seen
}

func (d *Document) list(path string, node *yaml.Node, into reflect.Value, depth int) {
	if node.Kind != yaml.SequenceNode {
		d.Add(path, "expected a list, found %s", found(node))
		return
	}
	if len(node.Content) == 0 || d.nodes+len(node.Content) > maxNodes {
		d.nodes += len(node.Content)
		if d.nodes > maxNodes {
			d.bomb(path, node)
		}
		return
	}
	list := reflect.MakeSlice(into.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		d.value(fmt.Sprintf("%s[%d]", path, i), nil, item, list.Index(i), depth+1)
	}
	into.Set(list)
}

func (d *Document) mapping(path string, node *yaml.Node, into reflect.Value, depth int) {
	if node.Kind != yaml.MappingNode {
		d.Add(path, "expected a mapping, found %s", found(node))
		return
	}
	if len(node.Content) == 0 {
		return
	}
	entries := reflect.MakeMap(into.Type())
	d.keys(path, node, func(key, value *yaml.Node) {
		entry := reflect.New(into.Type().Elem()).Elem()
		d.value(join(path, key.Value), key, value, entry, depth+1)
		name := reflect.New(into.Type().Key()).Elem()
		name.SetString(key.Value)
		entries.SetMapIndex(name, entry)
	})
	into.Set(entries)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

package document

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Header checks the fields apiVersion and kind, and reports whether the rest is worth reading: in a document of another
// kind every field would be unknown.
func (d *Document) Header(apiVersion string, kinds ...string) bool {
	if d.root == nil {
		return false
	}
	if d.root.Kind != yaml.MappingNode {
		d.report("", d.root.Line, d.root.Column, "expected a mapping with apiVersion, kind, metadata and spec, found "+found(d.root))
		return false
	}
	version := d.headline("apiVersion", apiVersion)
	return d.headline("kind", kinds...) && version
}

// Kind is what the document says of its kind; empty where it says nothing.
func (d *Document) Kind() string {
	if d.root == nil || d.root.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		if d.root.Content[i].Value == "kind" {
			return d.root.Content[i+1].Value
		}
	}
	return ""
}

func (d *Document) headline(name string, valid ...string) bool {
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		key, value := d.root.Content[i], d.root.Content[i+1]
		if key.Value != name {
			continue
		}
		if value.Kind == yaml.ScalarNode && slices.Contains(valid, value.Value) {
			return true
		}
		text := fmt.Sprintf("expected %s, found %s", Or(valid), found(value))
		if value.Kind == yaml.ScalarNode && value.ShortTag() == "!!str" {
			text = OneOf(value.Value, valid...)
		}
		d.report(name, value.Line, value.Column, text)
		return false
	}
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		if key := d.root.Content[i]; strings.EqualFold(key.Value, name) {
			d.report(name, key.Line, key.Column, fmt.Sprintf("unknown field %q; did you mean %q?", key.Value, name))
			return false
		}
	}
	d.report(name, 1, 1, fmt.Sprintf("expected the field %q with the value %s, found none", name, Or(valid)))
	return false
}

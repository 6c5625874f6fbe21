package agesecret

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fermata/activities/fault"
)

var linePattern = regexp.MustCompile(`line \d+`)

// document is the decrypted map. A parser's own words about it are never passed on: they may quote the content.
type document struct {
	path string    // Of the file, for errors.
	tree yaml.Node // The whole text, comments too.
	root *yaml.Node
}

func parse(plain []byte, path string) (*document, error) {
	d := &document{path: path}
	if err := yaml.Unmarshal(plain, &d.tree); err != nil && !errors.Is(err, io.EOF) {
		where := linePattern.FindString(err.Error())
		if where == "" {
			where = "some line"
		}
		return nil, fault.New(fault.Invalid, "the content of %s is neither YAML nor JSON: look at %s of the decrypted text", path, where)
	}
	if len(d.tree.Content) == 0 {
		d.tree.Kind, d.tree.Content = yaml.DocumentNode, []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}
	}
	d.root = d.tree.Content[0]
	if d.root.Kind != yaml.MappingNode {
		return nil, fault.New(fault.Invalid, "the content of %s is no map: expected lines of the form name: value", path)
	}
	return d, nil
}

// entry returns what stands under the name. Faults: NotFound where nothing does.
func (d *document) entry(name string) (entry, error) {
	var names []string
	var found *yaml.Node
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		key := d.root.Content[i].Value
		if slices.Contains(names, key) {
			return entry{}, fault.New(fault.Invalid, "%s has the name %q twice", d.path, key)
		}
		names = append(names, key)
		if key == name {
			found = d.root.Content[i+1]
		}
	}
	if found == nil {
		slices.Sort(names)
		return entry{}, fault.New(fault.NotFound, "%s has no name %q; %s", d.path, name, known(names))
	}
	return d.read(found, name)
}

// read takes a text for an entry with that one version, and reads the others.
func (d *document) read(node *yaml.Node, name string) (entry, error) {
	switch e, ok, err := versionsOf(node); {
	case err != nil:
		return entry{}, fault.New(fault.Invalid, "the versions of %q in %s: %w", name, d.path, err)
	case ok:
		return e, nil
	case node.Kind != yaml.ScalarNode || node.Tag != "!!str":
		return entry{}, fault.New(fault.Invalid, "the value of %q in %s is no text (it reads as %s): put it in quotes", name, d.path, strings.TrimPrefix(node.Tag, "!!"))
	case node.Value == "":
		return entry{}, nil
	}
	return entry{Versions: []version{{Value: node.Value}}}, nil
}

// set puts the entry under the name.
func (d *document) set(name string, e entry) error {
	node := &yaml.Node{}
	if err := node.Encode(e); err != nil {
		return fault.New(fault.Invalid, "the versions of %q cannot be written as YAML", name)
	}
	quoteValues(node)
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		if d.root.Content[i].Value == name {
			d.root.Content[i+1] = node
			return nil
		}
	}
	if len(d.root.Content) == 0 {
		d.root.Style = 0 // Not on one line, as {} is.
	}
	d.root.Content = append(d.root.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name}, node)
	return nil
}

// quoteValues lets every text stand in double quotes, where it reads as what it is, whatever is in it.
func quoteValues(node *yaml.Node) {
	for i, child := range node.Content {
		if child.Tag == "!!str" && node.Kind == yaml.MappingNode && i%2 == 1 {
			child.Style = yaml.DoubleQuotedStyle
		}
		quoteValues(child)
	}
}

// encode returns the map as text. It reads it again, and refuses a text that says something else: everything in it would be
// lost.
func (d *document) encode(name string, want entry) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(&d.tree), encoder.Close()); err != nil {
		return nil, fault.New(fault.Invalid, "the content of %s cannot be written as YAML", d.path)
	}
	again, err := parse(out.Bytes(), d.path)
	if err != nil {
		return nil, err
	}
	got, err := again.entry(name)
	if err != nil {
		return nil, err
	}
	if !same(d.root, again.root) || !got.equals(want) {
		return nil, fault.New(fault.Invalid, "the content of %s would read as something else once it is written again: write it in a simpler way, without anchors and tags", d.path)
	}
	return out.Bytes(), nil
}

// same reports whether two nodes mean the same, however they are written.
func same(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.ShortTag() != b.ShortTag() || a.Value != b.Value || a.Anchor != b.Anchor {
		return false
	}
	return slices.EqualFunc(a.Content, b.Content, same)
}

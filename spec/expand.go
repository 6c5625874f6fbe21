package spec

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"

	"fermata/spec/document"
)

// Member returns one server of the fleet, counted from 0, with its defaults filled in. It is the same whoever asks: what
// starts a fleet, the fleet, and the server's own run, which believes only its own expansion. An error is a Problems.
func (f *Fleet) Member(i int) (*Server, error) {
	if i < 0 || i >= f.Size() {
		return nil, fmt.Errorf("the fleet %s has %d servers, none has the index %d", f.Metadata.Name, f.Size(), i)
	}
	return f.expand("", i, templates{})
}

// Outline is what tells one server of a fleet from another without the whole of it.
type Outline struct {
	Name   string
	Site   string
	System string // Compute system; empty: the only one.
}

// Outlines returns an outline of every server, in order: filled in, and not looked at any further.
func (f *Fleet) Outlines() ([]Outline, error) {
	known := templates{}
	outlines := make([]Outline, f.Size())
	for i := range outlines {
		v := f.values(i)
		metadata, _, err := f.metadata(f.part("metadata"), &v, f.site(i), known)
		if err != nil {
			return nil, fmt.Errorf("server %d of the fleet: %w", i+1, err)
		}
		outlines[i] = Outline{Name: scalar(metadata, "name"), Site: scalar(metadata, "site")}
		if compute := entry(f.part("spec"), "compute"); compute != nil {
			if system := entry(compute, "system"); system != nil {
				filled, _, err := known.fill(system, "spec.compute.system", v, 0)
				if err != nil {
					return nil, fmt.Errorf("server %d of the fleet: %w", i+1, err)
				}
				outlines[i].System = filled.Value
			}
		}
	}
	return outlines, nil
}

// part is what the template has under a key; nil: nothing.
func (f *Fleet) part(key string) *yaml.Node { return entry(f.Spec.Template.node, key) }

func entry(mapping *yaml.Node, key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode {
		return nil
	}
	for k := 0; k+1 < len(mapping.Content); k += 2 {
		if mapping.Content[k].Value == key {
			return mapping.Content[k+1]
		}
	}
	return nil
}

func scalar(mapping *yaml.Node, key string) string {
	if n := entry(mapping, key); n != nil {
		return n.Value
	}
	return ""
}

// values are those of one server.
func (f *Fleet) values(i int) values {
	v := values{index: i + 1, values: map[string]string{}}
	if len(f.Spec.Servers) > 0 {
		v.name, v.values = f.Spec.Servers[i].Name, f.Spec.Servers[i].Values
	}
	return v
}

// site is what the list says of a server's site.
func (f *Fleet) site(i int) string {
	if len(f.Spec.Servers) > 0 {
		return f.Spec.Servers[i].Site
	}
	return ""
}

// expand fills the template in for one server and reads the result as a Server document is read.
func (f *Fleet) expand(file string, i int, known templates) (*Server, error) {
	node, at, err := f.written(i, known)
	if err != nil {
		d := document.Of(file, "spec.template", f.Spec.Template.node)
		if at != nil {
			d = document.Of(file, "spec.template", at)
		}
		d.Add("spec.template", "%v", err)
		return nil, d.Err()
	}
	d := document.Of(file, "", node)
	server := &Server{}
	d.Decode("", server)
	checker{d}.server(server)
	if err := d.Err(); err != nil {
		return nil, err
	}
	server.ApplyDefaults()
	return server, nil
}

// written is the member as the document that a person would have written. The places of its values are those of the
// template. An error comes with the value that it is about.
func (f *Fleet) written(i int, known templates) (server, at *yaml.Node, err error) {
	if f.Spec.Template.node == nil {
		return nil, nil, errors.New("expected a template, found none")
	}
	v := f.values(i)
	root := *f.Spec.Template.node
	root.Content = nil
	for k := 0; k+1 < len(f.Spec.Template.node.Content); k += 2 {
		if key := f.Spec.Template.node.Content[k]; key.Value != "metadata" && key.Value != "spec" {
			return nil, key, fmt.Errorf("unknown field %q: a template has metadata and spec", key.Value)
		}
	}
	filled, at, err := f.metadata(f.part("metadata"), &v, f.site(i), known)
	if err != nil {
		return nil, at, err
	}
	root.Content = append(root.Content, text("apiVersion", &root), text(APIVersion, &root), text("kind", &root), text(KindServer, &root), text("metadata", &root), filled)
	for k := 0; k+1 < len(f.Spec.Template.node.Content); k += 2 {
		key, value := f.Spec.Template.node.Content[k], f.Spec.Template.node.Content[k+1]
		if key.Value != "spec" {
			continue
		}
		out, at, err := known.fill(value, "spec", v, 0)
		if err != nil {
			return nil, at, err
		}
		root.Content = append(root.Content, key, out)
	}
	return &root, nil, nil
}

// metadata is the member's: its name from the list or the template, environment and labels from the fleet.
func (f *Fleet) metadata(given *yaml.Node, v *values, site string, known templates) (out, at *yaml.Node, err error) {
	base := f.Spec.Template.node
	if given != nil {
		base = given
	}
	copied := *base
	copied.Content = nil
	out = &copied
	if len(f.Spec.Servers) > 0 {
		out.Content = append(out.Content, text("name", base), text(v.name, base))
	}
	var labels *yaml.Node
	for k := 0; given != nil && k+1 < len(given.Content); k += 2 {
		key, value := given.Content[k], given.Content[k+1]
		switch {
		case key.Value == "environment":
			return nil, key, errors.New("the environment is the fleet's: write it to the fleet's own metadata")
		case key.Value == "name" && len(f.Spec.Servers) > 0:
			return nil, key, errors.New("spec.servers names the servers already: remove one of both")
		case key.Value == "site" && site != "":
			continue
		}
		filled, at, err := known.fill(value, "metadata."+key.Value, *v, 0)
		if err != nil {
			return nil, at, err
		}
		switch key.Value {
		case "name":
			v.name = filled.Value
		case "site":
			site = filled.Value
		case "labels":
			labels = filled
			continue
		}
		out.Content = append(out.Content, key, filled)
	}
	if v.name == "" {
		return nil, base, errors.New("expected metadata.name, such as web-{{ index }}, found none")
	}
	m := f.Metadata
	if m.Environment != "" {
		out.Content = append(out.Content, text("environment", base), text(m.Environment, base))
	}
	if entry(out, "site") == nil && (site != "" || m.Site != "") {
		if site == "" {
			site = m.Site
		}
		out.Content = append(out.Content, text("site", base), text(site, base))
	}
	if labels := f.labels(labels, base); labels != nil {
		out.Content = append(out.Content, text("labels", base), labels)
	}
	return out, nil, nil
}

// labels are the template's, and those of the fleet that it has not.
func (f *Fleet) labels(own, place *yaml.Node) *yaml.Node {
	if len(f.Metadata.Labels) == 0 || (own != nil && own.Kind != yaml.MappingNode) {
		return own
	}
	if own == nil {
		own = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: place.Line, Column: place.Column}
	}
	for key, value := range f.Metadata.Labels {
		if entry(own, key) == nil {
			own.Content = append(own.Content, text(key, place), text(value, place))
		}
	}
	return own
}

// text is a scalar that stands where place does.
func text(value string, place *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Line: place.Line, Column: place.Column}
}

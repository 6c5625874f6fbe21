package ansible

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"fermata/activities/configuration"
	"fermata/activities/fault"
)

// variableForm is what Ansible takes as the name of a variable.
var variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// encoded writes all variables as YAML in which every text is tagged !unsafe: Ansible takes it as it is, where it would
// evaluate other text as a template, and so run what a spec says on the worker.
func encoded(p configuration.Play, values configuration.Values) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, name := range slices.Sorted(maps.Keys(p.Variables)) {
		value, err := decoded(p.Variables[name])
		if err != nil {
			return nil, fault.New(fault.Invalid, "variable %q: %w", name, err)
		}
		root.Content = append(root.Content, key(name), unsafe(value))
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, twice := p.Variables[name]; twice {
			return nil, fault.New(fault.Invalid, "variable %q is given twice: as a value and as a secret", name)
		}
		text := values[name].Text()
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return nil, fault.New(fault.Invalid, "variable %q: its secret is no text", name)
		}
		root.Content = append(root.Content, key(name), unsafe(text))
	}
	for i := 0; i < len(root.Content); i += 2 {
		if err := named(root.Content[i].Value); err != nil {
			return nil, err
		}
	}
	return yaml.Marshal(root)
}

// named refuses variables that steer Ansible itself: how a host is reached and recognised is not the spec's to say.
func named(name string) error {
	switch {
	case !variableForm.MatchString(name):
		return fault.New(fault.Invalid, "variable %q: expected letters, digits and underscores", name)
	case strings.HasPrefix(strings.ToLower(name), "ansible_"):
		return fault.New(fault.Invalid, "variable %q: names that begin with ansible_ are Ansible's own", name)
	}
	return nil
}

func decoded(raw json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("expected a value in JSON: %w", err)
	}
	return value, nil
}

func key(name string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: name, Style: yaml.DoubleQuotedStyle}
}

// unsafe is a value without templates in it, in whatever depth.
func unsafe(value any) *yaml.Node {
	switch v := value.(type) {
	case map[string]any:
		node := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			node.Content = append(node.Content, key(name), unsafe(v[name]))
		}
		return node
	case []any:
		node := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, entry := range v {
			node.Content = append(node.Content, unsafe(entry))
		}
		return node
	case json.Number:
		tag := "!!int"
		if strings.ContainsAny(v.String(), ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.String()}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!unsafe", Value: v, Style: yaml.DoubleQuotedStyle}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}

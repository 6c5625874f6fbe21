package agesecret

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fermata/activities/fault"
)

var linePattern = regexp.MustCompile(`line \d+`)

// lookUp finds one text in the decrypted map. A parser's own words are never passed on: they may quote the content.
func lookUp(plain []byte, name, path string) (string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(plain, &document); err != nil && !errors.Is(err, io.EOF) {
		where := linePattern.FindString(err.Error())
		if where == "" {
			where = "some line"
		}
		return "", fault.New(fault.Invalid, "the content of %s is neither YAML nor JSON: look at %s of the decrypted text", path, where)
	}
	if len(document.Content) == 0 {
		return "", fault.New(fault.NotFound, "%s has no such name: %s", path, known(nil))
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return "", fault.New(fault.Invalid, "the content of %s is no map: expected lines of the form name: value", path)
	}
	return find(root, name, path)
}

func find(root *yaml.Node, name, path string) (string, error) {
	var names []string
	var found *yaml.Node
	for i := 0; i+1 < len(root.Content); i += 2 {
		key := root.Content[i].Value
		if slices.Contains(names, key) {
			return "", fault.New(fault.Invalid, "%s has the name %q twice", path, key)
		}
		names = append(names, key)
		if key == name {
			found = root.Content[i+1]
		}
	}
	slices.Sort(names)
	switch {
	case found == nil:
		return "", fault.New(fault.NotFound, "%s has no name %q; %s", path, name, known(names))
	case found.Kind != yaml.ScalarNode || found.Tag != "!!str":
		return "", fault.New(fault.Invalid, "the value of %q in %s is no text (it reads as %s): put it in quotes", name, path, strings.TrimPrefix(found.Tag, "!!"))
	case found.Value == "":
		return "", fault.New(fault.NotFound, "the value of %q in %s is empty", name, path)
	}
	return found.Value, nil
}

package agesecret

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"fermata/activities/fault"
)

// keepVersions is how many versions of a secret are kept; the oldest are forgotten. Vault keeps as many.
const keepVersions = 10

// entry is what the map holds under a name: a text as a person writes it, which is a version with the number 0, or the versions
// that were kept.
type entry struct {
	Last     int       `yaml:"last"`     // The highest number that was given; none is given twice.
	Versions []version `yaml:"versions"` // The oldest first; the last one counts.
}

type version struct {
	Number int    `yaml:"number"`
	Key    string `yaml:"key,omitempty"` // Of the operation that kept it; empty: a person wrote it.
	Value  string `yaml:"value"`
}

// written is a version whose value is looked at before it is taken for a text.
type written struct {
	Number int       `yaml:"number"`
	Key    string    `yaml:"key"`
	Value  yaml.Node `yaml:"value"`
}

// versionsOf reads a map of versions; false: the node is none. An error quotes nothing.
func versionsOf(node *yaml.Node) (entry, bool, error) {
	if node.Kind != yaml.MappingNode || !only(node, "last", "versions") {
		return entry{}, false, nil
	}
	var read struct {
		Last     int         `yaml:"last"`
		Versions []yaml.Node `yaml:"versions"`
	}
	if node.Decode(&read) != nil {
		return entry{}, true, errors.New("expected last: NUMBER, and versions: a list")
	}
	e := entry{Last: read.Last}
	for i := range read.Versions {
		var w written
		if !only(&read.Versions[i], "number", "key", "value") || read.Versions[i].Decode(&w) != nil {
			return entry{}, true, errors.New("expected number, key and value in each")
		}
		if w.Value.Kind != yaml.ScalarNode || w.Value.Tag != "!!str" || w.Value.Value == "" {
			return entry{}, true, fmt.Errorf("the value of version %d is no text: put it in quotes", w.Number)
		}
		if n := len(e.Versions); w.Number < 0 || n > 0 && w.Number <= e.Versions[n-1].Number {
			return entry{}, true, errors.New("their numbers do not go up")
		}
		e.Versions = append(e.Versions, version{w.Number, w.Key, w.Value.Value})
		e.Last = max(e.Last, w.Number)
	}
	return e, true, nil
}

// only reports whether the node is a map with no other keys than those.
func only(node *yaml.Node, keys ...string) bool {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if !slices.Contains(keys, node.Content[i].Value) {
			return false
		}
	}
	return node.Kind == yaml.MappingNode && len(node.Content) > 0
}

// newest returns the version that counts; false: there is none.
func (e entry) newest() (version, bool) {
	if len(e.Versions) == 0 {
		return version{}, false
	}
	return e.Versions[len(e.Versions)-1], true
}

// current is the newest version's name; empty: there is none.
func (e entry) current() string {
	v, ok := e.newest()
	if !ok {
		return ""
	}
	return strconv.Itoa(v.Number)
}

// at returns a version by its name; the empty one is the newest.
func (e entry) at(name string) (version, error) {
	v, ok := e.newest()
	if !ok {
		return version{}, fault.New(fault.NotFound, "it is empty")
	}
	if name == "" {
		return v, nil
	}
	var there []string
	for _, v := range e.Versions {
		number := strconv.Itoa(v.Number)
		if number == name {
			return v, nil
		}
		there = append(there, number)
	}
	return version{}, fault.New(fault.NotFound, "there is no version %s; there are: %s", name, strings.Join(there, ", "))
}

// with returns the entry with a newer version.
func (e entry) with(key, value string) entry {
	next := version{e.Last + 1, key, value}
	versions := append(slices.Clone(e.Versions), next)
	return entry{next.Number, versions[max(0, len(versions)-keepVersions):]}
}

// without returns the entry without what key wrote; false: it wrote nothing.
func (e entry) without(key string) (entry, bool) {
	left := slices.DeleteFunc(slices.Clone(e.Versions), func(v version) bool { return v.Key == key })
	return entry{e.Last, left}, len(left) < len(e.Versions)
}

func (e entry) equals(other entry) bool {
	return e.Last == other.Last && slices.Equal(e.Versions, other.Versions)
}

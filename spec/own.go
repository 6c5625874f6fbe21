package spec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"fermata/spec/document"
)

// Own is a document of a kind that Fermata does not come with. What its spec means, the process knows that it is for; its
// form is checked there.
type Own struct {
	APIVersion string    `yaml:"apiVersion"` // Somebody's own: example.com/v1.
	Kind       string    `yaml:"kind"`       // Somebody's own: Banner.
	Metadata   Metadata  `yaml:"metadata"`
	Spec       yaml.Node `yaml:"spec,omitempty"`

	values any // Spec, decoded.
}

var ownKindForm = newForm(`^[A-Z][A-Za-z0-9]{0,62}$`, "a word in capitalised letters and digits, such as Banner")

// ParseOwn reads one document of a kind that Fermata does not come with. An error is a Problems.
func ParseOwn(name string, data []byte) (*Own, error) {
	d := document.Read(name, data)
	if err := d.Err(); err != nil {
		return nil, err
	}
	o := &Own{}
	d.Decode("", o)
	c := checker{d}
	if group, _, versioned := strings.Cut(o.APIVersion, "/"); c.Sound("apiVersion") && (!versioned || group == "fermata") {
		c.Add("apiVersion", "expected a group of your own and a version, such as example.com/v1, found %q", o.APIVersion)
	}
	c.form("kind", o.Kind, ownKindForm)
	c.texts("metadata", reflect.ValueOf(o.Metadata))
	c.metadata(o.Metadata)
	if !o.Spec.IsZero() {
		if err := o.Spec.Decode(&o.values); err != nil {
			c.Add("spec", "expected values, found none that can be read: %v", err)
		} else if _, err := json.Marshal(o.values); err != nil {
			c.Add("spec", "expected what JSON can hold: text, numbers, lists, and mappings whose keys are text")
		}
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return o, nil
}

// Owner names on whose behalf the objects exist that a process makes for the document: "banner/shop".
func (o *Own) Owner() string { return strings.ToLower(o.Kind) + "/" + o.Metadata.Name }

// MarshalJSON writes what a process is given.
func (o *Own) MarshalJSON() ([]byte, error) {
	b, err := json.Marshal(struct {
		APIVersion string   `json:"apiVersion"`
		Kind       string   `json:"kind"`
		Metadata   Metadata `json:"metadata"`
		Spec       any      `json:"spec,omitempty"`
	}{o.APIVersion, o.Kind, o.Metadata, o.values})
	if err != nil {
		return nil, fmt.Errorf("writing the document: %w", err)
	}
	return b, nil
}

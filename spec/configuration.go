package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Play is a playbook that is run on the server, once its operating system and its volumes are ready and before its application is installed.
type Play struct {
	Name     string `yaml:"name" json:"name"`                         // Name of the play, unique in the server.
	System   string `yaml:"system,omitempty" json:"system,omitempty"` // Name of the project of playbooks in the configuration; empty: the only one.
	Playbook string `yaml:"playbook" json:"playbook"`                 // Path of the playbook in the project: site.yml.
	// Variables are given to the playbook as they are, with a value of any form; what looks like a template in one is not evaluated. They hold no secret.
	Variables map[string]Variable `yaml:"variables,omitempty" json:"variables,omitempty"`
	Secrets   map[string]string   `yaml:"secrets,omitempty" json:"secrets,omitempty"` // Variables whose value is a secret: references secret://provider/name.
	Tags      []string            `yaml:"tags,omitempty" json:"tags,omitempty"`       // Only tasks with one of these tags are run; empty: all.
}

// VariableNames are the names of the variables that are given as values, sorted.
func (p Play) VariableNames() []string { return slices.Sorted(maps.Keys(p.Variables)) }

// SecretNames are the names of the variables that are secrets, sorted.
func (p Play) SecretNames() []string { return slices.Sorted(maps.Keys(p.Secrets)) }

// Variable is a value of any form, written in JSON.
type Variable string

// exactly is the largest whole number that every reader of JSON takes as it is (RFC 8259, section 6).
const exactly = 1 << 53

// UnmarshalYAML reads a value of YAML that JSON has too.
func (v *Variable) UnmarshalYAML(node *yaml.Node) error {
	var value any
	if err := node.Decode(&value); err != nil {
		return fmt.Errorf("expected a value: %s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if problem := unlikeJSON(value); problem != "" {
		return fmt.Errorf("expected a value that JSON has too, found %s", problem)
	}
	return v.set(value)
}

func (v *Variable) set(value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Errorf("expected a value that JSON has too: %w", err)
	}
	*v = Variable(strings.TrimSuffix(text.String(), "\n"))
	return nil
}

// unlikeJSON names what is not as JSON has it; empty: nothing.
func unlikeJSON(value any) string {
	switch v := value.(type) {
	case nil, bool, string:
		return ""
	case int:
		return tooLarge(v > exactly || v < -exactly)
	case uint64:
		return tooLarge(true) // What fits is an int.
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "a number that is none"
		}
		return ""
	case []any:
		for _, entry := range v {
			if problem := unlikeJSON(entry); problem != "" {
				return problem
			}
		}
		return ""
	case map[string]any:
		for _, entry := range v {
			if problem := unlikeJSON(entry); problem != "" {
				return problem
			}
		}
		return ""
	}
	return "a date, or a mapping whose keys are no text: put it in quotes"
}

func tooLarge(is bool) string {
	if is {
		return "a number beyond 2^53: put it in quotes"
	}
	return ""
}

// MarshalJSON writes the value.
func (v Variable) MarshalJSON() ([]byte, error) { return []byte(v), nil }

// UnmarshalJSON takes the value as it is.
func (v *Variable) UnmarshalJSON(data []byte) error {
	var text bytes.Buffer
	if err := json.Compact(&text, data); err != nil {
		return err
	}
	*v = Variable(text.String())
	return nil
}

// configuration checks the plays.
func (c checker) configuration(plays []Play) {
	names := map[string]string{}
	for i, play := range plays {
		at := fmt.Sprintf("spec.configuration[%d].", i)
		c.form(at+"name", play.Name, labelForm)
		c.unique(at+"name", play.Name, names)
		c.form(at+"system", play.System, labelForm)
		c.form(at+"playbook", play.Playbook, playbookForm)
		for _, name := range play.VariableNames() {
			value := play.Variables[name]
			c.variable(at+"variables."+name, name)
			if where := at + "variables." + name; c.Sound(where) && strings.HasPrefix(string(value), `"secret://`) {
				c.Add(where, "expected a value, found a reference to a secret: put it under secrets")
			}
			if what := secretIn(string(value)); what != "" && c.Sound(at+"variables."+name) {
				c.Add(at+"variables."+name, "expected no secret, found %s: keep it with a secret provider, and name it under secrets", what)
			}
		}
		for _, name := range play.SecretNames() {
			ref := play.Secrets[name]
			where := at + "secrets." + name
			c.variable(where, name)
			if _, twice := play.Variables[name]; twice {
				c.AddKey(where, "expected a name of its own, found %q, which is under variables too", name)
			}
			if c.Sound(where) && (!secretForm.match.MatchString(ref) || strings.Contains(ref, "..")) {
				// What stands here may be the secret itself.
				c.Add(where, "expected %s, found something else: put the value where a provider reads it, and name it here", secretForm.what)
			}
		}
		seen := map[string]string{}
		for j, tag := range play.Tags {
			c.form(fmt.Sprintf("%stags[%d]", at, j), tag, playTagForm)
			c.unique(fmt.Sprintf("%stags[%d]", at, j), tag, seen)
		}
	}
}

func (c checker) variable(at, name string) {
	switch {
	case !variableForm.match.MatchString(name):
		c.AddKey(at, "expected %s, found %q", variableForm.what, name)
	case strings.HasPrefix(strings.ToLower(name), "ansible_"):
		c.AddKey(at, "expected a name of the playbook's own, found %q: how a host is reached is not the spec's to say", name)
	}
}

// Forms of a play's words.
var (
	playbookForm = newForm(`^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*\.ya?ml$`, "the path of a playbook in its project such as site.yml")
	variableForm = newForm(`^[A-Za-z_][A-Za-z0-9_]*$`, "the name of a variable: letters, digits and underscores")
	playTagForm  = newForm(`^[A-Za-z0-9_][A-Za-z0-9_.-]*$`, "a tag of letters, digits, dots, dashes and underscores")
)

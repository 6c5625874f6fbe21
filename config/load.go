package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"fermata/activities/secret"
	"fermata/spec"
	"fermata/spec/document"
)

// DefaultMaxAge is how old a signed command may be where the description does not say.
const DefaultMaxAge = spec.Duration(24 * time.Hour)

// Load reads the description of an installation from the file at path. Relative paths in it become relative to the file's
// folder. What is wrong with the description is a spec.Problems.
func Load(path string) (*Installation, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the description of the installation: %w", err)
	}
	defer file.Close()
	data, err := readLimited(file)
	if err != nil {
		return nil, fmt.Errorf("reading the description of the installation: %w", err)
	}
	return parse(path, data)
}

func parse(name string, data []byte) (*Installation, error) {
	d := document.Read(name, data)
	if d.Err() != nil || !d.Header(spec.APIVersion, Kind) {
		return nil, d.Err()
	}
	var read form
	d.Decode("", &read, document.WithRule(refRule(nil)))
	in := &read.Spec
	in.Name = read.Metadata.Name
	checker{d}.installation(in)
	if err := d.Err(); err != nil {
		return nil, err
	}
	if in.Decisions.MaxAge == 0 {
		in.Decisions.MaxAge = DefaultMaxAge
	}
	in.bind(name)
	return in, nil
}

// bind tells the description's parts where they come from.
func (in *Installation) bind(file string) {
	for _, path := range in.paths() {
		*path = relativeTo(file, *path)
	}
	providers := in.Secrets.names()
	for i := range in.Systems {
		in.Systems[i].file = file
		in.Systems[i].path = fmt.Sprintf("spec.systems[%d].config", i)
		in.Systems[i].providers = providers
	}
}

func (in *Installation) paths() []*string {
	tls := &in.Temporal.TLS
	paths := []*string{
		&in.Temporal.ConfigFile, &tls.CA, &tls.Cert, &tls.Key,
		&in.Decisions.AllowedSigners, &in.Decisions.Revoked, &in.Decisions.Policy, &in.Records.Folder,
	}
	if in.Secrets.File != nil {
		paths = append(paths, &in.Secrets.File.Folder)
	}
	if in.Secrets.Age != nil {
		paths = append(paths, &in.Secrets.Age.File, &in.Secrets.Age.Identity)
	}
	if v := in.Secrets.Vault; v != nil {
		paths = append(paths, &v.CA, &v.Auth.TokenFile)
		if v.Auth.AppRole != nil {
			paths = append(paths, &v.Auth.AppRole.SecretIDFile)
		}
	}
	return paths
}

func (s Secrets) names() map[string]bool {
	return map[string]bool{"file": s.File != nil, "env": s.Env != nil, "age": s.Age != nil, "vault": s.Vault != nil, "exec": s.Exec != nil}
}

// Decode reads the integration's part of the system's description into the struct that into points to, by its yaml tags.
// It is strict: unknown fields, duplicate keys and wrong types are a spec.Problems with file, line and column; so is a
// field of type secret.Ref that holds a literal, or names a provider that the installation does not have. What the
// description leaves out keeps the value it has in into.
func (s System) Decode(into any) error {
	node := &s.Config
	if node.Kind == yaml.DocumentNode && len(node.Content) == 1 {
		node = node.Content[0]
	}
	if node.IsZero() {
		return nil
	}
	d := document.Of(s.file, s.path, node)
	d.Decode(s.path, into, document.Partial(), document.WithRule(refRule(s.providers)))
	return d.Err()
}

// refRule judges references to secrets. What stands where a reference should may be the secret itself, so it is not
// repeated.
func refRule(providers map[string]bool) document.Rule {
	ref := reflect.TypeFor[secret.Ref]()
	return func(t reflect.Type, text string) string {
		if t != ref {
			return ""
		}
		provider, _, err := secret.Ref(text).Parse()
		if err != nil {
			return "expected a reference secret://provider/name, found something else: put the value where a provider reads it, and name it here"
		}
		if providers != nil && !providers[provider] {
			return unknownProvider(provider, providers)
		}
		return ""
	}
}

func unknownProvider(provider string, providers map[string]bool) string {
	var have []string
	for name, there := range providers {
		if there {
			have = append(have, name)
		}
	}
	slices.Sort(have)
	if len(have) == 0 {
		return fmt.Sprintf("expected a secret of a provider that spec.secrets describes, found %q; it describes none", provider)
	}
	return fmt.Sprintf("expected a secret of a provider that spec.secrets describes (%s), found %q", document.Or(have), provider)
}

package spec_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/spec"
)

var compiled = map[string]func() (*jsonschema.Schema, error){
	spec.KindServer:   sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(spec.KindServer) }),
	spec.KindPolicy:   sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(spec.KindPolicy) }),
	spec.KindFleet:    sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(spec.KindFleet) }),
	spec.KindInstance: sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(spec.KindInstance) }),
}

func compile(kind string) (*jsonschema.Schema, error) {
	text, err := spec.Schema(kind)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(spec.SchemaID(kind), document); err != nil {
		return nil, err
	}
	return compiler.Compile(spec.SchemaID(kind))
}

// validate judges a document by the JSON Schema of a kind alone.
func validate(t *testing.T, kind, text string) error {
	t.Helper()
	schema, err := compiled[kind]()
	require.NoError(t, err)
	var plain any
	require.NoError(t, yaml.Unmarshal([]byte(text), &plain))
	asJSON, err := json.Marshal(plain)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	require.NoError(t, err)
	return schema.Validate(value)
}

func TestSchemaRefusesBadDocuments(t *testing.T) {
	t.Parallel()
	count := 0
	for _, bad := range badDocuments() {
		if !bad.schema {
			continue
		}
		count++
		require.Error(t, validate(t, spec.KindServer, spoil(t, full, bad.old, bad.text)), bad.name)
	}
	require.Greater(t, count, 60)
}

func TestSchemaRefusesBadPolicies(t *testing.T) {
	t.Parallel()
	count := 0
	for _, bad := range badPolicies {
		if strings.Contains(bad.want[0], "duplicate key") {
			continue // The schema never sees both.
		}
		err := validate(t, spec.KindPolicy, spoil(t, governed, bad.old, bad.text))
		if !bad.schema {
			require.NoError(t, err, "%s: the schema knows more than the table says", bad.name)
			continue
		}
		count++
		require.Error(t, err, bad.name)
	}
	require.Greater(t, count, 50)
}

func TestSchemaOfNoKind(t *testing.T) {
	t.Parallel()
	_, err := spec.Schema("policy")
	require.EqualError(t, err, `expected Server, Instance, Policy or Fleet, found "policy"; did you mean "Policy"?`)
}

func TestSchemaDescribesEveryField(t *testing.T) {
	t.Parallel()
	for kind, typ := range map[string]reflect.Type{spec.KindServer: reflect.TypeFor[spec.Server](), spec.KindPolicy: reflect.TypeFor[spec.Policy](), spec.KindFleet: reflect.TypeFor[spec.Fleet](), spec.KindInstance: reflect.TypeFor[spec.Instance]()} {
		text, err := spec.Schema(kind)
		require.NoError(t, err)
		var root map[string]any
		require.NoError(t, json.Unmarshal(text, &root))
		requireDescribed(t, kind, typ, root)
	}
}

func requireDescribed(t *testing.T, at string, typ reflect.Type, schema map[string]any) {
	t.Helper()
	for within := map[reflect.Kind]string{reflect.Slice: "items", reflect.Map: "additionalProperties", reflect.Pointer: ""}; ; typ = typ.Elem() {
		key, holds := within[typ.Kind()]
		if !holds {
			break
		}
		if key != "" {
			schema = schema[key].(map[string]any)
		}
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[spec.Template]() { // That of a Server, which is looked at by itself.
		return
	}
	properties := schema["properties"].(map[string]any)
	require.Len(t, properties, typ.NumField(), at)
	require.Equal(t, false, schema["additionalProperties"], at)
	for i := range typ.NumField() {
		name, options, _ := strings.Cut(typ.Field(i).Tag.Get("yaml"), ",")
		property, ok := properties[name].(map[string]any)
		require.True(t, ok, "%s.%s is not in the schema", at, name)
		require.NotEmpty(t, property["description"], "%s.%s has no description", at, name)
		required, _ := schema["required"].([]any)
		require.Equal(t, options != "omitempty", slices.Contains(required, any(name)), "%s.%s", at, name)
		requireDescribed(t, at+"."+name, typ.Field(i).Type, property)
	}
}

func TestSchemaHasDefaults(t *testing.T) {
	t.Parallel()
	text, err := spec.Schema(spec.KindServer)
	require.NoError(t, err)
	for _, part := range []string{`"default": "ext4"`, `"default": 22`, `"default": true`, `"default": "168h"`, `"minimum": 100`, `"const": "Server"`} {
		require.Contains(t, string(text), part)
	}
}

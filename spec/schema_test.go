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

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	text, err := spec.Schema()
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(spec.SchemaID, document); err != nil {
		return nil, err
	}
	return compiler.Compile(spec.SchemaID)
})

// validate judges a document by the JSON Schema alone.
func validate(t *testing.T, text string) error {
	t.Helper()
	schema, err := compiled()
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
		require.Error(t, validate(t, spoil(t, bad.old, bad.text)), bad.name)
	}
	require.Greater(t, count, 60)
}

func TestSchemaDescribesEveryField(t *testing.T) {
	t.Parallel()
	text, err := spec.Schema()
	require.NoError(t, err)
	var root map[string]any
	require.NoError(t, json.Unmarshal(text, &root))
	requireDescribed(t, "", reflect.TypeFor[spec.Server](), root)
}

func requireDescribed(t *testing.T, at string, typ reflect.Type, schema map[string]any) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
		if typ.Kind() == reflect.Slice {
			schema = schema["items"].(map[string]any)
		}
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct {
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
	text, err := spec.Schema()
	require.NoError(t, err)
	for _, part := range []string{`"default": "ext4"`, `"default": 22`, `"default": true`, `"default": "168h"`, `"minimum": 100`, `"const": "Server"`} {
		require.Contains(t, string(text), part)
	}
}

package spec

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"fermata/spec/document"
)

// SchemaID names the JSON Schema of a kind.
func SchemaID(kind string) string { return "urn:fermata:schema:v1:" + strings.ToLower(kind) }

// sources are where the fields' descriptions are: the comments that developers read are those that editors show.
//
//go:embed server.go configuration.go policy.go fleet.go instance.go
var sources embed.FS

// schema is the part of JSON Schema 2020-12 that Schema uses, in the order that it is written.
type schema struct {
	Schema        string     `json:"$schema,omitempty"`
	ID            string     `json:"$id,omitempty"`
	Title         string     `json:"title,omitempty"`
	Description   string     `json:"description,omitempty"`
	Type          string     `json:"type,omitempty"`
	Const         string     `json:"const,omitempty"`
	Enum          []string   `json:"enum,omitempty"`
	Default       any        `json:"default,omitempty"`
	Pattern       string     `json:"pattern,omitempty"`
	MinLength     int        `json:"minLength,omitempty"`
	MaxLength     int        `json:"maxLength,omitempty"`
	Minimum       *int       `json:"minimum,omitempty"`
	Maximum       *int       `json:"maximum,omitempty"`
	MinItems      int        `json:"minItems,omitempty"`
	UniqueItems   bool       `json:"uniqueItems,omitempty"`
	Items         *schema    `json:"items,omitempty"`
	Required      []string   `json:"required,omitempty"`
	Properties    properties `json:"properties,omitempty"`
	PropertyNames *schema    `json:"propertyNames,omitempty"`
	Additional    any        `json:"additionalProperties,omitempty"` // false, or a schema.
	OneOf         []*schema  `json:"oneOf,omitempty"`
	AnyOf         []*schema  `json:"anyOf,omitempty"`
}

type property struct {
	name   string
	schema *schema
}

// properties keep the order of the Go type.
type properties []property

// MarshalJSON writes an object in the list's order.
func (p properties) MarshalJSON() ([]byte, error) {
	var out strings.Builder
	out.WriteByte('{')
	for i, property := range p {
		if i > 0 {
			out.WriteByte(',')
		}
		value, err := json.Marshal(property.schema)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%q:%s", property.name, value)
	}
	out.WriteByte('}')
	return []byte(out.String()), nil
}

// Schema returns the JSON Schema (2020-12) of a kind of document, for editors and other tools. Whatever Parse (or
// ParsePolicy) accepts is valid; what spans several fields, such as a gateway outside its network, only they refuse.
// An error says which kinds there are.
func Schema(kind string) ([]byte, error) {
	root, err := schemaOf(kind)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(root, "", "  ")
}

func schemaOf(kind string) (*schema, error) {
	types := map[string]reflect.Type{KindServer: reflect.TypeFor[Server](), KindPolicy: reflect.TypeFor[Policy](), KindFleet: reflect.TypeFor[Fleet](), KindInstance: reflect.TypeFor[Instance]()}
	described, known := types[kind]
	if !known {
		return nil, errors.New(document.OneOf(kind, Kinds()...))
	}
	comments, err := descriptions()
	if err != nil {
		return nil, fmt.Errorf("reading the fields' descriptions: %w", err)
	}
	for name := range constraints {
		if _, ok := comments[name]; !ok {
			return nil, fmt.Errorf("writing the schema: the constraint of %s belongs to no field", name)
		}
	}
	root := comments.object(described)
	root.Schema = "https://json-schema.org/draft/2020-12/schema"
	root.ID = SchemaID(kind)
	root.Title = "Fermata " + kind
	root.Description = comments[described.Name()]
	return root, nil
}

// commentary holds the comments of types ("Volume") and fields ("Volume.Size").
type commentary map[string]string

func descriptions() (commentary, error) {
	comments := commentary{}
	for _, name := range []string{"server.go", "configuration.go", "policy.go", "fleet.go", "instance.go"} {
		source, err := sources.ReadFile(name)
		if err != nil {
			return nil, err
		}
		if err := comments.parse(name, source); err != nil {
			return nil, err
		}
	}
	return comments, nil
}

func (c commentary) parse(name string, source []byte) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ParseComments)
	if err != nil {
		return err
	}
	c.read(file)
	return nil
}

func (c commentary) read(file *ast.File) {
	for _, declaration := range file.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok || general.Tok != token.TYPE {
			continue
		}
		for _, spec := range general.Specs {
			named := spec.(*ast.TypeSpec)
			c[named.Name.Name] = line(general.Doc.Text())
			structure, ok := named.Type.(*ast.StructType)
			if !ok {
				continue
			}
			for _, field := range structure.Fields.List {
				c[named.Name.Name+"."+field.Names[0].Name] = line(field.Doc.Text() + field.Comment.Text())
			}
		}
	}
}

func line(text string) string { return strings.Join(strings.Fields(text), " ") }

func (c commentary) object(t reflect.Type) *schema {
	object := &schema{Type: "object", Additional: false, OneOf: alternatives[t.Name()], AnyOf: choices[t.Name()]}
	for _, field := range document.Fields(t) {
		inGo := t.FieldByIndex(field.Index)
		name := t.Name() + "." + inGo.Name
		value := c.value(inGo.Type)
		constrain(name, value)
		value.Description = c[name]
		object.Properties = append(object.Properties, property{field.Name, value})
		if !field.Optional {
			object.Required = append(object.Required, field.Name)
		}
	}
	return object
}

// template is the schema of a Server's metadata and spec in which text may hold templates.
func (c commentary) template() *schema {
	metadata := c.object(reflect.TypeFor[Metadata]())
	metadata.Required = nil // A fleet of named servers has the names elsewhere.
	metadata.Properties = slices.DeleteFunc(metadata.Properties, func(p property) bool { return p.name == "environment" })
	spec := c.object(reflect.TypeFor[ServerSpec]())
	metadata.Description, spec.Description = c["Server.Metadata"], c["Server.Spec"]
	metadata.loosen()
	spec.loosen()
	return &schema{
		Type: "object", Additional: false, Required: []string{"spec"},
		Properties: properties{{"metadata", metadata}, {"spec", spec}},
	}
}

// loosen lets any text stand where some form of text is expected: what it will be is not known before it is filled in.
func (s *schema) loosen() {
	if s == nil {
		return
	}
	if s.Type == "string" {
		s.Pattern, s.Enum, s.MaxLength, s.MinLength = "", nil, 0, 0
	}
	s.Items.loosen()
	for _, p := range s.Properties {
		p.schema.loosen()
	}
	if inner, ok := s.Additional.(*schema); ok {
		inner.loosen()
	}
}

func (c commentary) value(t reflect.Type) *schema {
	switch {
	case t == reflect.TypeFor[Size]():
		return &schema{Type: "string", Pattern: sizePattern}
	case t == reflect.TypeFor[WaveSize]():
		return &schema{AnyOf: []*schema{{Type: "integer"}, {Type: "string", Pattern: sharePattern}}}
	case t == reflect.TypeFor[Template]():
		return c.template()
	case t == reflect.TypeFor[Time]():
		return &schema{Type: "string", Pattern: timePattern}
	case t == reflect.TypeFor[Duration]():
		return &schema{Type: "string", Pattern: durationPattern}
	case t == reflect.TypeFor[yaml.Node](): // Somebody else reads it.
		return &schema{Type: "object"}
	case t == reflect.TypeFor[Variable]():
		return &schema{}
	case t.Kind() == reflect.Pointer:
		return c.value(t.Elem())
	case t.Kind() == reflect.Struct:
		return c.object(t)
	case t.Kind() == reflect.Slice:
		return &schema{Type: "array", Items: c.value(t.Elem())}
	case t.Kind() == reflect.Map:
		return &schema{Type: "object", PropertyNames: &schema{}, Additional: c.value(t.Elem())}
	case t.Kind() == reflect.Bool:
		return &schema{Type: "boolean"}
	case t.Kind() == reflect.Int:
		return &schema{Type: "integer"}
	}
	return &schema{Type: "string", MinLength: 1}
}

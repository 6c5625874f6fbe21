package document

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// Rule judges a scalar of a type that the reader does not know, a reference to a secret for example: it returns what is
// wrong with text, or "".
type Rule func(t reflect.Type, text string) string

// Option changes how a document is decoded.
type Option func(*Document)

// WithRule judges scalars.
func WithRule(rule Rule) Option { return func(d *Document) { d.rule = rule } }

// Partial asks for no mandatory field: what is absent keeps the value that it has.
func Partial() Option { return func(d *Document) { d.partial = true } }

// Decode puts the document into the struct that into points to. Fields go by their yaml tags; one without omitempty is
// mandatory. Unknown fields, duplicate keys and values of a wrong type are problems. An empty list or mapping is left
// nil.
func (d *Document) Decode(path string, into any, options ...Option) {
	if d.root == nil {
		return
	}
	for _, option := range options {
		option(d)
	}
	d.value(path, nil, d.root, reflect.ValueOf(into).Elem(), 0)
}

var (
	nodeType     = reflect.TypeFor[yaml.Node]()
	durationType = reflect.TypeFor[time.Duration]()
)

// value decodes one node and remembers its place.
func (d *Document) value(path string, key, node *yaml.Node, into reflect.Value, depth int) {
	d.nodes++
	if d.nodes > maxNodes || depth > maxDepth {
		d.bomb(path, node)
		return
	}
	at := node
	for hops := 0; node.Kind == yaml.AliasNode; hops++ {
		if hops > maxDepth {
			d.bomb(path, node)
			return
		}
		node = node.Alias
	}
	d.places[path] = place{key: key, value: at}
	if into.Type() == nodeType {
		into.Set(reflect.ValueOf(*node))
		return
	}
	if into.Kind() == reflect.Pointer {
		fresh := reflect.New(into.Type().Elem())
		if !into.IsNil() {
			fresh.Elem().Set(into.Elem())
		}
		d.value(path, key, at, fresh.Elem(), depth+1)
		if !d.bad[path] {
			into.Set(fresh)
		}
		return
	}
	if d.custom(path, node, into) {
		return
	}
	switch into.Kind() {
	case reflect.Struct:
		d.structure(path, node, into, depth)
	case reflect.Slice:
		d.list(path, node, into, depth)
	case reflect.Map:
		d.mapping(path, node, into, depth)
	default:
		d.scalar(path, node, into)
	}
}

func (d *Document) bomb(path string, node *yaml.Node) {
	if d.bombed {
		return
	}
	d.bombed = true
	d.report("", node.Line, node.Column, fmt.Sprintf("expected at most %d values, %d deep, found more at %s: "+
		"aliases that hold aliases are refused", maxNodes, maxDepth, path))
}

// custom lets a type that reads itself do so; its error says what was expected and what was found.
func (d *Document) custom(path string, node *yaml.Node, into reflect.Value) bool {
	var err error
	switch reader := into.Addr().Interface().(type) {
	case yaml.Unmarshaler:
		err = reader.UnmarshalYAML(node)
	case encoding.TextUnmarshaler:
		if node.Kind != yaml.ScalarNode || isNull(node) {
			d.Add(path, "expected text, found %s", found(node))
			return true
		}
		err = reader.UnmarshalText([]byte(node.Value))
	default:
		return false
	}
	if err != nil {
		d.Add(path, "%v", err)
	}
	return true
}

func (d *Document) scalar(path string, node *yaml.Node, into reflect.Value) {
	tag := ""
	if node.Kind == yaml.ScalarNode {
		tag = node.ShortTag()
	}
	switch {
	case into.Type() == durationType:
		length, err := time.ParseDuration(node.Value)
		if tag != "!!str" || err != nil {
			d.Add(path, "expected a length of time such as 90s, 15m or 72h, found %s", found(node))
			return
		}
		into.SetInt(int64(length))
	case into.Kind() == reflect.String:
		d.text(path, node, tag, into)
	case into.Kind() == reflect.Bool:
		if tag != "!!bool" {
			d.Add(path, "expected true or false, found %s", found(node))
			return
		}
		into.SetBool(node.Value[0] == 't' || node.Value[0] == 'T')
	case into.CanInt():
		number, err := strconv.ParseInt(node.Value, 10, into.Type().Bits())
		if tag != "!!int" || err != nil {
			d.Add(path, "expected a whole number, found %s", found(node))
			return
		}
		into.SetInt(number)
	default:
		if err := node.Decode(into.Addr().Interface()); err != nil {
			d.Add(path, "expected %s, found %s", into.Type(), found(node))
		}
	}
}

func (d *Document) text(path string, node *yaml.Node, tag string, into reflect.Value) {
	if tag != "!!str" {
		hint := ""
		if node.Kind == yaml.ScalarNode && tag != "!!null" {
			hint = ": put it in quotes"
		}
		d.Add(path, "expected text, found %s%s", found(node), hint)
		return
	}
	if d.rule != nil {
		if problem := d.rule(into.Type(), node.Value); problem != "" {
			d.Add(path, "%s", problem)
			return
		}
	}
	into.SetString(node.Value)
}

// found names a node without its value.
func found(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch node.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	case "!!str":
		return "text"
	}
	return "a value tagged " + node.ShortTag()
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" }

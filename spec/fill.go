package spec

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"

	"go.yaml.in/yaml/v3"
)

// values are what a template may ask for.
type values struct {
	index  int // From 1.
	name   string
	values map[string]string
}

// templates are those that were read before, by their text.
type templates map[string]*template.Template

// maxFill is how deep a template may be; documents are refused before.
const maxFill = 64

// ownTemplates are the texts that have templates of their own: they are filled in when the file is written.
var ownTemplates = regexp.MustCompile(`^spec\.application\.config\[\]\.content$`)

// fill copies a value with every text in it filled in. The copy keeps the places, so that what is wrong with it is told
// where it was written.
func (t templates) fill(node *yaml.Node, path string, v values, depth int) (out, at *yaml.Node, err error) {
	if depth > maxFill {
		return nil, node, errors.New("expected values at most 64 deep, found more")
	}
	if node.Kind == yaml.AliasNode {
		return t.fill(node.Alias, path, v, depth+1)
	}
	copied := *node
	copied.Content = nil
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			copied.Content = append(copied.Content, child)
			continue
		}
		below := path + "[]"
		if node.Kind == yaml.MappingNode {
			below = path + "." + node.Content[i-1].Value
		}
		filled, at, err := t.fill(child, below, v, depth+1)
		if err != nil {
			return nil, at, err
		}
		copied.Content = append(copied.Content, filled)
	}
	if node.Kind != yaml.ScalarNode || node.ShortTag() != "!!str" || !strings.Contains(node.Value, "{{") || ownTemplates.MatchString(path) {
		return &copied, nil, nil
	}
	if copied.Value, err = t.render(node.Value, v); err != nil {
		return nil, node, err
	}
	copied.Tag = "!!str" // A text stays one, whatever it says now.
	return &copied, nil, nil
}

// maxFilled bounds a text that was filled in, in bytes.
const maxFilled = 64 << 10

func (t templates) render(content string, v values) (string, error) {
	parsed := t[content]
	if parsed == nil {
		var err error
		if parsed, err = template.New("template").Funcs(values{}.functions()).Parse(content); err != nil {
			return "", untitled(err)
		}
		if err := allowed(parsed); err != nil {
			return "", err
		}
		t[content] = parsed
	}
	var out strings.Builder
	if err := parsed.Funcs(v.functions()).Execute(&out, nil); err != nil {
		return "", untitled(err)
	}
	if out.Len() > maxFilled {
		return "", fmt.Errorf("expected at most %d bytes when filled in, found %d", maxFilled, out.Len())
	}
	return out.String(), nil
}

// untitled leaves out the name that the template was given here. What a function said stands at the end.
func untitled(err error) error {
	var failed template.ExecError
	if errors.As(err, &failed) && errors.Unwrap(failed.Err) != nil {
		return errors.Unwrap(failed.Err)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "template: template:"))
}

func (v values) functions() template.FuncMap {
	return template.FuncMap{
		"index": func() int { return v.index },
		"name": func() (string, error) {
			if v.name == "" {
				return "", errors.New("name is not known yet: the name itself can be made of index and values")
			}
			return v.name, nil
		},
		"values": func(key string) (string, error) {
			value, ok := v.values[key]
			if !ok {
				return "", fmt.Errorf("this server has no value %q", key)
			}
			return value, nil
		},
		"add":    add,
		"printf": formatted,
	}
}

// add adds whole numbers; a value is one if it reads as one.
func add(numbers ...any) (int, error) {
	sum := 0
	for _, n := range numbers {
		switch n := n.(type) {
		case int:
			sum += n
		case string:
			i, err := strconv.Atoi(n)
			if err != nil {
				return 0, fmt.Errorf("add expects whole numbers, found %q", n)
			}
			sum += i
		default:
			return 0, fmt.Errorf("add expects whole numbers, found %v", n)
		}
	}
	return sum, nil
}

// verb is what printf may do: numbers and texts, padded to at most 99 places.
var verb = regexp.MustCompile(`%(%|0?[0-9]{0,2}[dsx])`)

func formatted(format string, args ...any) (string, error) {
	if rest := verb.ReplaceAllString(format, ""); strings.Contains(rest, "%") {
		return "", fmt.Errorf("printf expects %%d, %%s or %%x, padded as in %%02d, found %q", format)
	}
	out := fmt.Sprintf(format, args...)
	if strings.Contains(out, "%!") {
		return "", fmt.Errorf("printf %q does not fit its values: %s", format, out)
	}
	return out, nil
}

// allowed refuses whatever is more than filling in. It also turns values.x, which people write, into a call.
func allowed(t *template.Template) error {
	if len(t.Templates()) > 1 {
		return errors.New("define and block are not supported")
	}
	if t.Tree == nil || t.Root == nil {
		return nil
	}
	for _, node := range t.Root.Nodes {
		switch node := node.(type) {
		case *parse.TextNode, *parse.CommentNode:
		case *parse.ActionNode:
			if err := allowedPipe(node.Pipe); err != nil {
				return err
			}
		default:
			return fmt.Errorf("expected index, name, values.x, add or printf, found %q", node.String())
		}
	}
	return nil
}

func allowedPipe(pipe *parse.PipeNode) error {
	if len(pipe.Decl) > 0 {
		return errors.New("variables are not supported")
	}
	for _, command := range pipe.Cmds {
		for i, arg := range command.Args {
			switch arg := arg.(type) {
			case *parse.StringNode, *parse.NumberNode:
			case *parse.IdentifierNode:
				if _, ours := (values{}).functions()[arg.Ident]; !ours {
					return fmt.Errorf("the function %s is not supported: there are index, name, values.x, add and printf", arg.Ident)
				}
			case *parse.PipeNode:
				if err := allowedPipe(arg); err != nil {
					return err
				}
			case *parse.ChainNode:
				call, err := valueOf(arg)
				if err != nil {
					return err
				}
				command.Args[i] = call
			default:
				return fmt.Errorf("expected index, name, values.x, add or printf, found %q", arg.String())
			}
		}
	}
	return nil
}

// valueOf turns values.x into (values "x").
func valueOf(chain *parse.ChainNode) (parse.Node, error) {
	called, ok := chain.Node.(*parse.IdentifierNode)
	if !ok || called.Ident != "values" || len(chain.Field) != 1 {
		return nil, fmt.Errorf("expected values.x, found %q", chain.String())
	}
	key := &parse.StringNode{NodeType: parse.NodeString, Pos: chain.Pos, Quoted: strconv.Quote(chain.Field[0]), Text: chain.Field[0]}
	command := &parse.CommandNode{NodeType: parse.NodeCommand, Pos: chain.Pos, Args: []parse.Node{called, key}}
	return &parse.PipeNode{NodeType: parse.NodePipe, Pos: chain.Pos, Cmds: []*parse.CommandNode{command}}, nil
}

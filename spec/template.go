package spec

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"text/template"
	"text/template/parse"

	"fermata/spec/document"
)

// configValues is what a configuration file's template may name.
type configValues struct {
	Name    string // metadata.name.
	Address string // The address without its prefix length.
	Domain  string // spec.network.domain; may be empty.
	Port    int    // application.health.port: where the application listens.
}

var configFields = []string{"Name", "Address", "Domain", "Port"}

// Functions that a template may call: those that compare. Others could be asked for more work or memory than a file is
// worth.
var templateFunctions = map[string]bool{"and": true, "or": true, "not": true, "eq": true, "ne": true, "lt": true, "le": true, "gt": true, "ge": true}

// RenderConfig returns the content of one of the application's configuration files with its fields replaced. Parse has
// seen that every template of a Server can be rendered.
func (s *Server) RenderConfig(file File) (string, error) {
	values := configValues{Name: s.Metadata.Name, Domain: s.Spec.Network.Domain}
	if prefix, err := netip.ParsePrefix(s.Spec.Network.Address); err == nil {
		values.Address = prefix.Addr().String()
	}
	if s.Spec.Application != nil {
		values.Port = s.Spec.Application.Health.Port
	}
	return render(file, values)
}

// RenderConfig returns the content of one of the application's configuration files with its fields replaced. The address is known
// once the instance is there.
func (s *Instance) RenderConfig(file File, address string) (string, error) {
	values := configValues{Name: s.Metadata.Name, Domain: s.Spec.Cloud.Domain, Address: address}
	if s.Spec.Application != nil {
		values.Port = s.Spec.Application.Health.Port
	}
	return render(file, values)
}

func render(file File, values configValues) (string, error) {
	parsed, err := parseTemplate(file.Content)
	if err != nil {
		return "", fmt.Errorf("rendering %s: %w", file.Path, err)
	}
	var out strings.Builder
	if err := parsed.Execute(&out, values); err != nil {
		return "", fmt.Errorf("rendering %s: %w", file.Path, err)
	}
	return out.String(), nil
}

func parseTemplate(text string) (*template.Template, error) {
	return template.New("content").Option("missingkey=error").Parse(text)
}

// checkTemplate reports what would keep a template from being rendered, or let it do more than fill in fields.
func checkTemplate(text string) error {
	parsed, err := parseTemplate(text)
	if err != nil {
		return trimTemplate(err)
	}
	if len(parsed.Templates()) > 1 {
		return fmt.Errorf("define and block are not supported")
	}
	if parsed.Tree == nil {
		return nil
	}
	if err := checkNode(parsed.Root); err != nil {
		return err
	}
	return trimTemplate(parsed.Execute(io.Discard, configValues{Name: "web-01", Address: "192.0.2.1", Domain: "example.test", Port: 1}))
}

func trimTemplate(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "template: content:"))
}

func checkNode(node parse.Node) error {
	switch node := node.(type) {
	case *parse.ListNode:
		if node == nil {
			return nil
		}
		return checkNodes(node.Nodes)
	case *parse.ActionNode:
		return checkNode(node.Pipe)
	case *parse.IfNode:
		return checkNodes([]parse.Node{node.Pipe, node.List, node.ElseList})
	case *parse.PipeNode:
		for _, command := range node.Cmds {
			if err := checkNodes(command.Args); err != nil {
				return err
			}
		}
		if len(node.Decl) > 0 {
			return fmt.Errorf("variables are not supported")
		}
		return nil
	case *parse.FieldNode:
		return checkField(node.Ident)
	case *parse.IdentifierNode:
		if !templateFunctions[node.Ident] {
			return fmt.Errorf("the function %s is not supported", node.Ident)
		}
		return nil
	case *parse.TextNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.CommentNode:
		return nil
	}
	return fmt.Errorf("expected fields, if and comparisons, found %q", node.String())
}

func checkNodes(nodes []parse.Node) error {
	for _, node := range nodes {
		if err := checkNode(node); err != nil {
			return err
		}
	}
	return nil
}

func checkField(names []string) error {
	valid := make([]string, len(configFields))
	for i, field := range configFields {
		valid[i] = "." + field
		if len(names) == 1 && names[0] == field {
			return nil
		}
	}
	return fmt.Errorf("%s", document.OneOf("."+strings.Join(names, "."), valid...))
}

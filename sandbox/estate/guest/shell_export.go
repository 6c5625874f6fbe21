package guest

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// declareInPOSIX makes declarations of export and readonly: the interpreter knows them in no other form, and its parser
// reads them as plain commands where the shell is sh.
func declareInPOSIX(parsed *syntax.File) {
	syntax.Walk(parsed, func(node syntax.Node) bool {
		stmt, ok := node.(*syntax.Stmt)
		if !ok {
			return true
		}
		call, ok := stmt.Cmd.(*syntax.CallExpr)
		if !ok || len(call.Assigns) > 0 || len(call.Args) == 0 {
			return true
		}
		if name := call.Args[0].Lit(); name != "export" && name != "readonly" {
			return true
		}
		clause := &syntax.DeclClause{Variant: call.Args[0].Parts[0].(*syntax.Lit)}
		for _, word := range call.Args[1:] {
			clause.Args = append(clause.Args, assignment(word))
		}
		stmt.Cmd = clause
		return true
	})
}

// assignment reads NAME=VALUE, NAME, or a flag.
func assignment(word *syntax.Word) *syntax.Assign {
	first, ok := word.Parts[0].(*syntax.Lit)
	if !ok || strings.HasPrefix(first.Value, "-") {
		return &syntax.Assign{Naked: true, Value: word}
	}
	name, value, assigns := strings.Cut(first.Value, "=")
	if !assigns {
		return &syntax.Assign{Naked: true, Name: first}
	}
	parts := word.Parts[1:]
	if value != "" {
		rest := *first
		rest.Value = value
		parts = append([]syntax.WordPart{&rest}, parts...)
	}
	left := *first
	left.Value = name
	return &syntax.Assign{Name: &left, Value: &syntax.Word{Parts: parts}}
}

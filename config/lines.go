package config

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// errByHand is for what people may write and this does not change.
var errByHand = errors.New("spec.encryption is written in a way that is not changed here: change it by hand")

// lines is a text with its line ends.
type lines struct{ text []string }

// at splits a line before a column, which counts characters from 1.
func (l *lines) at(n *yaml.Node) (before, from string) {
	line := l.text[n.Line-1]
	i := 0
	for c := 1; c < n.Column && i < len(line); c++ {
		_, size := utf8.DecodeRuneInString(line[i:])
		i += size
	}
	return line[:i], line[i:]
}

// scalar replaces a plain or quoted word.
func (l *lines) scalar(n *yaml.Node, value string) error {
	if n.Value == value {
		return nil
	}
	before, from := l.at(n)
	for _, written := range []string{`"` + n.Value + `"`, "'" + n.Value + "'", n.Value} {
		if rest, ok := strings.CutPrefix(from, written); ok && n.Kind == yaml.ScalarNode {
			l.text[n.Line-1] = before + quoted(value) + rest
			return nil
		}
	}
	return errByHand
}

// keys changes the list of keys, of which at most one comes or goes.
func (l *lines) keys(list *yaml.Node, was, want []Key) error {
	if slices.Equal(was, want) {
		return nil
	}
	if list.Style&yaml.FlowStyle != 0 {
		return l.flow(list, want)
	}
	for i, k := range was {
		if !slices.Contains(want, k) {
			return l.without(list, i)
		}
	}
	first, last := list.Content[0], list.Content[len(list.Content)-1]
	before, _ := l.at(first)
	end := lastLine(last)
	if !strings.HasSuffix(l.text[end-1], "\n") {
		l.text[end-1] += "\n"
	}
	l.text = slices.Insert(l.text, end, before+want[len(want)-1].line()+"\n")
	return nil
}

// without takes out an item of a block list, and the comment above it.
func (l *lines) without(list *yaml.Node, i int) error {
	item := list.Content[i]
	before, _ := l.at(item)
	if strings.TrimSpace(before) != "-" {
		return errByHand
	}
	from := item.Line - 1
	for above := strings.Count(item.HeadComment, "\n") + 1; item.HeadComment != "" && above > 0; above-- {
		from--
	}
	l.text = slices.Delete(l.text, from, lastLine(item))
	return nil
}

// lastLine is the last line of a node whose values each stand on one line.
func lastLine(n *yaml.Node) int {
	last := n.Line
	for _, c := range n.Content {
		last = max(last, lastLine(c))
	}
	return last
}

// flow writes a list in brackets anew. It must stand on one line and have no comment in it.
func (l *lines) flow(list *yaml.Node, want []Key) error {
	before, from := l.at(list)
	end := closing(from)
	if end < 0 {
		return errByHand
	}
	written := make([]string, len(want))
	for i, k := range want {
		written[i] = k.line()
	}
	l.text[list.Line-1] = before + "[" + strings.Join(written, ", ") + from[end:]
	return nil
}

// closing finds the bracket that ends the list at the start of the text; -1: not on this line.
func closing(text string) int {
	depth, quote := 0, rune(0)
	for i, r := range text {
		switch {
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			if depth--; depth == 0 {
				return i
			}
		case r == '#' && i > 0 && text[i-1] == ' ':
			return -1
		}
	}
	return -1
}

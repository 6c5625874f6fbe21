package nft

import (
	"fmt"
	"strings"
)

// token is a word, a quoted string, or one of { } ; , = and the end of a line ("\n").
type token struct {
	text   string
	quoted bool
	line   int // From 1.
	from   int // Columns, from 1.
	to     int
}

// source is a script and where its lines are, for messages.
type source struct {
	name  string // "/dev/stdin"; empty: the command line, whose messages have no place.
	lines []string
}

// mistake is an error of nft's: where, and what.
type mistake struct {
	at     token
	source *source
	text   string
}

func (m *mistake) Error() string {
	line := ""
	if n := m.at.line - 1; n >= 0 && n < len(m.source.lines) {
		line = m.source.lines[n]
	}
	place := ""
	if m.source.name != "" {
		place = fmt.Sprintf("%s:%d:%d-%d: ", m.source.name, m.at.line, m.at.from, m.at.to)
	}
	indent := make([]byte, max(0, m.at.from-1))
	for i := range indent {
		indent[i] = ' '
		if i < len(line) && line[i] == '\t' {
			indent[i] = '\t'
		}
	}
	return fmt.Sprintf("%sError: %s\n%s\n%s%s\n", place, m.text, line, indent, strings.Repeat("^", max(1, m.at.to-m.at.from+1)))
}

const punctuation = "{};,=!"

// tokens cuts a script. A comment reaches to the end of its line; a backslash there joins two lines.
func tokens(s *source) ([]token, *mistake) {
	var list []token
	for n, line := range s.lines {
		joined := strings.HasSuffix(line, "\\")
		line = strings.TrimSuffix(line, "\\")
		for i := 0; i < len(line); {
			c := line[i]
			switch {
			case c == ' ' || c == '\t' || c == '\r':
				i++
			case c == '#':
				i = len(line)
			case c == '"':
				end := strings.IndexByte(line[i+1:], '"')
				at := token{line: n + 1, from: i + 1, to: len(line), quoted: true}
				if end < 0 {
					return nil, &mistake{at, s, "syntax error, unexpected junk, expecting string"}
				}
				at.text, at.to = line[i+1:i+1+end], i+2+end
				list = append(list, at)
				i += end + 2
			case strings.IndexByte(punctuation, c) >= 0:
				width := 1
				if c == '!' && i+1 < len(line) && line[i+1] == '=' || c == '=' && i+1 < len(line) && line[i+1] == '=' {
					width = 2
				}
				list = append(list, token{text: line[i : i+width], line: n + 1, from: i + 1, to: i + width})
				i += width
			default:
				j := i
				for j < len(line) && strings.IndexByte(" \t\r#\""+punctuation, line[j]) < 0 {
					j++
				}
				list = append(list, token{text: line[i:j], line: n + 1, from: i + 1, to: j})
				i = j
			}
		}
		if !joined {
			list = append(list, token{text: "\n", line: n + 1, from: len(line) + 1, to: len(line) + 1})
		}
	}
	return list, nil
}

// picture draws what a command printed as an SVG, for the README: go run ./picture "TITLE" < output > picture.svg.
package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// Sizes in pixels, of a monospaced font.
const (
	letter = 8
	line   = 18
	margin = 16
	bar    = 32
)

// marks are the first letters of lines that are drawn in a colour of their own.
var marks = map[string]string{"✓": "#7ee787", "✗": "#ff7b72", "⏸": "#f2cc60", "●": "#79c0ff", "ok": "#7ee787"}

func main() {
	if err := draw(os.Stdout, os.Stdin, strings.Join(os.Args[1:], " ")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func draw(out io.Writer, in io.Reader, title string) error {
	var lines []string
	width := utf8.RuneCountInString(title)
	for s := bufio.NewScanner(in); s.Scan(); {
		lines = append(lines, s.Text())
		width = max(width, utf8.RuneCountInString(s.Text()))
	}
	w, h := width*letter+2*margin, len(lines)*line+bar+2*margin
	_, err := fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" aria-label="%s">
<rect width="100%%" height="100%%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="13" xml:space="preserve">
<text x="%d" y="%d" fill="#8b949e">%s</text>
`, w, h, w, h, html.EscapeString(title), margin, bar-margin/2, html.EscapeString(title))
	for n, text := range lines {
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "<text x=\"%d\" y=\"%d\" fill=\"#c9d1d9\">%s</text>\n", margin, bar+margin+(n+1)*line-line/3, coloured(text))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "</g>\n</svg>")
	return err
}

// coloured escapes a line, with its mark in the mark's colour.
func coloured(text string) string {
	rest := strings.TrimLeft(text, " ")
	first, _, _ := strings.Cut(rest, " ")
	colour, marked := marks[first]
	if !marked {
		return html.EscapeString(text)
	}
	indent := text[:len(text)-len(rest)]
	return fmt.Sprintf(`%s<tspan fill="%s">%s</tspan>%s`, indent, colour, html.EscapeString(first), html.EscapeString(rest[len(first):]))
}

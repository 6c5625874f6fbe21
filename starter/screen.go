package starter

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"
	"golang.org/x/term"
)

// screen is where answers go, and in which form.
type screen struct {
	out      io.Writer
	errors   io.Writer
	form     string
	terminal bool // The output is a terminal: redraw in place.
	colour   bool
	all      bool // Each server of a fleet is shown.
	// size is the terminal's, in columns and rows, as it is now. Nil: not a terminal.
	size func() (width, height int)
}

func newScreen(c *cli.Context) screen {
	s := screen{out: c.App.Writer, errors: c.App.ErrWriter, form: c.String("output"), all: c.Bool("all")}
	if s.errors == nil {
		s.errors = os.Stderr
	}
	if f, ok := c.App.Writer.(*os.File); ok && term.IsTerminal(descriptor(f)) && os.Getenv("TERM") != "dumb" {
		s.terminal = true
		s.colour = !c.Bool("no-color") && os.Getenv("NO_COLOR") == ""
		s.size = func() (int, int) {
			w, h, err := term.GetSize(descriptor(f))
			if err != nil || w < 20 || h < 5 {
				return 80, 24
			}
			return w, h
		}
	}
	return s
}

func descriptor(f *os.File) int { return int(f.Fd()) } //nolint:gosec // A descriptor is a small number.

func (s screen) checkOutput() error {
	switch s.form {
	case "table", "json", "yaml":
		return nil
	}
	return usage("--output %q: expected table, json or yaml", s.form)
}

// document prints v as JSON or YAML if that was asked for, and reports whether it did.
func (s screen) document(v any) (bool, error) {
	if s.form == "table" {
		return false, nil
	}
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return true, fmt.Errorf("writing the answer: %w", err)
	}
	if s.form == "json" {
		_, err = fmt.Fprintln(s.out, escape(string(data)))
		return true, err
	}
	text, err := asYAML(data)
	if err != nil {
		return true, fmt.Errorf("writing the answer: %w", err)
	}
	_, err = fmt.Fprint(s.out, escape(text))
	return true, err
}

// asYAML writes a JSON document as YAML: JSON is YAML, so the names and their order stay.
func asYAML(document []byte) (string, error) {
	var tree yaml.Node
	if err := yaml.Unmarshal([]byte(escape(string(document))), &tree); err != nil {
		return "", err
	}
	restyle(&tree)
	var b strings.Builder
	encoder := yaml.NewEncoder(&b)
	encoder.SetIndent(2)
	if err := encoder.Encode(&tree); err != nil {
		return "", err
	}
	return b.String(), encoder.Close()
}

// restyle drops JSON's braces and quotes. What could steer a terminal stays in quotes, where YAML knows escapes.
func restyle(n *yaml.Node) {
	n.Style = 0
	if n.Kind == yaml.ScalarNode && strings.ContainsFunc(n.Value, func(r rune) bool { return r != '\n' && steers(r) }) {
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, child := range n.Content {
		restyle(child)
	}
}

// printf writes text for people. On a terminal it breaks long lines at blanks; where a line is to be copied whole, raw does
// not.
func (s screen) printf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.size == nil {
		s.raw(text)
		return
	}
	width, _ := s.size()
	s.raw(strings.Join(wrapped(strings.Split(text, "\n"), width), "\n"))
}

func (s screen) raw(text string) { fmt.Fprint(s.out, text) }

// aside is told beside the answer: it must not stand in a document that a program reads.
func (s screen) aside() screen {
	if s.form != "table" {
		s.out, s.colour, s.terminal, s.size = s.errors, false, false, nil
	}
	return s
}

// Colours, of a terminal only.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	blue   = "34"
	dim    = "2"
	bold   = "1"
)

func (s screen) paint(code, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// steers reports whether a character could steer a terminal, or turn the order of what is read.
func steers(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) }

// clean removes what could steer a terminal from text that came from elsewhere.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && steers(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// escape writes what could steer a terminal as escapes, which JSON and quoted YAML read alike: nothing is lost.
func escape(document string) string {
	var b strings.Builder
	for _, r := range document {
		if r != '\n' && steers(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// line is clean text on one line.
func line(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

// logger tells what the connection does, if that was asked for.
func logger(c *cli.Context) *slog.Logger {
	if !c.Bool("verbose") {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(c.App.ErrWriter, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

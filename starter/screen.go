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
	form     string
	terminal bool // The output is a terminal: redraw in place.
	colour   bool
	width    int
}

func newScreen(c *cli.Context) screen {
	s := screen{out: c.App.Writer, form: c.String("output"), width: 120}
	if f, ok := c.App.Writer.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = true
		s.colour = !c.Bool("no-color")
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			s.width = w
		}
	}
	return s
}

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
		_, err = fmt.Fprintln(s.out, string(data))
		return true, err
	}
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil { // JSON is YAML: the names stay those of the JSON form.
		return true, fmt.Errorf("writing the answer: %w", err)
	}
	encoder := yaml.NewEncoder(s.out)
	encoder.SetIndent(2)
	return true, encoder.Encode(tree)
}

func (s screen) printf(format string, args ...any) { fmt.Fprintf(s.out, format, args...) }

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

// clean removes what could steer a terminal from text that came from elsewhere.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control) {
			return '\ufffd'
		}
		return r
	}, text)
}

// line is clean text on one line.
func line(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

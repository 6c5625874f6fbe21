package guest

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// sedStep is one command of a sed script.
type sedStep struct {
	from, to func(n int, last bool, line string) bool // nil: every line; to nil: only lines that from matches.
	inside   bool
	negate   bool
	verb     byte
	match    *regexp.Regexp
	text     string // Replacement of s, text of a, i and c.
	all      bool
	print    bool
	nth      int
}

// sed is the part of sed(1) that scripts use: s, d, p, q, a, i and c with line, $ and /pattern/ addresses and ranges.
func sed(_ context.Context, c Call) int {
	f, err := getopt(c.Args[1:], "n quiet silent i? in-place? e: expression: E r regexp-extended s")
	if err != nil {
		return c.usage(1, err)
	}
	scripts := append(f.values["e"], f.values["expression"]...)
	if len(scripts) == 0 {
		if len(f.args) == 0 {
			return c.missing(1)
		}
		scripts, f.args = f.args[:1], f.args[1:]
	}
	steps, err := parseSed(strings.Join(scripts, "\n"), f.has("E", "r", "regexp-extended"))
	if err != nil {
		return c.Fail(1, "-e expression #1: %v", err)
	}
	quiet := f.has("n", "quiet", "silent")
	return c.inputs(f.args, func(name string, data []byte) {
		text := runSed(steps, lines(data), quiet)
		if !f.has("i", "in-place") || name == "-" {
			c.Print("%s", text)
			return
		}
		if err := c.WriteFile(name, []byte(text), 0o644); err != nil {
			c.Fail(4, "couldn't edit %s: %s", name, reason(err))
		}
	})
}

func runSed(steps []*sedStep, input []string, quiet bool) string {
	var out strings.Builder
	for n, line := range input {
		deleted, quit, after := false, false, ""
		for _, step := range steps {
			if !step.applies(n+1, n == len(input)-1, line) {
				continue
			}
			switch step.verb {
			case 's':
				line = step.substitute(line, &out)
			case 'p':
				out.WriteString(line + "\n")
			case 'd':
				deleted = true
			case 'q':
				quit = true
			case 'i':
				out.WriteString(step.text + "\n")
			case 'a':
				after += step.text + "\n"
			case 'c':
				out.WriteString(step.text + "\n")
				deleted = true
			}
			if deleted || quit {
				break
			}
		}
		if !deleted && !quiet {
			out.WriteString(line + "\n")
		}
		out.WriteString(after)
		if quit {
			break
		}
	}
	return out.String()
}

func (s *sedStep) applies(n int, last bool, line string) bool {
	hit := true
	switch {
	case s.from == nil:
	case s.to == nil:
		hit = s.from(n, last, line)
	case s.inside:
		s.inside = !s.to(n, last, line)
	default:
		hit = s.from(n, last, line)
		s.inside = hit
	}
	return hit != s.negate
}

func (s *sedStep) substitute(line string, out *strings.Builder) string {
	count, changed := 0, false
	result := strings.Builder{}
	at := 0
	for _, hit := range s.match.FindAllStringSubmatchIndex(line, -1) {
		count++
		if !s.all && count != max(s.nth, 1) {
			continue
		}
		changed = true
		result.WriteString(line[at:hit[0]])
		result.Write(s.match.ExpandString(nil, s.text, line, hit))
		at = hit[1]
	}
	result.WriteString(line[at:])
	if changed && s.print {
		out.WriteString(result.String() + "\n")
	}
	return result.String()
}

// sedParser reads a script.
type sedParser struct {
	rest     string
	extended bool
}

func parseSed(script string, extended bool) ([]*sedStep, error) {
	p := &sedParser{rest: script, extended: extended}
	var steps []*sedStep
	for {
		p.rest = strings.TrimLeft(p.rest, " \t\n;")
		if p.rest == "" {
			return steps, nil
		}
		step, err := p.step()
		if err != nil {
			return nil, err
		}
		steps = append(steps, step)
	}
}

func (p *sedParser) step() (*sedStep, error) {
	s := &sedStep{}
	var err error
	if s.from, err = p.address(); err != nil {
		return nil, err
	}
	if s.from != nil && strings.HasPrefix(p.rest, ",") {
		p.rest = p.rest[1:]
		if s.to, err = p.address(); err != nil {
			return nil, err
		}
		if s.to == nil {
			return nil, fmt.Errorf("unexpected `,'")
		}
	}
	p.rest = strings.TrimLeft(p.rest, " ")
	if s.negate = strings.HasPrefix(p.rest, "!"); s.negate {
		p.rest = p.rest[1:]
	}
	if p.rest == "" {
		return nil, fmt.Errorf("missing command")
	}
	s.verb, p.rest = p.rest[0], p.rest[1:]
	switch s.verb {
	case 'd', 'p', 'q':
		return s, nil
	case 's':
		return s, p.substitution(s)
	case 'a', 'i', 'c':
		text, rest, _ := strings.Cut(strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(p.rest, " "), `\`), " \n"), "\n")
		s.text, p.rest = text, rest
		return s, nil
	}
	return nil, fmt.Errorf("unknown command: `%c'", s.verb)
}

func (p *sedParser) address() (func(int, bool, string) bool, error) {
	switch {
	case strings.HasPrefix(p.rest, "$"):
		p.rest = p.rest[1:]
		return func(_ int, last bool, _ string) bool { return last }, nil
	case strings.HasPrefix(p.rest, "/"):
		pattern, err := p.until('/')
		if err != nil {
			return nil, err
		}
		match, err := p.compile(pattern, "")
		if err != nil {
			return nil, err
		}
		return func(_ int, _ bool, line string) bool { return match.MatchString(line) }, nil
	}
	digits := 0
	for digits < len(p.rest) && p.rest[digits] >= '0' && p.rest[digits] <= '9' {
		digits++
	}
	if digits == 0 {
		return nil, nil //nolint:nilnil // No address: every line.
	}
	number, err := strconv.Atoi(p.rest[:digits])
	p.rest = p.rest[digits:]
	return func(n int, _ bool, _ string) bool { return n == number }, err
}

// until takes the text between two delimiters; the first is the next character. A backslash hides a delimiter.
func (p *sedParser) until(delimiter byte) (string, error) {
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '\\':
			i++
		case delimiter:
			text := strings.ReplaceAll(p.rest[1:i], `\`+string(delimiter), string(delimiter))
			p.rest = p.rest[i+1:]
			return text, nil
		}
	}
	return "", fmt.Errorf("unterminated `%c'", delimiter)
}

func (p *sedParser) compile(pattern, mode string) (*regexp.Regexp, error) {
	if !p.extended {
		pattern = basicPattern(pattern)
	}
	match, err := regexp.Compile(mode + pattern)
	if err != nil {
		return nil, fmt.Errorf("invalid pattern %q", pattern)
	}
	return match, nil
}

func (p *sedParser) substitution(s *sedStep) error {
	if p.rest == "" || p.rest[0] == '\\' || p.rest[0] == '\n' {
		return fmt.Errorf("unterminated `s' command")
	}
	delimiter := p.rest[0]
	pattern, err := p.until(delimiter)
	if err != nil {
		return err
	}
	p.rest = string(delimiter) + p.rest
	replacement, err := p.until(delimiter)
	if err != nil {
		return err
	}
	mode := ""
	for p.rest != "" && strings.IndexByte("gIip123456789", p.rest[0]) >= 0 {
		switch flag := p.rest[0]; flag {
		case 'g':
			s.all = true
		case 'p':
			s.print = true
		case 'I', 'i':
			mode = "(?i)"
		default:
			s.nth = int(flag - '0')
		}
		p.rest = p.rest[1:]
	}
	s.text = sedTemplate(replacement)
	s.match, err = p.compile(pattern, mode)
	return err
}

// sedTemplate turns a replacement of sed into one of regexp: & and \1 are groups, $ is a letter.
func sedTemplate(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch letter := text[i]; {
		case letter == '$':
			b.WriteString("$$")
		case letter == '&':
			b.WriteString("${0}")
		case letter == '\\' && i+1 < len(text):
			i++
			switch {
			case text[i] >= '0' && text[i] <= '9':
				b.WriteString("${" + string(text[i]) + "}")
			case text[i] == 'n':
				b.WriteByte('\n')
			case text[i] == '$':
				b.WriteString("$$")
			default:
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(letter)
		}
	}
	return b.String()
}

package haproxy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// File is one configuration file, as -f names it.
type File struct {
	Name string
	Data []byte
}

// settings is what the configuration says, as far as the emulator acts on it.
type settings struct {
	sockets   []socket
	frontends []*frontend
	backends  []*backendSettings
}

type socket struct {
	address string // host:port, or the path of a unix socket.
	level   string // user, operator or admin.
}

type frontend struct {
	name, bind, backend string
	mode                string
	where               string // file:line, for messages.
}

type backendSettings struct {
	name    string
	mode    string
	httpchk bool
	method  string
	path    string
	servers []serverSettings
	where   string
	// Of "default-server".
	defaults serverSettings
}

// serverSettings is a server line.
type serverSettings struct {
	name, addr string
	port       int
	check      bool
	disabled   bool
	weight     int
	id         int // 0: the next free one.
	inter      time.Duration
	rise, fall int
	where      string
	line       int
}

// message is one line of HAProxy's own words about a configuration.
type message struct{ level, text string }

type parser struct {
	settings settings
	messages []message
	file     string
	line     int
	section  string
	mode     string // Of the defaults section.
	front    *frontend
	back     *backendSettings
	broken   bool // A file could not be parsed; checks across sections are left out then.
}

func parse(files []File) (settings, []message) {
	p := &parser{mode: "tcp"}
	for _, f := range files {
		p.parseFile(f)
	}
	for _, f := range files {
		if p.fails(f.Name) {
			p.say("ALERT", "config : Error(s) found in configuration file : %s", f.Name)
			p.broken = true
		}
	}
	if !p.broken {
		p.resolve()
	}
	if p.failed() {
		p.say("ALERT", "config : Fatal errors found in configuration.")
	}
	return p.settings, p.messages
}

func (p *parser) fails(file string) bool {
	for _, m := range p.messages {
		// A second server of a name is found after the file was read; HAProxy does not blame the file then.
		if m.level == "ALERT" && strings.Contains(m.text, "["+file+":") && !strings.Contains(m.text, "please use distinct names") {
			return true
		}
	}
	return false
}

func (p *parser) failed() bool {
	for _, m := range p.messages {
		if m.level == "ALERT" {
			return true
		}
	}
	return false
}

func (p *parser) say(level, format string, args ...any) {
	p.messages = append(p.messages, message{level, fmt.Sprintf(format, args...)})
}

func (p *parser) at() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

func (p *parser) alert(format string, args ...any) {
	p.say("ALERT", "config : parsing [%s] : %s", p.at(), fmt.Sprintf(format, args...))
}

func (p *parser) parseFile(f File) {
	p.file, p.line, p.section = f.Name, 0, ""
	lines := strings.SplitAfter(string(f.Data), "\n")
	for i, line := range lines {
		if line == "" {
			break
		}
		p.line = i + 1
		if !strings.HasSuffix(line, "\n") {
			p.say("ALERT", "config : parsing [%s]: Missing LF on last line, file might have been truncated at position %d.", p.at(), len(line)+1)
			continue
		}
		words, err := split(line)
		if err != nil {
			p.alert("%v", err)
			continue
		}
		if len(words) > 0 {
			p.parseLine(words)
		}
	}
}

// split cuts a line into words: quotes and backslashes protect, an unprotected # begins a comment.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	open, quote, escaped := false, rune(0), false
	flush := func() {
		if open {
			words = append(words, word.String())
		}
		word.Reset()
		open = false
	}
	for _, r := range strings.TrimRight(line, "\r\n") {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, open = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, open = r, true
		case r == '#':
			flush()
			return words, nil
		case r == ' ' || r == '\t':
			flush()
		default:
			word.WriteRune(r)
			open = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("unmatched quote at position %d", len(line))
	}
	flush()
	return words, nil
}

// duration reads HAProxy's form: a number with a unit, milliseconds without.
func duration(text string) (time.Duration, error) {
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("expected a time, found %q", text)
	}
	units := map[string]time.Duration{
		"": time.Millisecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second,
		"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}
	unit, ok := units[text[len(digits):]]
	if !ok {
		return 0, fmt.Errorf("expected a time, found %q", text)
	}
	return time.Duration(n) * unit, nil
}

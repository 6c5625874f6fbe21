package haproxy

import (
	"fmt"
	"regexp"
	"strings"

	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// The lines between which the driver works, as the administrator writes them into a backend.
const (
	Begin = "# BEGIN fermata"
	End   = "# END fermata"
)

// document is a configuration file, cut into lines. Only lines inside marked blocks are ever added, changed or taken.
type document struct {
	lines   []string // With their line ends.
	blocks  map[string]*block
	foreign map[string]map[string]*entry // Servers outside the blocks: backend -> name.
}

// block is the marked part of one backend.
type block struct {
	begin, end int // Line numbers of the markers, from 0.
	indent     string
	entries    []*entry
}

// entry is a server line.
type entry struct {
	loadbalancer.Member
	key      string
	owner    operation.Owner
	id       int
	disabled bool
	line     int
}

func (e *entry) state() loadbalancer.State {
	switch {
	case e == nil:
		return loadbalancer.Absent
	case e.disabled:
		return loadbalancer.Maintenance
	}
	return loadbalancer.Ready
}

// problem is something in the file that a person must look at.
type problem struct {
	line int // From 1.
	text string
}

func (p *problem) Error() string { return fmt.Sprintf("line %d: %s", p.line, p.text) }

var sectionPattern = regexp.MustCompile(`^(global|defaults|frontend|backend|listen|userlist|peers|resolvers|mailers|cache|program|ring|http-errors|fcgi-app)(\s|$)`)

// readDocument finds the blocks. What stands in a block must be of the driver's form: a problem names the line that is not.
func readDocument(data []byte) (*document, error) {
	d := &document{
		lines: strings.SplitAfter(string(data), "\n"), blocks: map[string]*block{}, foreign: map[string]map[string]*entry{},
	}
	if last := len(d.lines) - 1; d.lines[last] == "" {
		d.lines = d.lines[:last]
	}
	r := reader{document: d}
	for i, line := range d.lines {
		if err := r.line(i, line); err != nil {
			return nil, err
		}
	}
	if r.open != nil {
		return nil, &problem{r.open.begin + 1, fmt.Sprintf("%q without %q behind it", Begin, End)}
	}
	return d, nil
}

// bytes returns the file as it is now.
func (d *document) bytes() []byte { return []byte(strings.Join(d.lines, "")) }

type reader struct {
	*document
	backend string
	open    *block
}

func (r *reader) line(i int, line string) error {
	text := strings.TrimSpace(line)
	switch {
	case sectionPattern.MatchString(text):
		if r.open != nil {
			return &problem{i + 1, fmt.Sprintf("a section begins before %q", End)}
		}
		r.backend = ""
		if fields := strings.Fields(text); len(fields) > 1 && (fields[0] == "backend" || fields[0] == "listen") {
			r.backend = fields[1]
		}
	case text == Begin:
		return r.begin(i, line)
	case text == End:
		if r.open == nil {
			return &problem{i + 1, fmt.Sprintf("%q without %q before it", End, Begin)}
		}
		r.open.end, r.open = i, nil
	case r.open != nil:
		return r.inside(i, text)
	case r.backend != "":
		r.outside(text)
	}
	return nil
}

func (r *reader) begin(i int, line string) error {
	switch {
	case r.open != nil:
		return &problem{i + 1, fmt.Sprintf("a second %q before %q", Begin, End)}
	case r.backend == "":
		return &problem{i + 1, fmt.Sprintf("%q outside of a backend", Begin)}
	case r.blocks[r.backend] != nil:
		return &problem{i + 1, fmt.Sprintf("a second %q in backend %s", Begin, r.backend)}
	}
	r.open = &block{begin: i, indent: line[:len(line)-len(strings.TrimLeft(line, " \t"))]}
	r.blocks[r.backend] = r.open
	return nil
}

func (r *reader) inside(i int, text string) error {
	if text == "" {
		return nil
	}
	e, err := readEntry(text)
	if err != nil {
		return &problem{i + 1, fmt.Sprintf("%v; lines between the markers are the driver's own: move %.80q out of them", err, text)}
	}
	e.Backend, e.line = r.backend, i
	for _, other := range r.open.entries {
		if other.Name == e.Name {
			return &problem{i + 1, fmt.Sprintf("server %s is there twice", e.Name)}
		}
	}
	r.open.entries = append(r.open.entries, e)
	return nil
}

// outside notes the servers of others.
func (r *reader) outside(text string) {
	code, _, _ := strings.Cut(text, "#")
	fields := strings.Fields(code)
	if len(fields) < 3 || fields[0] != "server" {
		return
	}
	e := &entry{Member: loadbalancer.Member{Backend: r.backend, Name: fields[1]}}
	e.Address, e.Port = splitAddress(fields[2])
	for _, option := range fields[3:] {
		e.disabled = e.disabled || option == "disabled"
	}
	if r.foreign[r.backend] == nil {
		r.foreign[r.backend] = map[string]*entry{}
	}
	r.foreign[r.backend][e.Name] = e
}

// find returns the driver's entry of that name.
func (d *document) find(backend, name string) *entry {
	if b := d.blocks[backend]; b != nil {
		for _, e := range b.entries {
			if e.Name == name {
				return e
			}
		}
	}
	return nil
}

// owned returns the entries of an owner, in the order of the file.
func (d *document) owned(owner operation.Owner) []*entry {
	var found []*entry
	for _, b := range d.blocks {
		for _, e := range b.entries {
			if e.owner == owner {
				found = append(found, e)
			}
		}
	}
	sortEntries(found)
	return found
}

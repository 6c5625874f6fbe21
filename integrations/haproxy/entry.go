package haproxy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"fermata/activities/loadbalancer"
	"fermata/activities/operation"
)

// renderer writes members in HAProxy's words.
type renderer struct{ inter time.Duration }

// options are the words behind the address, the same for the socket and for the file.
func (r renderer) options(e *entry) string {
	var b strings.Builder
	b.WriteString("check")
	if r.inter > 0 {
		fmt.Fprintf(&b, " inter %d", r.inter.Milliseconds())
	}
	if e.Weight > 0 {
		fmt.Fprintf(&b, " weight %d", e.Weight)
	}
	fmt.Fprintf(&b, " id %d", e.id)
	return b.String()
}

func (r renderer) line(e *entry) string {
	disabled := ""
	if e.disabled {
		disabled = " disabled"
	}
	return fmt.Sprintf("server %s %s %s%s # fermata key=%s owner=%s", e.Name, joinAddress(e.Member), r.options(e), disabled, e.key, e.owner)
}

func joinAddress(m loadbalancer.Member) string {
	if strings.Contains(m.Address, ":") {
		return "[" + m.Address + "]:" + strconv.Itoa(m.Port)
	}
	return m.Address + ":" + strconv.Itoa(m.Port)
}

func splitAddress(text string) (string, int) {
	i := strings.LastIndex(text, ":")
	if i < 0 {
		return text, 0
	}
	port, _ := strconv.Atoi(text[i+1:])
	return strings.Trim(text[:i], "[]"), port
}

// readEntry reads a line of the driver's form.
func readEntry(text string) (*entry, error) {
	code, comment, _ := strings.Cut(text, "#")
	e := &entry{}
	if err := e.readMarks(comment); err != nil {
		return nil, err
	}
	fields := strings.Fields(code)
	if len(fields) < 3 || fields[0] != "server" {
		return nil, fmt.Errorf("expected a server line")
	}
	ap, err := netip.ParseAddrPort(fields[2])
	if err != nil || ap.Port() == 0 || !namePattern.MatchString(fields[1]) {
		return nil, fmt.Errorf("expected a name and address:port behind \"server\"")
	}
	e.Name, e.Address, e.Port = fields[1], ap.Addr().Unmap().String(), int(ap.Port())
	return e, e.readOptions(fields[3:])
}

func (e *entry) readMarks(comment string) error {
	fields := strings.Fields(comment)
	if len(fields) != 3 || fields[0] != "fermata" {
		return fmt.Errorf("expected \"# fermata key=... owner=...\" at its end")
	}
	key, isKey := strings.CutPrefix(fields[1], "key=")
	owner, isOwner := strings.CutPrefix(fields[2], "owner=")
	if !isKey || !isOwner || !markPattern.MatchString(key) || !markPattern.MatchString(owner) {
		return fmt.Errorf("expected \"# fermata key=... owner=...\" at its end")
	}
	e.key, e.owner = key, operation.Owner(owner)
	return nil
}

func (e *entry) readOptions(words []string) (err error) {
	for i := 0; i < len(words); i++ {
		switch word := words[i]; word {
		case "check":
		case "disabled":
			e.disabled = true
		case "weight", "id", "inter":
			if i++; i == len(words) {
				return fmt.Errorf("expected a number behind %q", word)
			}
			n, err := strconv.Atoi(words[i])
			if err != nil || n < 0 {
				return fmt.Errorf("expected a number behind %q, found %q", word, words[i])
			}
			switch word {
			case "weight":
				e.Weight = n
			case "id":
				e.id = n
			}
		default:
			return fmt.Errorf("unexpected option %q", word)
		}
	}
	return nil
}

// put adds the entry, or replaces the one of its name. It reports whether the file changed. The caller has looked that the
// name is free or ours.
func (d *document) put(r renderer, e *entry) bool {
	b := d.blocks[e.Backend]
	if old := d.find(e.Backend, e.Name); old != nil {
		if old.Member == e.Member && old.key == e.key && old.owner == e.owner && old.id == e.id && old.disabled == e.disabled {
			return false
		}
		text := d.lines[old.line]
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		d.lines[old.line] = indent + r.line(e) + lineEnd(text)
		return true
	}
	d.lines = slices.Insert(d.lines, b.end, b.indent+r.line(e)+lineEnd(d.lines[b.begin]))
	return true
}

// drop takes an entry out.
func (d *document) drop(e *entry) { d.lines = slices.Delete(d.lines, e.line, e.line+1) }

func lineEnd(line string) string {
	if strings.HasSuffix(line, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

func sortEntries(entries []*entry) {
	slices.SortFunc(entries, func(a, b *entry) int { return a.line - b.line })
}

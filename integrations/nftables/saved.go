package nftables

import (
	"fmt"
	"strings"
)

const header = "# Rules of Fermata, written by its driver: change them there, not here.\n" +
	"# The main configuration includes this file behind the table that holds the chain.\n"

// render writes the file of the saved rules. It adds to the chain and flushes nothing.
func (f *Firewall) render(rules []rule) []byte {
	var b strings.Builder
	b.WriteString(header)
	fmt.Fprintf(&b, "table %s %s {\n\tchain %s {\n", f.cfg.Family, f.cfg.Table, f.cfg.Chain)
	for _, r := range rules {
		b.WriteString("\t\t" + r.text() + "\n")
	}
	b.WriteString("\t}\n}\n")
	return []byte(b.String())
}

// parseSaved reads the file. It is the driver's alone: the first line that is not of its form is named.
func (f *Firewall) parseSaved(data []byte) ([]rule, error) {
	frame := []string{
		fmt.Sprintf("table %s %s {", f.cfg.Family, f.cfg.Table), fmt.Sprintf("chain %s {", f.cfg.Chain), "}", "}",
	}
	var rules []rule
	passed := 0
	for i, line := range strings.Split(string(data), "\n") {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || strings.HasPrefix(text, "#"):
			continue
		case passed < len(frame) && text == frame[passed]:
			passed++
			continue
		}
		r, ok := readLine(text)
		if !ok || passed != 2 {
			return nil, fmt.Errorf("line %d: %.120q is not of the driver's form: move it to a file of its own", i+1, text)
		}
		rules = append(rules, r)
	}
	if passed != 0 && passed != len(frame) {
		return nil, fmt.Errorf("line %d: the file ends early", strings.Count(string(data), "\n"))
	}
	return rules, nil
}

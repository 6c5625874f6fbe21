package crash

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// publish appends to the report.
func publish(text string) error {
	if report == "" {
		return nil
	}
	file, err := os.OpenFile(report, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	_, err = file.WriteString(text + "\n")
	if closing := file.Close(); err == nil {
		err = closing
	}
	return err
}

// publish writes the table as Markdown: a row for each step, a column for each kind of point. What is no step of the
// process has a grid of its own.
func (r *table) publish(s sums) error {
	var text strings.Builder
	fmt.Fprintf(&text, "## %s\n\n", r.title)
	for _, p := range processes() {
		var steps, others []row
		for _, one := range r.rows {
			switch {
			case one.process != p:
			case r.place(one) < len(r.example.places[p]):
				steps = append(steps, one)
			default:
				others = append(others, one)
			}
		}
		grid(&text, string(p), steps)
		grid(&text, string(p), others)
	}
	return publish(text.String() + s.String())
}

func grid(text *strings.Builder, title string, rows []row) {
	var kinds []kind
	var steps []string
	for _, one := range rows {
		if !slices.Contains(kinds, one.kind) {
			kinds = append(kinds, one.kind)
		}
		if !slices.Contains(steps, one.step) {
			steps = append(steps, one.step)
		}
	}
	if len(rows) == 0 {
		return
	}
	slices.SortFunc(kinds, func(a, b kind) int { return column(a) - column(b) })
	fmt.Fprintf(text, "| %s |", title)
	for _, k := range kinds {
		fmt.Fprintf(text, " %s |", k)
	}
	fmt.Fprintf(text, "\n|---|%s\n", strings.Repeat("---|", len(kinds)))
	for _, step := range steps {
		fmt.Fprintf(text, "| %s |", step)
		for _, k := range kinds {
			fmt.Fprintf(text, " %s |", cell(rows, step, k))
		}
		text.WriteString("\n")
	}
	text.WriteString("\n")
}

// order is that of the columns.
var order = []kind{
	before, after, lost, stopped, serverBefore, serverAfter, serverLost, serverStopped, failBefore, failAfter, cancelBefore, cancelAfter,
}

func column(k kind) int {
	if i := slices.Index(order, k); i >= 0 {
		return i
	}
	return len(order)
}

// cell says in a word or two what became of a point; of several runs, each different word once.
func cell(rows []row, step string, k kind) string {
	var words []string
	for _, one := range rows {
		if one.step != step || one.kind != k {
			continue
		}
		word := "same"
		switch {
		case !one.good():
			word = "**NOT AS EXPECTED**"
		case len(one.ledger) > 0:
			word = fmt.Sprintf("listed: %d", len(one.ledger))
		case one.note != "":
			word = one.note
		}
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return strings.Join(words, ", ")
}

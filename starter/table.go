package starter

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// table draws rows below their heads. Columns that say nothing are left out, and where a terminal is too narrow the spare
// ones, the first named first: a line that wraps is hard to read.
func (s screen) table(head []string, rows [][]string, spare ...string) error {
	width := 0
	if s.size != nil {
		width, _ = s.size()
	}
	shown := columnsWith(head, rows, func(i int) bool {
		return slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" })
	})
	for _, name := range spare {
		if width == 0 || breadth(shown) <= width {
			break
		}
		shown = columnsWith(shown[0], shown[1:], func(i int) bool { return shown[0][i] != name })
	}
	w := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	for _, row := range shown {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// columnsWith returns heads and rows with the columns that are wanted.
func columnsWith(head []string, rows [][]string, wanted func(i int) bool) [][]string {
	out := make([][]string, len(rows)+1)
	for r, row := range append([][]string{head}, rows...) {
		for i, text := range row {
			if wanted(i) {
				out[r] = append(out[r], text)
			}
		}
	}
	return out
}

// breadth is how many columns of a terminal the rows take.
func breadth(rows [][]string) int {
	total := 0
	for i := range rows[0] {
		widest := 0
		for _, row := range rows {
			widest = max(widest, visible(row[i]))
		}
		total += widest + 2
	}
	return total - 2
}

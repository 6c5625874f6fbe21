package document

import (
	"fmt"
	"strings"
)

// Nearest returns the valid word that word was probably meant to be, or "".
func Nearest(word string, valid []string) string {
	if len(word) > 64 {
		return ""
	}
	best, limit := "", min(3, len(word)/2)
	for _, candidate := range valid {
		if strings.EqualFold(word, candidate) {
			return candidate
		}
		if n := distance(strings.ToLower(word), strings.ToLower(candidate)); n <= limit {
			best, limit = candidate, n-1
		}
	}
	return best
}

// OneOf says that one of the valid words was expected, and which of them was probably meant.
func OneOf(word string, valid ...string) string {
	text := fmt.Sprintf("expected %s, found %q", Or(valid), word)
	if nearest := Nearest(word, valid); nearest != "" {
		text += fmt.Sprintf("; did you mean %q?", nearest)
	}
	return text
}

// Or lists words: "a, b or c".
func Or(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// distance is the number of letters to insert, remove, replace or swap with a neighbour (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

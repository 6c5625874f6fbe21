package servicenow

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// subjectLimit is the length of short_description, in bytes: never more characters than that.
	subjectLimit = 160
	// textLimit leaves room for a note's mark in the 4,000 characters of a description or a work note.
	textLimit = 3800
)

var codeTag = regexp.MustCompile(`(?i)\[(/?code)\]`)

// text cleans what goes into a message: valid UTF-8, no control characters but tab and newline, no characters that turn
// the direction of writing, and no line that looks like the mark of another note. An instance renders what
// stands between [code] and [/code] as HTML, so that is taken apart.
func text(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	}, s)
	s = strings.ReplaceAll(s, "[fermata note ", "(fermata note ")
	s = codeTag.ReplaceAllString(s, "($1)")
	return cut(s, textLimit, "\n[cut: the text was longer]")
}

// line cleans what stands on one line: a subject, a name.
func line(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return visible(r)
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return cut(strings.Join(strings.Fields(s), " "), subjectLimit, "...")
}

// visible drops characters that show nothing or change how others show.
func visible(r rune) rune {
	if unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Cs) || r == '\u2028' || r == '\u2029' || r == '\uFEFF' {
		return -1
	}
	return r
}

func cut(s string, limit int, sign string) string {
	if len(s) <= limit {
		return s
	}
	s = s[:limit-len(sign)]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + sign
}

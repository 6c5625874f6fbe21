package requesttracker

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// subjectLimit is the length of RT's column, in bytes.
	subjectLimit = 200
	// textLimit keeps a message far below RT's limit for attachments, in bytes.
	textLimit = 64 << 10
)

// text cleans what goes into a message: valid UTF-8, no control characters but tab and newline, no characters that turn
// the direction of writing, and no line that looks like the mark of another note. Messages are text/plain: RT renders no
// markup in them.
func text(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	}, s)
	s = strings.ReplaceAll(s, "[fermata note ", "(fermata note ")
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

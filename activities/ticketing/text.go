package ticketing

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"fermata/activities/fault"
)

// markBegin begins the line that tells a note by its id; see NoteMark.
const markBegin = "[fermata note "

// NoteMark is the line that tells a note by its id.
func NoteMark(noteID string) string { return markBegin + noteID + "]" }

var noteForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$`)

// CheckNoteID refuses an id that a mark, or a question for it, could not hold. Fault: Invalid.
func CheckNoteID(noteID string) error {
	if !noteForm.MatchString(noteID) {
		return fault.New(fault.Invalid, "adding a note: id %q: expected up to 128 letters, digits and . _ : / @ + -", noteID)
	}
	return nil
}

// Text cleans what goes into a message: valid UTF-8, no control characters but tab and newline, no characters that turn the
// direction of writing, and no line that looks like the mark of another note. What is longer than limit bytes is cut and says so.
func Text(s string, limit int) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	}, s)
	s = strings.ReplaceAll(s, markBegin, "(fermata note ")
	return cut(s, limit, "\n[cut: the text was longer]")
}

// Line cleans what stands on one line of at most limit bytes: a subject, a name.
func Line(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return visible(r)
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return cut(strings.Join(strings.Fields(s), " "), limit, "...")
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

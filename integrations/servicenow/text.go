package servicenow

import (
	"regexp"

	"fermata/activities/ticketing"
)

const (
	// subjectLimit is the length of short_description, in bytes: never more characters than that.
	subjectLimit = 160
	// textLimit leaves room for a note's mark in the 4,000 characters of a description or a work note.
	textLimit = 3800
)

var codeTag = regexp.MustCompile(`(?i)\[(/?code)\]`)

// text cleans what goes into a message. An instance renders what stands between [code] and [/code] as HTML, so that is taken
// apart, after what is invisible in a tag is gone.
func text(s string) string { return codeTag.ReplaceAllString(ticketing.Text(s, textLimit), "($1)") }

// line cleans what stands on one line: a subject, a name.
func line(s string) string { return ticketing.Line(s, subjectLimit) }

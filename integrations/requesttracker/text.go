package requesttracker

import "fermata/activities/ticketing"

const (
	// subjectLimit is the length of RT's column, in bytes.
	subjectLimit = 200
	// textLimit keeps a message far below RT's limit for attachments, in bytes.
	textLimit = 64 << 10
)

// text cleans what goes into a message. Messages are text/plain: RT renders no markup in them.
func text(s string) string { return ticketing.Text(s, textLimit) }

// line cleans what stands on one line: a subject, a name.
func line(s string) string { return ticketing.Line(s, subjectLimit) }

package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"fermata/activities/fault"
)

// Event says what happened to a run. The values are wire names: receivers of webhooks choose by them.
type Event string

// The events that people are told of.
const (
	Waiting   Event = "waiting"   // A plan waits for an approval.
	Escalated Event = "escalated" // Nobody decided in time; others are asked.
	Held      Event = "held"      // A step failed and waits for a person.
	Ended     Event = "ended"     // The run is over; Outcome says how.
)

// Notice is one message to people. It holds no secret: its texts are those that the run shows anyway. ID, Event, Run,
// WorkflowID, At and Title are needed.
type Notice struct {
	// ID is the same for every attempt, and another for every other notice. See ID.
	ID         string    `json:"id"`
	Event      Event     `json:"event"`
	Run        string    `json:"run"`                 // ULID.
	WorkflowID string    `json:"workflow_id"`         // "server/web-01".
	Owner      string    `json:"owner,omitempty"`     // On whose behalf the run acts.
	Kind       string    `json:"kind,omitempty"`      // Workflow type: "ProvisionServer".
	Group      string    `json:"group,omitempty"`     // Whom the policy addresses: "approvers".
	At         time.Time `json:"at"`                  // When it happened, not when it was sent.
	Title      string    `json:"title"`               // One line. See Line.
	Text       []string  `json:"text,omitempty"`      // Lines.
	Hash       string    `json:"hash,omitempty"`      // Waiting: hash of the plan to approve.
	Deadline   time.Time `json:"deadline,omitzero"`   // Until when somebody must decide.
	Requester  string    `json:"requester,omitempty"` // Who asked for the run.
	Outcome    string    `json:"outcome,omitempty"`   // Ended: "done", "undone".
	Ticket     string    `json:"ticket,omitempty"`    // Link to the run's ticket.
}

// The longest that is sent, in bytes. Standard Webhooks asks for messages below 20 KB.
const (
	titleLimit = 200
	fieldLimit = 300
	lineLimit  = 900
	textLimit  = 12 << 10
)

// cutSign ends what was cut.
const cutSign = " [cut]"

// ID derives a notice's id from what makes it the only one: run, event, the gate's nonce or the step, the address. The
// same parts give the same id, in every attempt and in a replay.
func ID(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(sum, "%d:%s,", len(part), part) // The length keeps "ab","c" apart from "a","bc".
	}
	return "ntc_" + hex.EncodeToString(sum.Sum(nil)[:16])
}

// idForm is safe in a Message-ID and in a webhook-id, where a dot would end it.
var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// Checked returns the notice as it may be sent: every text is cleaned of characters that show nothing or turn others
// around, lines are split at breaks, and what is too long is cut and says so. It refuses what must not be mended, because
// somebody may have forged it. Fault: Invalid.
func Checked(n Notice) (Notice, error) {
	switch {
	case !idForm.MatchString(n.ID):
		return n, fault.New(fault.Invalid, "checking a notice: its id %q has not the form of one", n.ID)
	case n.Event != Waiting && n.Event != Escalated && n.Event != Held && n.Event != Ended:
		return n, fault.New(fault.Invalid, "checking notice %s: there is no event %q", n.ID, n.Event)
	case n.Run == "" || n.WorkflowID == "" || n.At.IsZero():
		return n, fault.New(fault.Invalid, "checking notice %s: it names no run, workflow or time", n.ID)
	case strings.TrimSpace(n.Title) == "" || strings.ContainsFunc(n.Title, unicode.IsControl):
		return n, fault.New(fault.Invalid, "checking notice %s: its title %q is no single line", n.ID, n.Title)
	}
	n.Title = Line(n.Title)
	for _, field := range []*string{&n.Run, &n.WorkflowID, &n.Owner, &n.Kind, &n.Group, &n.Hash, &n.Requester, &n.Outcome, &n.Ticket} {
		*field = line(*field, fieldLimit)
	}
	n.Text = lines(n.Text)
	n.At = n.At.UTC()
	return n, nil
}

// Line makes text the single clean line that a title is.
func Line(text string) string { return line(text, titleLimit) }

func line(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		return visible(r)
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return cut(strings.Join(strings.Fields(text), " "), limit)
}

var breaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")

func lines(text []string) (out []string) {
	left := textLimit
	for _, part := range text {
		for l := range strings.SplitSeq(breaks.Replace(strings.ToValidUTF8(part, "\uFFFD")), "\n") {
			l = cut(strings.TrimRight(strings.Map(visible, l), " "), lineLimit)
			if left -= len(l) + 1; left < 0 {
				return append(out, strings.TrimSpace(cutSign))
			}
			out = append(out, l)
		}
	}
	return out
}

// visible drops characters that show nothing or change how others show.
func visible(r rune) rune {
	switch {
	case r == '\t':
		return ' '
	case unicode.IsControl(r), unicode.In(r, unicode.Bidi_Control), r == '\u2028', r == '\u2029', r == '\uFEFF':
		return -1
	}
	return r
}

func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len(cutSign)], "") + cutSign
}

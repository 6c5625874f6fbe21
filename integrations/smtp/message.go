package smtp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime/quotedprintable"
	"strings"
	"time"
	"unicode/utf8"

	"fermata/activities/notify"
)

// compose writes the message: RFC 5322, its subject by RFC 2047, plain text in quoted-printable. The same notice gives the
// same bytes, so that an attempt after a lost answer is a true copy.
func compose(from, to string, n notify.Notice) ([]byte, error) {
	_, domain, _ := strings.Cut(from, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", "Fermata <" + from + ">"},
		{"To", "<" + to + ">"},
		{"Subject", subject("[fermata] " + n.Title)},
		{"Date", n.At.Format(time.RFC1123Z)},
		{"Message-ID", "<" + n.ID + "@" + domain + ">"},
		// Readers show all notices of a run together by it.
		{"References", "<" + notify.ID("run", n.Run) + "@" + domain + ">"},
		// No holiday note answers it (RFC 3834, section 5).
		{"Auto-Submitted", "auto-generated"},
		{"Fermata-Event", string(n.Event)},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "quoted-printable"},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b)
	for _, line := range body(n) {
		if _, err := w.Write([]byte(line + "\r\n")); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), w.Close()
}

// body is the text that a person reads.
func body(n notify.Notice) []string {
	lines := append([]string{n.Title, ""}, n.Text...)
	lines = append(lines, "")
	for _, fact := range [][2]string{
		{"Outcome", n.Outcome},
		{"Plan", n.Hash},
		{"Decide by", clock(n.Deadline)},
		{"For", n.Group},
		{"Asked for by", n.Requester},
		{"Target", n.WorkflowID},
		{"Owner", n.Owner},
		{"Kind", n.Kind},
		{"Run", n.Run},
		{"Ticket", n.Ticket},
		{"At", clock(n.At)},
		{"Notice", n.ID},
	} {
		if fact[1] != "" {
			lines = append(lines, fmt.Sprintf("%-13s %s", fact[0]+":", fact[1]))
		}
	}
	return lines
}

func clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// encodedBytes of text make an encoded word that fits behind "Subject: " in a line of 76, as RFC 2047 asks.
const encodedBytes = 39

// subject writes text as it may stand in a header: as it is, or in encoded words, one a line.
func subject(text string) string {
	plain := !strings.Contains(text, "=?") && len(text) < 200
	for i := range len(text) {
		plain = plain && text[i] >= ' ' && text[i] < 0x7f
	}
	if plain {
		return text
	}
	var words []string
	for text != "" {
		end := 0
		for end < len(text) {
			_, size := utf8.DecodeRuneInString(text[end:])
			if end+size > encodedBytes {
				break
			}
			end += size
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(text[:end]))+"?=")
		text = text[end:]
	}
	return strings.Join(words, "\r\n ")
}

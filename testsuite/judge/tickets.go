package judge

import (
	"fmt"
	"strings"
)

// tickets reads the desk's tickets of an owner with their notes.
//
// The desk has no fence: two attempts at the same moment can each open a ticket or add a note. What the drivers promise
// is that a superfluous ticket is closed and says so, and that copies of a note carry the same id. So a ticket that says
// that it is a duplicate counts as a withdrawn copy, and of notes with one id the first counts.
func (j *Judge) tickets(owner string) []string {
	var facts []string
	for _, t := range j.Estate.Tickets.Tickets() {
		mine := false
		for _, value := range t.Fields {
			mine = mine || value == owner
		}
		if !mine {
			continue
		}
		notes := map[string]bool{}
		withdrawn := false
		for _, entry := range t.History {
			if entry.Type == "Comment" || entry.Type == "Correspond" {
				notes[entry.Data] = true
				withdrawn = withdrawn || strings.Contains(entry.Data, "duplicate-of-")
			}
		}
		if withdrawn && t.Status == "rejected" {
			continue
		}
		facts = append(facts, fmt.Sprintf("ticket %q keyed %s is %s", t.Subject, t.Fields["Fermata Key"], t.Status))
		for note := range notes {
			facts = append(facts, fmt.Sprintf("note of ticket %q: %s", t.Subject, note))
		}
	}
	return facts
}

// Copies counts what the desk holds more than once and says so itself: withdrawn tickets, and notes with one id.
func (j *Judge) Copies() (tickets, notes int) {
	for _, t := range j.Estate.Tickets.Tickets() {
		seen := map[string]bool{}
		for _, entry := range t.History {
			if entry.Type != "Comment" && entry.Type != "Correspond" {
				continue
			}
			if seen[entry.Data] {
				notes++
			}
			if !seen[entry.Data] && strings.Contains(entry.Data, "duplicate-of-") {
				tickets++
			}
			seen[entry.Data] = true
		}
	}
	return tickets, notes
}

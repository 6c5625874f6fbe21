package ansible

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode"

	"fermata/activities/configuration"
)

// event is what the callback plugin tells.
type event struct {
	Event   string `json:"event"`
	Task    string `json:"task"`
	Host    string `json:"host"`
	Status  string `json:"status"` // ok, failed, ignored, unreachable.
	Changed bool   `json:"changed"`
	Message string `json:"message"`
	Diff    string `json:"diff"`
	Recap   struct {
		OK          int `json:"ok"`
		Changed     int `json:"changed"`
		Unreachable int `json:"unreachable"`
		Failures    int `json:"failures"`
		Skipped     int `json:"skipped"`
		Rescued     int `json:"rescued"`
		Ignored     int `json:"ignored"`
	} `json:"recap"`
}

// longest bounds an event; the plugin cuts what would make it longer.
const longest = 1 << 20

// listen reads events until the program has ended. A line that is none is left out.
func listen(from io.Reader, heard func(event)) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			heard(e)
		}
	}
	_, _ = io.Copy(io.Discard, from)
}

// Bounds of what is handed on, in bytes. They are below those of the plugin: what it cut may end in a piece of a secret
// that is too short to be known for one.
const (
	mostText  = 1000
	mostDiff  = 16 << 10
	mostDiffs = 256 << 10
	mostName  = 200
	mostTasks = 500 // Their number; the recap counts them all.
)

// story is what was heard of one run, with all secrets hidden.
type story struct {
	host    string
	hide    func(string) string
	say     func(string)
	number  int
	recap   configuration.Recap
	counted bool // Whether the host had a recap.
	changes []configuration.Task
	diffs   int
	failed  string // Task that ended the play.
	message string
}

func (s *story) hear(e event) {
	switch e.Event {
	case "task":
		s.number++
		s.say(numbered(s.number, name(s.hide(e.Task))))
	case "result":
		s.result(e)
	case "recap":
		if e.Host != s.host {
			return
		}
		s.counted = true
		s.recap = configuration.Recap{
			OK: e.Recap.OK, Changed: e.Recap.Changed, Unreachable: e.Recap.Unreachable, Failed: e.Recap.Failures,
			Skipped: e.Recap.Skipped, Rescued: e.Recap.Rescued, Ignored: e.Recap.Ignored,
		}
	}
}

func (s *story) result(e event) {
	switch {
	case e.Status == "failed", e.Status == "unreachable":
		s.failed, s.message = name(s.hide(e.Task)), text(s.hide(e.Message))
	case e.Changed && len(s.changes) < mostTasks:
		diff := lines(s.hide(e.Diff))
		if len(diff) > mostDiff {
			diff = strings.ToValidUTF8(diff[:mostDiff], "") + "\n...\n"
		}
		if s.diffs += len(diff); s.diffs > mostDiffs {
			diff = ""
		}
		s.changes = append(s.changes, configuration.Task{Name: name(s.hide(e.Task)), Diff: diff})
	}
}

// text is one line of visible characters, cut to a length that people read.
func text(s string) string { return line(s, mostText) }

// name is the name of a task.
func name(s string) string { return line(s, mostName) }

func line(s string, most int) string {
	s = strings.Join(strings.Fields(lines(s)), " ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// lines leaves out what steers a terminal.
func lines(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// limited keeps the beginning of what a program writes and takes the rest without keeping it.
type limited struct{ kept bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	_, _ = l.kept.Write(p[:min(len(p), longest-l.kept.Len())])
	return len(p), nil
}

func (l *limited) text() string { return strings.TrimSpace(l.kept.String()) }

package execsecret

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"unicode"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

// question is what a helper reads on its standard input: one line of JSON.
type question struct {
	Name    string `json:"name"`
	Field   string `json:"field,omitempty"`
	Version string `json:"version,omitempty"` // Absent: the current one.
}

func newQuestion(name, version string) question {
	path, field := secret.CutField(name)
	return question{Name: path, Field: field, Version: version}
}

// answer is what a helper writes to its standard output. Either Value or Error is given.
type answer struct {
	Value   string `json:"value"`
	Version string `json:"version"` // What Value's version is called; empty: the helper knows none.
	// Error is a kind of fault: NotFound, Unauthorized, Unavailable, Throttled or Invalid.
	Error   fault.Kind `json:"error"`
	Message string     `json:"message"` // For people. It must not hold the value.
}

// read understands what the helper wrote. No error quotes it: it may be the value.
func read(out []byte, q question) (answer, error) {
	var a answer
	decoder := json.NewDecoder(bytes.NewReader(out))
	if err := decoder.Decode(&a); err != nil {
		return answer{}, fault.New(fault.Invalid, `the helper's answer is no JSON object: expected {"value": "...", "version": "..."}, both texts`)
	}
	if _, err := decoder.Token(); err != io.EOF { //nolint:errorlint // Decoder.Token returns the bare value.
		return answer{}, fault.New(fault.Invalid, "the helper wrote more than one answer")
	}
	switch {
	case a.Error != "":
		return answer{}, refusal(a)
	case a.Value == "":
		return answer{}, fault.New(fault.NotFound, "the helper answers with an empty value")
	case q.Version != "" && a.Version != q.Version:
		return answer{}, fault.New(fault.Invalid, "the helper was asked for version %s and answers with %s", q.Version, called(a.Version))
	}
	return a, nil
}

func called(version string) string {
	if version == "" {
		return "none: it must know versions, or leave them out of every answer"
	}
	if !versionForm.MatchString(version) {
		return "what is no version"
	}
	return "version " + version
}

// refusal is what the helper itself says is wrong.
func refusal(a answer) error {
	said := oneLine(secret.Hide(a.Message, secret.NewValue([]byte(a.Value))))
	if said == "" {
		said = "no message"
	}
	switch a.Error {
	case fault.NotFound, fault.Unauthorized, fault.Unavailable, fault.Throttled, fault.Invalid:
		return fault.New(a.Error, "the helper says: %s", said)
	case fault.Conflict, fault.Ambiguous: // Nothing that reading can lead to.
	}
	return fault.New(fault.Invalid, "the helper gives an error that is none of NotFound, Unauthorized, Unavailable, Throttled and Invalid; it says: %s", said)
}

// shown is how much of a helper's text people see, in bytes.
const shown = 300

// oneLine is the beginning of a text, without what steers a terminal.
func oneLine(text string) string {
	if len(text) > shown {
		text = text[:shown] + "..."
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return strings.Join(strings.Fields(text), " ")
}

// Package decision is the signed envelope: what a person signs to start or steer a run, and the one place that judges
// whether a signature counts.
//
// A decision is canonical JSON (RFC 8785) with an SSH signature (SSHSIG, namespace [Namespace]) made by the key that the
// person already has. Who may sign is an OpenSSH allowed_signers file. The package promises that it never accepts what
// ssh-keygen -Y verify refuses, that a refusal always says why, and that no input makes it panic. It knows nothing of
// Temporal, reads no clock when it judges, and keeps no state: replay is excluded by the run, the gate and its nonce.
package decision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// Namespace is the SSHSIG namespace: a signature made for git or for a file is none of ours.
	Namespace = "decision@fermata"
	// MaxSize is the largest envelope, in bytes.
	MaxSize = 16 << 10
	// Version is the only version of the envelope that there is.
	Version = 1
	// StartGate is the gate of a start: no run has issued a nonce yet, so the signer makes one.
	StartGate = "start"
)

// Command is what a person wants to happen.
type Command string

// The commands. Start makes a run; the others steer the one that they name.
const (
	Start   Command = "start"
	Approve Command = "approve"
	Reject  Command = "reject"
	Retry   Command = "retry"
	Skip    Command = "skip"
	Undo    Command = "undo"
	Cancel  Command = "cancel"
	Restore Command = "restore"
	Purge   Command = "purge"
	// StopAutomation lets no run begin another step, until ResumeAutomation.
	StopAutomation   Command = "stop-automation"
	ResumeAutomation Command = "resume-automation"
)

// ChangeEmergency is the change of a start that acts first and is reviewed afterwards.
const ChangeEmergency = "emergency"

// Commands returns every command, in the order of a run's life.
func Commands() []Command {
	return []Command{Start, Approve, Reject, Retry, Skip, Undo, Cancel, Restore, Purge, StopAutomation, ResumeAutomation}
}

// Known reports whether c is a command.
func (c Command) Known() bool {
	for _, k := range Commands() {
		if c == k {
			return true
		}
	}
	return false
}

// needsStep reports whether c acts on one step, which the envelope must then name.
func (c Command) needsStep() bool { return c == Retry || c == Skip }

// Envelope is what a person signs. All fields but Step, Change and Reason are mandatory. Times have whole seconds, in UTC.
type Envelope struct {
	Version    int     `json:"version"`
	Cluster    string  `json:"cluster"`
	Namespace  string  `json:"namespace"`
	WorkflowID string  `json:"workflow_id"`
	Run        string  `json:"run"`   // ULID of the run, not Temporal's RunID
	Gate       string  `json:"gate"`  // the gate that asked
	Nonce      string  `json:"nonce"` // what that gate drew, see NewNonce
	Command    Command `json:"command"`
	// Hash is of what the person was shown, see the function Hash: the spec for a start, else the plan.
	Hash    string    `json:"hash"`
	Step    string    `json:"step,omitempty"`   // of retry and skip only
	Change  string    `json:"change,omitempty"` // of a start only: ChangeEmergency
	Reason  string    `json:"reason,omitempty"`
	Person  string    `json:"person"` // principal in allowed_signers
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
}

// Validate says what an envelope lacks to be signed. It reads no clock.
func (e Envelope) Validate() error {
	if e.Version != Version {
		return fmt.Errorf("version %d is not known: this program speaks version %d", e.Version, Version)
	}
	for _, f := range e.texts() {
		if err := checkText(f.name, f.value, f.mandatory); err != nil {
			return err
		}
	}
	if err := checkReason(e.Reason); err != nil {
		return err
	}
	if !e.Command.Known() {
		return fmt.Errorf("command %q is not known: expected one of %s", e.Command, joinCommands(Commands()))
	}
	if e.Command.needsStep() != (e.Step != "") {
		if e.Step == "" {
			return fmt.Errorf("step is empty: %s needs the name of a step", e.Command)
		}
		return fmt.Errorf("step %q does not belong to the command %s", e.Step, e.Command)
	}
	if err := e.checkChange(); err != nil {
		return err
	}
	if !isHash(e.Hash) {
		return fmt.Errorf("hash %q is not \"sha256:\" and 64 lower-case hexadecimal digits", e.Hash)
	}
	return e.checkTimes()
}

// checkChange: who acts first must say why.
func (e Envelope) checkChange() error {
	switch {
	case e.Change == "":
		return nil
	case e.Change != ChangeEmergency || e.Command != Start:
		return fmt.Errorf("change %q does not belong to the command %s", e.Change, e.Command)
	case strings.TrimSpace(e.Reason) == "":
		return errors.New("reason is empty: an emergency change needs one")
	}
	return nil
}

type text struct {
	name, value string
	mandatory   bool
}

func (e Envelope) texts() []text {
	return []text{
		{"cluster", e.Cluster, true},
		{"namespace", e.Namespace, true},
		{"workflow_id", e.WorkflowID, true},
		{"run", e.Run, true},
		{"gate", e.Gate, true},
		{"nonce", e.Nonce, true},
		{"command", string(e.Command), true},
		{"hash", e.Hash, true},
		{"step", e.Step, false},
		{"person", e.Person, true},
	}
}

func (e Envelope) checkTimes() error {
	if !writable(e.Issued) {
		return errors.New("issued is missing or no time between 1970 and 9999")
	}
	if !writable(e.Expires) {
		return errors.New("expires is missing or no time between 1970 and 9999")
	}
	if e.Expires.Unix() <= e.Issued.Unix() {
		return errors.New("expires is not after issued")
	}
	return nil
}

func writable(t time.Time) bool { return t.Unix() > 0 && t.UTC().Year() <= 9999 }

// checkText keeps what names something free of characters that a terminal or a log would obey or hide.
func checkText(name, value string, mandatory bool) error {
	if mandatory && value == "" {
		return fmt.Errorf("%s is empty", name)
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%s is not valid UTF-8", name)
	}
	if strings.ContainsFunc(value, hidden) {
		return fmt.Errorf("%s contains a control or invisible character", name)
	}
	return nil
}

// checkReason is checkText for prose, which may have lines and tabs.
func checkReason(reason string) error {
	return checkText("reason", strings.NewReplacer("\n", "", "\t", "").Replace(reason), false)
}

func hidden(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// Parse reads an envelope as it was signed. It refuses everything that has a second way to be written: unknown or
// repeated fields, data behind the object, other than canonical bytes, a size above [MaxSize], and what
// [Envelope.Validate] refuses.
func Parse(b []byte) (Envelope, error) {
	if len(b) > MaxSize {
		return Envelope{}, fmt.Errorf("reading the envelope: %d bytes are more than the %d allowed", len(b), MaxSize)
	}
	if err := checkKeys(b); err != nil {
		return Envelope{}, fmt.Errorf("reading the envelope: %w", err)
	}
	var e Envelope
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Envelope{}, fmt.Errorf("reading the envelope: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Envelope{}, errors.New("reading the envelope: there is data behind it")
	}
	canonical, err := e.Canonical()
	if err != nil {
		return Envelope{}, fmt.Errorf("reading the envelope: %w", err)
	}
	if !bytes.Equal(canonical, b) {
		return Envelope{}, errors.New("reading the envelope: the bytes are not canonical JSON (RFC 8785)")
	}
	return e, nil
}

// checkKeys refuses repeated fields, of which encoding/json would silently take the last.
func checkKeys(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("it is no JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if seen[key] {
			return fmt.Errorf("the field %q is there twice", key)
		}
		seen[key] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
	}
	return nil
}

func joinCommands(commands []Command) string {
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}

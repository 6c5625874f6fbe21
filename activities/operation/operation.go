// Package operation identifies what a run does, so that doing it again finds what was done before.
//
// Every object that a run makes carries the operation's key and its owner in the system itself. An attempt that
// follows a crash looks for the key and adopts what it finds; undo removes what carries the key; decommission and
// audit go by the owner.
package operation

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Key names one change of one run: the run's ULID, the step, and what the step acts on.
type Key struct {
	Run    string `json:"run"`    // ULID of the run; it survives retry, reset and continue-as-new.
	Step   string `json:"step"`   // Id of the step in its process: "deploy", "storage/data".
	Target string `json:"target"` // What is acted on: "web-01".
}

// Owner names on whose behalf an object exists: "server/web-01". It outlives runs.
type Owner string

// Op travels to every ensure: which operation this is, and for whom.
type Op struct {
	Key   Key   `json:"key"`
	Owner Owner `json:"owner"`
}

// space is the UUID namespace of operation keys (RFC 9562, section 5.5). It can never change: objects in the field carry
// UUIDs made with it.
var space = uuid.MustParse("6d0f6a0c-52a5-5d0e-9f0a-2b7b3f9f7c11")

// String writes the key as "run/step/target", the form that objects carry. A step's own slashes become dots.
func (k Key) String() string {
	return k.Run + "/" + strings.ReplaceAll(k.Step, "/", ".") + "/" + k.Target
}

// UUID returns the UUIDv5 of the key, for systems that index objects by UUID.
func (k Key) UUID() uuid.UUID { return uuid.NewSHA1(space, []byte(k.String())) }

// ParseKey reads the form that String writes.
func ParseKey(text string) (Key, error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Key{}, fmt.Errorf("parsing operation key %q: expected run/step/target", text)
	}
	return Key{Run: parts[0], Step: strings.ReplaceAll(parts[1], ".", "/"), Target: parts[2]}, nil
}

// SameRun reports whether an object that carries text was made by this operation's run.
func (k Key) SameRun(text string) bool { return strings.HasPrefix(text, k.Run+"/") }

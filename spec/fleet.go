package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Fleet is the document that describes many servers of one kind: how one of them is written, how many there are, and how
// they are brought into service.
type Fleet struct {
	APIVersion string    `yaml:"apiVersion" json:"apiVersion"` // Version of the document's form: fermata/v1.
	Kind       string    `yaml:"kind" json:"kind"`             // What the document describes: Fleet.
	Metadata   Metadata  `yaml:"metadata" json:"metadata"`     // Names the fleet. Its environment and labels are those of every server in it, its site that of each that names none.
	Spec       FleetSpec `yaml:"spec" json:"spec"`             // What the fleet should be.
}

// FleetSpec is what a fleet should be.
type FleetSpec struct {
	Count   int           `yaml:"count,omitempty" json:"count,omitempty"`     // Number of servers, 1 to 1000. Either this or servers.
	Servers []FleetServer `yaml:"servers,omitempty" json:"servers,omitempty"` // The servers by name. Either this or count.
	// Template is one server as a Server document has it (metadata and spec). Text in it may hold {{ index }} (from 1),
	// {{ name }}, {{ values.x }}, {{ add index 10 }} and {{ printf "%02d" index }}; content of application.config is left as
	// it is, since it is a template of its own.
	Template Template `yaml:"template" json:"template"`
	Rollout  Rollout  `yaml:"rollout,omitempty" json:"rollout,omitzero"` // In which order and how fast the servers are brought into service.
	// ApprovalDeadline is how long the one approval of the whole plan is waited for; 72h if absent.
	ApprovalDeadline Duration `yaml:"approvalDeadline,omitempty" json:"approvalDeadline,omitempty"`
}

// FleetServer is one server of a list.
type FleetServer struct {
	Name   string            `yaml:"name" json:"name"`                         // Name of the server.
	Site   string            `yaml:"site,omitempty" json:"site,omitempty"`     // Site of the server; the template's or the fleet's if absent.
	Values map[string]string `yaml:"values,omitempty" json:"values,omitempty"` // What the template reads as {{ values.x }}.
}

// Rollout says in which order and how fast the servers are brought into service.
type Rollout struct {
	// Waves are the sizes of the waves, a number of servers or a share of all: [1, 10%]. What is left is the last wave. A wave
	// begins when every server of the one before is done, held or has failed. Absent: one wave.
	Waves             []WaveSize `yaml:"waves,omitempty" json:"waves,omitempty"`
	Pause             Duration   `yaml:"pause,omitempty" json:"pause,omitempty"`                         // How long is waited between two waves; not at all if absent.
	MaxConcurrent     int        `yaml:"maxConcurrent,omitempty" json:"maxConcurrent,omitempty"`         // Servers that are worked on at once; 10 if absent.
	PerSite           int        `yaml:"perSite,omitempty" json:"perSite,omitempty"`                     // Of them at one site; no bound of its own if absent.
	PerSystem         int        `yaml:"perSystem,omitempty" json:"perSystem,omitempty"`                 // Of them on one compute system (a vCenter); no bound of its own if absent.
	StopAfterFailures int        `yaml:"stopAfterFailures,omitempty" json:"stopAfterFailures,omitempty"` // When so many servers are held or have failed, no other is begun until a person says so; 1 if absent.
	// Busy says what is done about a server that another run holds: wait (default) for its end, or refuse that server.
	Busy string `yaml:"busy,omitempty" json:"busy,omitempty"`
}

// What a fleet does about a server that another run holds.
const (
	BusyWait   = "wait"
	BusyRefuse = "refuse"
)

// Defaults and bounds of a Fleet.
const (
	MaxMembers               = 1000
	DefaultMaxConcurrent     = 10
	DefaultStopAfterFailures = 1
)

// WaveSize is the size of a wave: "5" servers, or "10%" of all, rounded up.
type WaveSize string

// UnmarshalText reads a number or a share.
func (w *WaveSize) UnmarshalText(text []byte) error {
	digits, share := strings.CutSuffix(string(text), "%")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || strconv.Itoa(n) != digits || share && n > 100 || n > MaxMembers {
		return fmt.Errorf("expected a number of servers from 1 to %d, or a share such as 10%%, found %q", MaxMembers, text)
	}
	*w = WaveSize(text)
	return nil
}

// sharePattern is the form of a share.
const sharePattern = `^([1-9][0-9]?|100)%$`

// Of is how many of so many servers the wave has.
func (w WaveSize) Of(servers int) int {
	digits, share := strings.CutSuffix(string(w), "%")
	n, _ := strconv.Atoi(digits)
	if share {
		n = (servers*n + 99) / 100
	}
	return n
}

// Template is a Server's metadata and spec, kept as it was written: what stands in it has a meaning only once it is
// filled in for one server.
type Template struct{ node *yaml.Node }

// UnmarshalYAML keeps the value with its places.
func (t *Template) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("expected a mapping with metadata and spec, found something else")
	}
	t.node = node
	return nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Template) UnmarshalJSON(data []byte) error {
	var document yaml.Node // JSON is YAML.
	if err := yaml.Unmarshal(data, &document); err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("reading the template: expected an object")
	}
	t.node = document.Content[0]
	return nil
}

// MarshalJSON writes the template as JSON.
func (t Template) MarshalJSON() ([]byte, error) {
	if t.node == nil {
		return []byte("{}"), nil
	}
	var value any
	if err := t.node.Decode(&value); err != nil {
		return nil, fmt.Errorf("writing the template: %w", err)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSpace(out.Bytes()), err
}

// Owner names the fleet: "fleet/web".
func (f *Fleet) Owner() string { return "fleet/" + f.Metadata.Name }

// Size is how many servers the fleet has.
func (f *Fleet) Size() int {
	if len(f.Spec.Servers) > 0 {
		return len(f.Spec.Servers)
	}
	return f.Spec.Count
}

// ApplyDefaults fills in what the document leaves open: rollout maxConcurrent 10, stopAfterFailures 1, busy wait;
// approvalDeadline 72h.
func (f *Fleet) ApplyDefaults() {
	fill(&f.Spec.Rollout.MaxConcurrent, DefaultMaxConcurrent)
	fill(&f.Spec.Rollout.StopAfterFailures, DefaultStopAfterFailures)
	fill(&f.Spec.Rollout.Busy, BusyWait)
	fill(&f.Spec.ApprovalDeadline, DefaultApprovalDeadline)
}

// Waves are the sizes of the waves, in order. Their sum is the size of the fleet.
func (f *Fleet) Waves() []int {
	var sizes []int
	left := f.Size()
	for _, w := range f.Spec.Rollout.Waves {
		if n := min(w.Of(f.Size()), left); n > 0 {
			sizes, left = append(sizes, n), left-n
		}
	}
	if left > 0 {
		sizes = append(sizes, left)
	}
	return sizes
}

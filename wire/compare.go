package wire

import "fermata/activities/operation"

// NothingToChange is the reason that a run gives which found everything as it is asked for.
const NothingToChange = "nothing to change"

// CompareInput asks for a CompareServer.
type CompareInput struct {
	Name string `json:"name"` // Of the server.
}

// Comparison is what the record says of a server beside what the systems say.
type Comparison struct {
	Owner  operation.Owner `json:"owner"`
	Run    string          `json:"run"`    // ULID of the run whose record it is.
	Record string          `json:"record"` // Hash of it.
	Items  []Item          `json:"items"`
	// Unread is what could not be looked at, and why.
	Unread []Observation `json:"unread,omitempty"`
}

// Item is one thing of a server.
type Item struct {
	Object   string `json:"object"`
	Recorded string `json:"recorded"`
	Actual   string `json:"actual"`
	Drift    bool   `json:"drift"` // The two differ.
}

// Drifted returns the items that differ.
func (c Comparison) Drifted() []Item {
	var out []Item
	for _, i := range c.Items {
		if i.Drift {
			out = append(out, i)
		}
	}
	return out
}

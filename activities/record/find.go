package record

import (
	"encoding/json"
	"fmt"
	"slices"
)

// ofRun keeps the entry of one run.
func ofRun(entries []Entry, run string) []Entry {
	for _, e := range entries {
		var head struct {
			Run string `json:"run"`
		}
		if json.Unmarshal(e.Record, &head) == nil && head.Run == run {
			return []Entry{e}
		}
	}
	return nil
}

// Latest returns the latest record of a run that had the outcome and was of one of the kinds (workflow types), with its entry;
// nil: there is none. Entries are oldest first.
func Latest(entries []Entry, outcome string, kinds ...string) (*Record, *Entry, error) {
	for i := len(entries) - 1; i >= 0; i-- {
		var r Record
		if err := json.Unmarshal(entries[i].Record, &r); err != nil {
			return nil, nil, fmt.Errorf("reading record %d: %w", entries[i].Sequence, err)
		}
		if r.Outcome == outcome && slices.Contains(kinds, r.Kind) {
			return &r, &entries[i], nil
		}
	}
	return nil, nil, nil
}

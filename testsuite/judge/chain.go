package judge

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Entry is a file of the record folder, as much of it as the judge reads.
type Entry struct {
	Sequence int    `json:"sequence"`
	Previous string `json:"previous"`
	Hash     string `json:"hash"`
	Record   struct {
		Run        string   `json:"run"`
		Kind       string   `json:"kind"`
		Owner      string   `json:"owner"`
		Outcome    string   `json:"outcome"`
		LeftBehind []string `json:"left_behind"`
	} `json:"record"`
}

// Chain reads the records in their order. Each must name the one before, none may be missing, and no run has two.
func (j *Judge) Chain() ([]Entry, error) {
	files, err := filepath.Glob(j.path("records", "0*.json"))
	if err != nil {
		return nil, fmt.Errorf("listing the records: %w", err)
	}
	slices.Sort(files)
	entries := make([]Entry, len(files))
	runs := map[string]bool{}
	previous := ""
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading a record: %w", err)
		}
		e := &entries[i]
		if err := json.Unmarshal(data, e); err != nil {
			return nil, fmt.Errorf("reading record %s: %w", filepath.Base(file), err)
		}
		switch {
		case e.Sequence != i+1:
			return nil, fmt.Errorf("record %s stands in place %d", filepath.Base(file), i+1)
		case e.Previous != previous:
			return nil, fmt.Errorf("record %d does not name the one before", e.Sequence)
		case runs[e.Record.Run]:
			return nil, fmt.Errorf("run %s has two records", e.Record.Run)
		}
		runs[e.Record.Run], previous = true, e.Hash
	}
	return entries, nil
}

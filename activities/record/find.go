package record

import "encoding/json"

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

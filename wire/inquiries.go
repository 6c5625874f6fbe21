package wire

import "fermata/activities/record"

// PlanInput asks what a run would do. Nothing is changed, so nothing is signed.
type PlanInput struct {
	Run      string `json:"run"` // ULID that the plan's keys would have; they are not part of the hash.
	Document []byte `json:"document"`
	Kind     string `json:"kind,omitempty"` // Workflow type that would be started; absent: as the document's kind says.
}

// CheckInput asks whether every system answers.
type CheckInput struct {
	Systems []SystemRef `json:"systems"`
}

// SystemRef names a system of the configuration and the capabilities that it should serve.
type SystemRef struct {
	Name       string `json:"name"`
	Capability string `json:"capability"`
	Site       string `json:"site,omitempty"`
}

// CheckOutput has one finding a system, in the order asked.
type CheckOutput struct {
	Findings []Observation `json:"findings"`
}

// RecordsInput asks for records.
type RecordsInput struct {
	Find   record.FindInput `json:"find"`
	Verify bool             `json:"verify"` // Also walk the whole chain.
}

// RecordsOutput answers RecordsInput.
type RecordsOutput struct {
	Entries  []record.Entry `json:"entries"`
	Verified int            `json:"verified"` // Entries in the chain, if asked and whole.
	Broken   string         `json:"broken,omitempty"`
}

package spec

import (
	"fermata/spec/document"
)

// Policy says who may have what done, who must agree, and how much may happen at once, in one installation. Workers,
// command line and gateway read the same file.
type Policy struct {
	APIVersion string     `yaml:"apiVersion" json:"apiVersion"` // Version of the document's form: fermata/v1.
	Kind       string     `yaml:"kind" json:"kind"`             // What the document describes: Policy.
	Metadata   Metadata   `yaml:"metadata" json:"metadata"`     // Names the policy; the rest of it steers nothing.
	Spec       PolicySpec `yaml:"spec" json:"spec"`             // What the policy says.
}

// PolicySpec is what a policy says.
type PolicySpec struct {
	// Groups are people by name. Their members are principals of allowed_signers, or patterns of them.
	Groups map[string]Group `yaml:"groups" json:"groups"`
	// Machines are the principals (or patterns) that are no people: schedules, rules, bots. One may start what a rule lets
	// it start, and cancel; whatever else it signs does not count, whichever groups it is in.
	Machines []string `yaml:"machines,omitempty" json:"machines,omitempty"`
	// Automation says who may stop everything, and let it go on.
	Automation Automation `yaml:"automation,omitempty" json:"automation,omitzero"`
	// Rules are looked at in their order; the first that matches is the one that counts. What none matches, nobody may do.
	Rules []PolicyRule `yaml:"rules" json:"rules"`
	// Limits bound how much is changed. All that match count.
	Limits []Limit `yaml:"limits,omitempty" json:"limits,omitempty"`
}

// Group is people.
type Group struct {
	Members []string  `yaml:"members" json:"members"`                   // Principals, with the patterns of allowed_signers: *, ?, and ! before one that is left out.
	Notify  []Address `yaml:"notify,omitempty" json:"notify,omitempty"` // Where the group is told that something waits for it.
}

// Address is where notices go.
type Address struct {
	System string `yaml:"system" json:"system"`             // System of the configuration that sends: one of type smtp or webhook.
	To     string `yaml:"to,omitempty" json:"to,omitempty"` // Mail address; a webhook needs none.
}

// Automation says who may stop and resume.
type Automation struct {
	Stop   []string `yaml:"stop,omitempty" json:"stop,omitempty"`     // Groups that may stop: everyone of any group if absent.
	Resume []string `yaml:"resume,omitempty" json:"resume,omitempty"` // Groups that may resume: those that may stop if absent.
}

// Match chooses runs. A field that is absent matches everything; patterns have * and ?.
type Match struct {
	Kinds        []string `yaml:"kinds,omitempty" json:"kinds,omitempty"`               // Workflow types: ProvisionServer.
	Environments []string `yaml:"environments,omitempty" json:"environments,omitempty"` // metadata.environment of the target.
	Sites        []string `yaml:"sites,omitempty" json:"sites,omitempty"`               // metadata.site of the target.
}

// PolicyRule is what holds for the runs that it matches.
type PolicyRule struct {
	Name  string `yaml:"name" json:"name"`                      // For people and records.
	Match Match  `yaml:"match,omitempty" json:"match,omitzero"` // The runs that the rule is for; absent: all.
	// May lists, for a command, the groups that may give it. "operate" stands for retry, skip, undo, cancel, restore and
	// purge where they are not listed themselves; reject is as approve where it is not listed. A command that is in no list
	// may be given by nobody.
	May map[string][]string `yaml:"may" json:"may"`
	// Change is normal (default: people approve the plan) or standard (the rule approves it beforehand).
	Change    string     `yaml:"change,omitempty" json:"change,omitempty"`
	Approval  Approval   `yaml:"approval,omitempty" json:"approval,omitzero"`    // How people approve. Nobody is asked about a standard change.
	Emergency *Emergency `yaml:"emergency,omitempty" json:"emergency,omitempty"` // Absent: nobody may act first.
}

// Kinds of change, as IT service management calls them.
const (
	ChangeNormal    = "normal"
	ChangeStandard  = "standard"
	ChangeEmergency = "emergency"
)

// Approval is how a plan is approved.
type Approval struct {
	Quorum   int   `yaml:"quorum,omitempty" json:"quorum,omitempty"`     // Different people that must approve; 1 if absent.
	FourEyes *bool `yaml:"fourEyes,omitempty" json:"fourEyes,omitempty"` // false: who asked may approve too.
	// Deadline is how long approvals are waited for; then the run ends without having acted. The spec's own if absent; the
	// shorter of both if it is there.
	Deadline Duration    `yaml:"deadline,omitempty" json:"deadline,omitempty"`
	Escalate *Escalation `yaml:"escalate,omitempty" json:"escalate,omitempty"` // Absent: nobody else is asked.
}

// Escalation lets more people decide when those asked do not.
type Escalation struct {
	After Duration `yaml:"after" json:"after"` // Since the gate opened.
	To    []string `yaml:"to" json:"to"`       // Groups that may then approve and reject too.
}

// Emergency lets people act first, and be judged afterwards.
type Emergency struct {
	By     []string `yaml:"by" json:"by"`         // Groups that may start an emergency change.
	Review []string `yaml:"review" json:"review"` // Groups of which one person other than the requester must review what was done.
	Within Duration `yaml:"within" json:"within"` // Deadline of the review, since the plan was made.
}

// Limit bounds how much is changed.
type Limit struct {
	Name           string `yaml:"name" json:"name"`                                         // For people and records.
	Match          Match  `yaml:"match,omitempty" json:"match,omitzero"`                    // The runs that are counted; absent: all.
	ChangesPerHour int    `yaml:"changesPerHour,omitempty" json:"changesPerHour,omitempty"` // Runs that may begin to act within any hour.
	TargetsPerRun  int    `yaml:"targetsPerRun,omitempty" json:"targetsPerRun,omitempty"`   // Targets that one run may change.
}

// ParsePolicy reads one Policy. The name is that of the file, for errors. An error is a Problems.
func ParsePolicy(name string, data []byte) (*Policy, error) {
	d := document.Read(name, data)
	if err := d.Err(); err != nil {
		return nil, err
	}
	if !d.Header(APIVersion, KindPolicy) {
		return nil, d.Err()
	}
	policy := &Policy{}
	d.Decode("", policy)
	checker{d}.policy(policy)
	if err := d.Err(); err != nil {
		return nil, err
	}
	return policy, nil
}

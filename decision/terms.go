package decision

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Terms are what the policy says of one run. They are plain data: a run keeps those under which it began to wait, so that
// a later change of the policy can make it stricter and never laxer.
type Terms struct {
	Policy   string             `json:"policy"`         // Hash of the policy file.
	Rule     string             `json:"rule,omitempty"` // Empty: no rule matched.
	Change   string             `json:"change,omitempty"`
	Quorum   int                `json:"quorum,omitempty"`
	FourEyes bool               `json:"four_eyes,omitempty"`
	Deadline time.Duration      `json:"deadline,omitempty"` // Zero: what the process says.
	May      map[Command]People `json:"may"`
	Escalate *Escalation        `json:"escalate,omitempty"`
	Review   *Review            `json:"review,omitempty"` // Of an emergency change.
	Machines []string           `json:"machines,omitempty"`
	Limits   []Limit            `json:"limits,omitempty"`
}

// People are groups, resolved to their members.
type People struct {
	Groups  []string  `json:"groups,omitempty"`
	Members []string  `json:"members,omitempty"` // A pattern list for each group, as allowed_signers has them.
	Notify  []Address `json:"notify,omitempty"`
}

// Address is where a group is told something.
type Address struct {
	Group  string `json:"group"`
	System string `json:"system"`
	To     string `json:"to,omitempty"`
}

// Escalation lets more people decide after a while.
type Escalation struct {
	After time.Duration `json:"after"`
	To    People        `json:"to"`
}

// Review is what an emergency change needs afterwards.
type Review struct {
	By     People        `json:"by"`
	Within time.Duration `json:"within"`
}

// Limit bounds how much is changed.
type Limit struct {
	Name           string `json:"name"`
	ChangesPerHour int    `json:"changes_per_hour,omitempty"`
	TargetsPerRun  int    `json:"targets_per_run,omitempty"`
}

// Has reports whether a person is among them.
func (p People) Has(person string) bool {
	return slices.ContainsFunc(p.Members, func(list string) bool { return matchList(person, list) })
}

func (p People) String() string {
	if len(p.Groups) == 0 {
		return "nobody"
	}
	return strings.Join(p.Groups, ", ")
}

// Machine reports whether the principal is no person.
func (t *Terms) Machine(principal string) bool {
	return t != nil && anyMachine(t.Machines, principal)
}

func anyMachine(machines []string, principal string) bool {
	return len(machines) > 0 && matchList(principal, strings.Join(machines, ","))
}

// Refuses says why a person may not give a command; an empty code means that they may. The nil Terms refuse nobody.
// Escalated: the time has come for those to decide whom the approval is escalated to.
func (t *Terms) Refuses(person string, c Command, escalated bool) (code, reason string) {
	switch {
	case t == nil:
		return "", ""
	case t.Rule == "" && len(t.May) == 0:
		return CodeNotAllowed, "no rule of the policy is for such a run, so nobody may do anything: add a rule that matches its kind, environment and site"
	case t.Machine(person) && c != Start && c != Cancel:
		return CodeMachine, fmt.Sprintf("%s is a machine by the policy: machines may start and cancel, and decide nothing", person)
	}
	who := t.Who(c)
	if escalated && t.Escalate != nil && (c == Approve || c == Reject) {
		who.Groups = slices.Concat(who.Groups, t.Escalate.To.Groups)
		who.Members = slices.Concat(who.Members, t.Escalate.To.Members)
	}
	if !who.Has(person) {
		return CodeNotAllowed, fmt.Sprintf("%s may not %s: rule %q lets %s", person, c, t.Rule, who)
	}
	return "", ""
}

// Escalated reports whether those may decide too whom a gate is escalated to that opened at that time.
func (t *Terms) Escalated(opened, at time.Time) bool {
	return t != nil && t.Escalate != nil && !opened.IsZero() && !at.Before(opened.Add(t.Escalate.After))
}

// Who may give the command, before an escalation. What was done in an emergency is reviewed by those whom the rule names
// for that.
func (t *Terms) Who(c Command) People {
	if t.Review != nil && (c == Approve || c == Reject) {
		return t.Review.By
	}
	return t.May[c]
}

// Audience is who is told that a command is waited for.
func (t *Terms) Audience(c Command) []Address {
	if t == nil {
		return nil
	}
	return t.Who(c).Notify
}

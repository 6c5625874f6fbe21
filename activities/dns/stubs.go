package dns

import (
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/fault"
	"fermata/activities/operation"
)

// CheckInput asks for Check.
type CheckInput struct {
	System string   `json:"system,omitempty"`
	Zones  []string `json:"zones,omitempty"`
}

// CheckOutput answers Check.
type CheckOutput struct{}

// Check proves that the server answers, takes the credential and serves the zones.
func Check(ctx workflow.Context, in CheckInput) (CheckOutput, error) {
	return operation.Look[CheckOutput](ctx, Capability, activityCheck, time.Minute, in)
}

// FindRecordsInput asks for FindRecords.
type FindRecordsInput struct {
	System string          `json:"system,omitempty"`
	Zone   string          `json:"zone"`
	Name   string          `json:"name"` // Empty: those of the owner.
	Owner  operation.Owner `json:"owner"`
}

// FindRecordsOutput answers FindRecords.
type FindRecordsOutput struct {
	Records []Published `json:"records"`
}

// FindRecords finds records by name or owner.
func FindRecords(ctx workflow.Context, in FindRecordsInput) (FindRecordsOutput, error) {
	return operation.Look[FindRecordsOutput](ctx, Capability, activityFindRecords, 2*time.Minute, in)
}

// LookupInput asks for Lookup.
type LookupInput struct {
	System string `json:"system,omitempty"`
	Zone   string `json:"zone"`
	Name   string `json:"name"`
	Type   Type   `json:"type"`
}

// LookupOutput answers Lookup.
type LookupOutput struct {
	Records []Record `json:"records"`
}

// Lookup asks the server as a resolver does.
func Lookup(ctx workflow.Context, in LookupInput) (LookupOutput, error) {
	return operation.Call[LookupOutput](ctx, Capability, activityLookup, time.Minute, in)
}

// ConfirmInput asks for Confirm.
type ConfirmInput struct {
	System string `json:"system,omitempty"`
	Record Record `json:"record"`           // Its TTL is not compared.
	Absent bool   `json:"absent,omitempty"` // The server must not answer with the value any more.
}

// ConfirmOutput answers Confirm.
type ConfirmOutput struct{}

// Confirm waits until the server answers a resolver with the record and nothing else, or no more with it.
func Confirm(ctx workflow.Context, in ConfirmInput) (ConfirmOutput, error) {
	return operation.Call[ConfirmOutput](ctx, Capability, activityConfirm, time.Minute, in)
}

func (in ConfirmInput) compare(found []Record) error {
	var values []string
	for _, r := range found {
		values = append(values, r.Value)
	}
	there := slices.Contains(values, in.Record.Value)
	what := string(in.Record.Type) + " of " + in.Record.Name
	switch {
	case in.Absent && there:
		return fault.New(fault.Unavailable, "%s is still answered with %s", what, in.Record.Value)
	case !in.Absent && !(there && len(values) == 1):
		return fault.New(fault.Unavailable, "%s is answered with %q instead of %s", what, strings.Join(values, ", "), in.Record.Value)
	}
	return nil
}

// PublishInput asks for Publish.
type PublishInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Record Record       `json:"record"`
}

// PublishOutput answers Publish.
type PublishOutput struct {
	Record Published `json:"record"`
}

// Publish publishes a record.
func Publish(ctx workflow.Context, in PublishInput) (PublishOutput, error) {
	return operation.Call[PublishOutput](ctx, Capability, activityPublish, 5*time.Minute, in)
}

// SetTTLInput asks for SetTTL.
type SetTTLInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"` // With the key that the record carries.
	Record Record       `json:"record"`
}

// SetTTLOutput answers SetTTL.
type SetTTLOutput struct {
	Record Published `json:"record"`
}

// SetTTL gives the record that carries the operation's key another TTL.
func SetTTL(ctx workflow.Context, in SetTTLInput) (SetTTLOutput, error) {
	return operation.Call[SetTTLOutput](ctx, Capability, activitySetTTL, 5*time.Minute, in)
}

// WithdrawInput asks for Withdraw.
type WithdrawInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Record Record       `json:"record"`
}

// WithdrawOutput answers Withdraw.
type WithdrawOutput struct{}

// Withdraw removes the record that carries the operation's key.
func Withdraw(ctx workflow.Context, in WithdrawInput) (WithdrawOutput, error) {
	return operation.Call[WithdrawOutput](ctx, Capability, activityWithdraw, 5*time.Minute, in)
}

// RemoveOwnedInput asks for RemoveOwned.
type RemoveOwnedInput struct {
	System string       `json:"system,omitempty"`
	Op     operation.Op `json:"op"`
	Zones  []string     `json:"zones"`
}

// RemoveOwnedOutput answers RemoveOwned.
type RemoveOwnedOutput struct {
	Records []Published `json:"records"`
}

// RemoveOwned removes every record of the owner in the zones.
func RemoveOwned(ctx workflow.Context, in RemoveOwnedInput) (RemoveOwnedOutput, error) {
	return operation.Call[RemoveOwnedOutput](ctx, Capability, activityRemoveOwned, 5*time.Minute, in)
}

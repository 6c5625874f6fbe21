package record

import (
	"context"
	"time"

	"go.temporal.io/sdk/workflow"

	"fermata/activities/operation"
)

// Capability is the name of this capability in queues and activity types.
const Capability = "record"

// Activity types.
const (
	activityCheck  = "record.Check"
	activityAppend = "record.Append"
	activityFind   = "record.Find"
	activityVerify = "record.Verify"
)

// Activities write and read the records of an installation. It has one store.
type Activities struct{ stores operation.Systems[Store] }

// NewActivities serves the store.
func NewActivities(s Store) *Activities {
	return &Activities{stores: operation.Systems[Store]{"records": s}}
}

// Register names every activity and its function.
func (a *Activities) Register(register func(name string, activity any)) {
	register(activityCheck, a.Check)
	register(activityAppend, a.Append)
	register(activityFind, a.Find)
	register(activityVerify, a.Verify)
	register(activityFindAddresses, a.FindAddresses)
}

// CheckInput asks for Check.
type CheckInput struct{}

// CheckOutput answers Check.
type CheckOutput struct{}

// AppendInput asks for Append.
type AppendInput struct {
	Record Record `json:"record"`
}

// AppendOutput answers Append: the record's place in the chain.
type AppendOutput struct {
	Sequence int    `json:"sequence"`
	Hash     string `json:"hash"`
}

// FindInput asks for Find.
type FindInput struct {
	Owner  operation.Owner `json:"owner,omitempty"`  // Empty: every owner.
	Run    string          `json:"run,omitempty"`    // Only the record of this run.
	Newest int             `json:"newest,omitempty"` // Only so many, counted from the newest; 0: all.
}

// FindOutput answers Find, oldest first.
type FindOutput struct {
	Entries []Entry `json:"entries"`
}

// VerifyInput asks for Verify.
type VerifyInput struct{}

// VerifyOutput answers Verify.
type VerifyOutput struct {
	Entries int `json:"entries"`
}

// Check proves that records can be written.
func (a *Activities) Check(ctx context.Context, _ CheckInput) (CheckOutput, error) {
	return operation.Read(ctx, a.stores, "", func(s Store) (CheckOutput, error) {
		return CheckOutput{}, s.Check(ctx)
	})
}

// Append writes the record of a run.
func (a *Activities) Append(ctx context.Context, in AppendInput) (AppendOutput, error) {
	return operation.Change(ctx, a.stores, "", func(s Store, _ operation.Progress) (AppendOutput, error) {
		e, err := s.Append(ctx, in.Record)
		return AppendOutput{Sequence: e.Sequence, Hash: e.Hash}, err
	})
}

// Find reads records.
func (a *Activities) Find(ctx context.Context, in FindInput) (FindOutput, error) {
	return operation.Read(ctx, a.stores, "", func(s Store) (FindOutput, error) {
		entries, err := s.ByOwner(ctx, in.Owner)
		if err != nil {
			return FindOutput{}, err
		}
		return FindOutput{Entries: in.choose(entries)}, nil
	})
}

// Verify walks the chain.
func (a *Activities) Verify(ctx context.Context, _ VerifyInput) (VerifyOutput, error) {
	return operation.Read(ctx, a.stores, "", func(s Store) (VerifyOutput, error) {
		n, err := s.Verify(ctx)
		return VerifyOutput{Entries: n}, err
	})
}

func (in FindInput) choose(entries []Entry) []Entry {
	if in.Run != "" {
		entries = ofRun(entries, in.Run)
	}
	if in.Newest > 0 && len(entries) > in.Newest {
		entries = entries[len(entries)-in.Newest:]
	}
	return entries
}

// Stubs, as workflows call them.

// CheckStore proves that records can be written.
func CheckStore(ctx workflow.Context) error {
	_, err := operation.Look[CheckOutput](operation.Central(ctx), Capability, activityCheck, time.Minute, CheckInput{})
	return err
}

// AppendRecord writes the record of a run.
func AppendRecord(ctx workflow.Context, in AppendInput) (AppendOutput, error) {
	return operation.Call[AppendOutput](operation.Central(ctx), Capability, activityAppend, 5*time.Minute, in)
}

// FindRecords reads records.
func FindRecords(ctx workflow.Context, in FindInput) (FindOutput, error) {
	return operation.Look[FindOutput](operation.Central(ctx), Capability, activityFind, 5*time.Minute, in)
}

// VerifyChain walks the chain.
func VerifyChain(ctx workflow.Context) (VerifyOutput, error) {
	return operation.Call[VerifyOutput](operation.Central(ctx), Capability, activityVerify, 30*time.Minute, VerifyInput{})
}

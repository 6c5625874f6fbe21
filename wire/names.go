// Package wire is what travels between those who steer runs and the workers that carry them: names and messages.
//
// Names are written out here and nowhere else; none is derived from a Go identifier. Messages are only ever added to.
package wire

import (
	"strings"

	"go.temporal.io/sdk/temporal"

	"fermata/activities/operation"
)

// Queue is the task queue of all workflows.
const Queue = "fermata"

// Workflow types.
const (
	ProvisionServer        = "ProvisionServer"
	DecommissionServer     = "DecommissionServer"
	ChangeServer           = "ChangeServer"
	CompareServer          = "CompareServer"
	PlanServer             = "PlanServer"
	ProvisionInstance      = "ProvisionInstance"
	DecommissionInstance   = "DecommissionInstance"
	RotateDatabasePassword = "RotateDatabasePassword"
	PlanInstance           = "PlanInstance"
	ExpireAccount          = "ExpireAccount"
	ProvisionFleet         = "ProvisionFleet"
	PlanFleet              = "PlanFleet"
	PlanMember             = "PlanMember"
	CheckSystems           = "CheckSystems"
	ReadRecords            = "ReadRecords"
	HoldReservation        = "HoldReservation"
	SendNotice             = "SendNotice"
	Guard                  = "Guard"
)

// Messages that a run understands.
const (
	QueryProgress = "progress"
	UpdateDecide  = "decide"
	SignalDecide  = "decide"
)

// What a run and the guard tell each other.
const (
	SignalAsk    = "ask"   // To the guard: a GuardAsk.
	SignalAnswer = "guard" // To a run: a GuardAnswer.
	QueryGuard   = "guard" // A GuardState.
)

// SignalFree ends a reservation; its value is the ULID of the run that holds it.
const SignalFree = "free"

// SignalExpiry tells what waits for the end of an account what holds now: an Expiry.
const SignalExpiry = "expiry"

// Search attributes. All but the lists are Keywords; their values are clear text, so no secret may stand in one.
var (
	AttributeKind       = temporal.NewSearchAttributeKeyKeyword("FermataKind")
	AttributeTarget     = temporal.NewSearchAttributeKeyKeyword("FermataTarget")
	AttributeState      = temporal.NewSearchAttributeKeyKeyword("FermataState")
	AttributeSite       = temporal.NewSearchAttributeKeyKeyword("FermataSite")
	AttributeRequester  = temporal.NewSearchAttributeKeyKeyword("FermataRequester")
	AttributeKey        = temporal.NewSearchAttributeKeyKeyword("FermataKey")
	AttributeHeldSteps  = temporal.NewSearchAttributeKeyKeywordList("FermataHeldSteps")
	AttributeWaitingFor = temporal.NewSearchAttributeKeyKeywordList("FermataWaitingFor")
)

// ServerWorkflowID is the id of whatever changes a server: it is the lock on that server.
func ServerWorkflowID(name string) string { return "server/" + name }

// InstanceWorkflowID is the id of whatever changes an instance: it is the lock on that instance.
func InstanceWorkflowID(name string) string { return "instance/" + name }

// ExpiryPrefix begins the ids of what waits for the end of an account.
const ExpiryPrefix = "expiry/"

// ExpiryWorkflowID is the id of what waits for the end of an account: of the owner, in a system of its own or in the guest.
func ExpiryWorkflowID(owner operation.Owner, place, account string) string {
	return ExpiryPrefix + string(owner) + "/" + place + "/" + account
}

// InnerWorkflows are the types of what only runs start, as children of theirs. InnerPrefixes begin their ids.
func InnerWorkflows() []string {
	return []string{HoldReservation, SendNotice, PlanMember, ExpireAccount}
}

// InnerPrefixes begin the ids of what only runs start.
func InnerPrefixes() []string { return []string{"address/", "notice/", ExpiryPrefix} }

// AddressReservationID is the id of what reserves an address (without prefix length) at a site: it is the lock on it.
func AddressReservationID(site, address string) string {
	if site == "" {
		return "address/" + address
	}
	return "address/" + site + "/" + address
}

// Inquiries are the types of short runs that only read.
func Inquiries() []string {
	return []string{PlanServer, PlanInstance, CompareServer, CheckSystems, ReadRecords}
}

// InquiryPrefix begins the ids of short runs that only read.
const InquiryPrefix = "inquiry/"

// InquiryWorkflowID is the id of a short run that only reads.
func InquiryWorkflowID(what, unique string) string {
	return InquiryPrefix + strings.Trim(what, "/") + "/" + unique
}

// GuardWorkflowID is the id of the one guard of an installation.
func GuardWorkflowID() string { return "guard" }

// NoticeWorkflowID is the id of what carries one notice; the notice's own id is unique and stable.
func NoticeWorkflowID(notice string) string { return "notice/" + notice }

// Attributes are all search attributes, for those who register them.
func Attributes() []temporal.SearchAttributeKey {
	return []temporal.SearchAttributeKey{
		AttributeKind, AttributeTarget, AttributeState, AttributeSite, AttributeRequester, AttributeKey,
		AttributeHeldSteps, AttributeWaitingFor,
	}
}

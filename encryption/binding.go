package encryption

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// Metadata of a bound payload. It is clear text, as these ids are everywhere in Temporal, and authenticated.
const (
	// MetadataForm says how a payload was sealed. Without it: the first form, which knows no context.
	MetadataForm = "encryption-form"
	// MetadataNamespace, MetadataWorkflowID and MetadataActivityType name what a payload was sealed for; absent: nothing.
	MetadataNamespace    = "encryption-namespace"
	MetadataWorkflowID   = "encryption-workflow-id"
	MetadataActivityType = "encryption-activity-type"

	formBound = "2"
)

// binding is what a payload belongs to. The zero value is nothing in particular.
//
// It is what the SDK's serialisation context has on both sides of every exchange. The queue is left out: a step may go on
// in another. Temporal's run id is not in the context, so two runs of one target are not told apart.
type binding struct {
	namespace  string
	workflowID string
	activity   string // Type; empty: the workflow's own.
}

// bindingOf reads a context. Where it names no workflow (a completion by task token, Nexus) the other side knows more, so
// nothing is bound.
func bindingOf(c converter.SerializationContext) binding {
	b := binding{}
	switch c := c.(type) {
	case converter.WorkflowSerializationContext:
		b = binding{namespace: c.Namespace, workflowID: c.WorkflowID}
	case converter.ActivitySerializationContext:
		b = binding{namespace: c.Namespace, workflowID: c.WorkflowID, activity: c.ActivityType}
	}
	if b.workflowID == "" {
		return binding{}
	}
	return b
}

// stated is what a payload's metadata says it was sealed for.
func stated(metadata map[string][]byte) binding {
	return binding{
		namespace: string(metadata[MetadataNamespace]), workflowID: string(metadata[MetadataWorkflowID]),
		activity: string(metadata[MetadataActivityType]),
	}
}

// describe writes the metadata that stated reads.
func (b binding) describe(metadata map[string][]byte) {
	for field, value := range map[string]string{
		MetadataNamespace: b.namespace, MetadataWorkflowID: b.workflowID, MetadataActivityType: b.activity,
	} {
		if value != "" {
			metadata[field] = []byte(value)
		}
	}
}

// admits reports whether a payload that was sealed for s may be opened here. What was sealed for nothing is admitted, as
// the SDK gives no context for a few things (details of a cancellation). A workflow reads what its activities failed with,
// so types are compared only where both sides name one.
func (b binding) admits(s binding) bool {
	if b == (binding{}) || s == (binding{}) {
		return true
	}
	if b.namespace != s.namespace || b.workflowID != s.workflowID && !scheduled(b.workflowID, s.workflowID) {
		return false
	}
	return b.activity == "" || s.activity == "" || b.activity == s.activity
}

// scheduled reports whether the workflow was started by a schedule, which seals for the id that it was given and appends
// the time: "audit" runs as "audit-2026-01-31T03:00:00Z".
func scheduled(workflowID, base string) bool {
	at, ok := strings.CutPrefix(workflowID, base+"-")
	if !ok || base == "" {
		return false
	}
	_, err := time.Parse(time.RFC3339, at)
	return err == nil
}

// additional returns the additional data of a bound payload. It begins with a byte that no id of a key has, so it never
// equals that of the first form, which is the key's id: a payload cannot be passed off as one of the other form.
func (b binding) additional(keyID string) []byte {
	data := []byte("\x00fermata payload " + formBound)
	for _, field := range []string{keyID, b.namespace, b.workflowID, b.activity} {
		data = binary.AppendUvarint(data, uint64(len(field)))
		data = append(data, field...)
	}
	return data
}

// String names what the payload belongs to, for an error. What stands in metadata may be anything.
func (b binding) String() string {
	text := fmt.Sprintf("%.200q in namespace %.200q", b.workflowID, b.namespace)
	if b.activity != "" {
		return fmt.Sprintf("%.200q of %s", b.activity, text)
	}
	return text
}

// foreign reports whether a payload is sealed for something that b does not admit.
func (b binding) foreign(p *commonpb.Payload) bool {
	return sealed(p) && !b.admits(stated(p.GetMetadata()))
}

func sealed(p *commonpb.Payload) bool {
	return string(p.GetMetadata()[converter.MetadataEncoding]) == Encoding
}

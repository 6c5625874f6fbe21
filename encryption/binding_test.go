package encryption_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"fermata/encryption"
)

var (
	run      = converter.WorkflowSerializationContext{Namespace: "fermata", WorkflowID: "server/web-01"}
	step     = converter.ActivitySerializationContext{Namespace: "fermata", WorkflowID: "server/web-01", ActivityType: "compute.CloneVM", TaskQueue: "fermata.compute"}
	other    = converter.WorkflowSerializationContext{Namespace: "fermata", WorkflowID: "server/web-02"}
	nowhere  converter.WorkflowSerializationContext
	mistyped = "it is offered as one of"
)

// of is the data converter that the SDK makes for a context.
func of(r *encryption.Keyring, c converter.SerializationContext) converter.DataConverter {
	return converter.WithDataConverterSerializationContext(r.DataConverter(), c)
}

func sealedFor(t *testing.T, r *encryption.Keyring, c converter.SerializationContext) *commonpb.Payload {
	t.Helper()
	p, err := of(r, c).ToPayload("canary")
	require.NoError(t, err)
	return p
}

func TestAPayloadOpensWhereItBelongs(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	elsewhere := step
	elsewhere.TaskQueue, elsewhere.WorkflowType, elsewhere.IsLocal = "fermata.compute.berlin", "ProvisionServer", true
	daily := converter.WorkflowSerializationContext{Namespace: "fermata", WorkflowID: "server/web-01-2026-01-31T03:00:00Z"}
	for name, c := range map[string]struct {
		sealed, opened converter.SerializationContext
	}{
		"the same workflow":             {run, run},
		"the same activity":             {step, step},
		"the activity on another queue": {step, elsewhere},
		"a workflow and its activity":   {step, run},
		"an activity and its workflow":  {run, step},
		"started by a schedule":         {run, daily},
		"sealed without a context":      {nowhere, run},
		"opened without a context":      {run, nowhere},
		"completed by a token":          {converter.ActivitySerializationContext{Namespace: "fermata"}, step},
		"Nexus":                         {converter.NexusSerializationContext{Endpoint: "e"}, run},
	} {
		var got string
		require.NoError(t, of(r, c.opened).FromPayload(sealedFor(t, r, c.sealed), &got), name)
		require.Equal(t, "canary", got, name)
	}
	var got string
	require.NoError(t, r.DataConverter().FromPayload(sealedFor(t, r, run), &got), "the codec endpoint knows no context")
	require.NotContains(t, sealedFor(t, r, run).String(), "canary")
}

func TestAPayloadIsRefusedWhereItDoesNotBelong(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	verify := step
	verify.ActivityType = "decision.Verify"
	theirs := step
	theirs.WorkflowID = "server/web-02"
	for name, c := range map[string]struct {
		sealed, opened converter.SerializationContext
	}{
		"another workflow":              {run, other},
		"an id that begins alike":       {run, converter.WorkflowSerializationContext{Namespace: "fermata", WorkflowID: "server/web-01-b"}},
		"an id that ends in half a day": {run, converter.WorkflowSerializationContext{Namespace: "fermata", WorkflowID: "server/web-01-2026-01-31"}},
		"a scheduled one of another":    {run, converter.WorkflowSerializationContext{Namespace: "fermata", WorkflowID: "server/web-02-2026-01-31T03:00:00Z"}},
		"the schedule of a scheduled":   {converter.WorkflowSerializationContext{Namespace: "fermata", WorkflowID: "server/web-01-2026-01-31T03:00:00Z"}, run},
		"another namespace":             {run, converter.WorkflowSerializationContext{Namespace: "default", WorkflowID: "server/web-01"}},
		"another workflow's activity":   {step, theirs},
		"an activity of another":        {run, theirs},
		"another activity":              {step, verify},
	} {
		var got string
		err := of(r, c.opened).FromPayload(sealedFor(t, r, c.sealed), &got)
		require.ErrorContains(t, err, mistyped, name)
		require.NotContains(t, err.Error(), "canary")
		require.Empty(t, got, name)
	}
}

// What stands in the metadata is authenticated: whoever moves a payload cannot rename it.
func TestARenamedPayloadIsRefused(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	for name, change := range map[string]func(m map[string][]byte){
		"workflow":    func(m map[string][]byte) { m[encryption.MetadataWorkflowID] = []byte("server/web-02") },
		"namespace":   func(m map[string][]byte) { m[encryption.MetadataNamespace] = []byte("default") },
		"activity":    func(m map[string][]byte) { m[encryption.MetadataActivityType] = []byte("decision.Verify") },
		"no activity": func(m map[string][]byte) { delete(m, encryption.MetadataActivityType) },
		"fields run over": func(m map[string][]byte) {
			m[encryption.MetadataNamespace] = []byte("fermataserver")
			m[encryption.MetadataWorkflowID] = []byte("/web-01")
		},
		"no workflow": func(m map[string][]byte) {
			delete(m, encryption.MetadataWorkflowID)
			delete(m, encryption.MetadataNamespace)
		},
		"the older form": func(m map[string][]byte) { delete(m, encryption.MetadataForm) },
		"the older form, as": func(m map[string][]byte) {
			clear(m)
			m["encoding"] = []byte(encryption.Encoding)
			m[encryption.MetadataKeyID] = []byte("a")
		},
		"a form to come": func(m map[string][]byte) { m[encryption.MetadataForm] = []byte(strings.Repeat("3", 1000)) },
	} {
		p := sealedFor(t, r, step)
		change(p.Metadata)
		for _, dc := range []converter.DataConverter{r.DataConverter(), of(r, converter.ActivitySerializationContext{
			Namespace: string(p.Metadata[encryption.MetadataNamespace]), WorkflowID: string(p.Metadata[encryption.MetadataWorkflowID]),
			ActivityType: string(p.Metadata[encryption.MetadataActivityType]),
		})} {
			var got string
			err := dc.FromPayload(p, &got)
			require.ErrorContains(t, err, `the key "a" `, name)
			require.Less(t, len(err.Error()), 600)
			require.Empty(t, got)
		}
	}
}

// The payload was sealed by the build before this one.
func TestPayloadsFromBeforeBindingStayReadable(t *testing.T) {
	t.Parallel()
	k, err := encryption.ParseKey("k1:" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("v", 32))))
	require.NoError(t, err)
	require.False(t, k.Bound)
	data, err := base64.StdEncoding.DecodeString("GoGy8UhsXgskvRiBuWPTiF/1RQe6cVx4cKex7vJbOHEKhJvt2KNy2BOIyY5IhmwgtPHN7TebrBgy6zk7rEgF4LYOt8dqy2z7VsTO")
	require.NoError(t, err)
	was := &commonpb.Payload{Data: data, Metadata: map[string][]byte{"encoding": []byte(encryption.Encoding), encryption.MetadataKeyID: []byte("k1")}}
	for _, r := range []*encryption.Keyring{newKeyring(t, k), newKeyring(t, newKey(t, "k2"), k)} {
		for _, dc := range []converter.DataConverter{r.DataConverter(), of(r, run), of(r, step)} {
			var got string
			require.NoError(t, dc.FromPayload(was, &got))
			require.Equal(t, "from before binding", got)
		}
	}
	// Builds of before and of now work side by side until the key is rotated.
	p := sealedFor(t, newKeyring(t, k), run)
	require.Len(t, p.Metadata, 2, "what a key of the older form seals, an older build reads")

	// Nobody can pass it off as a bound one.
	forged := proto.Clone(was).(*commonpb.Payload)
	forged.Metadata[encryption.MetadataForm] = []byte("2")
	forged.Metadata[encryption.MetadataNamespace], forged.Metadata[encryption.MetadataWorkflowID] = []byte("fermata"), []byte("server/web-01")
	require.ErrorContains(t, of(newKeyring(t, k), run).FromPayload(forged, new(string)), `the key "k1" does not open it`)
}

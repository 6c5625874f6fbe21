package client

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	temporal "go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"fermata/activities/fault"
	"fermata/decision"
	"fermata/wire"
)

// Temporal answers updates of one name alike, so a forgery must not have the name of the good one.
func TestAForgeryHasAnotherNameThanTheGoodOne(t *testing.T) {
	t.Parallel()
	good := decision.Signed{Envelope: []byte("e"), Signature: "s"}
	require.Equal(t, updateID(good), updateID(good), "sent again, it is answered again")
	require.NotEqual(t, updateID(good), updateID(decision.Signed{Envelope: []byte("e"), Signature: "t"}))
	require.NotEqual(t, updateID(good), updateID(decision.Signed{Envelope: []byte("es")}))
}

// nowhere is a Temporal without the namespace.
type nowhere struct{ server }

func (n *nowhere) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	return nil, serviceerror.NewNamespaceNotFound("elsewhere")
}

var _ temporal.Client = &nowhere{}

// Asking again would be answered alike: the command line used to wait for ever.
func TestWatchingInANamespaceThatIsNotThereEnds(t *testing.T) {
	t.Parallel()
	c := &Client{temporal: &nowhere{server{polled: time.Now}}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := c.Watch(ctx, "server/web-01", "", func(wire.Progress) {}, func(error) {})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
}

package encryption_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	failurepb "go.temporal.io/api/failure/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"fermata/encryption"
)

func failing(r *encryption.Keyring, c converter.SerializationContext) converter.FailureConverter {
	return converter.WithFailureConverterSerializationContext(r.FailureConverter(), c)
}

func thrown() error {
	return temporal.NewApplicationErrorWithOptions("canary-message", "Unavailable", temporal.ApplicationErrorOptions{
		Cause: errors.New("canary-cause"), Details: []any{"canary-detail"},
	})
}

// A child fails, its parent with it, and a client asks the parent: each opens only what is its own.
func TestAFailureIsSealedAnewOnItsWayUp(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	inChild := failing(r, step).ErrorToFailure(thrown())
	ofChild := failing(r, run).ErrorToFailure(temporal.NewApplicationErrorWithCause("child", "Held", failing(r, step).FailureToError(inChild)))
	sealed := proto.CloneOf(ofChild)
	inParent := failing(r, run).FailureToError(ofChild)
	ofParent := failing(r, other).ErrorToFailure(inParent)
	require.NotContains(t, ofParent.String(), "canary")
	require.NotContains(t, ofParent.String(), "web-01", "nothing in it is the child's")

	for name, err := range map[string]error{
		"the client": failing(r, other).FailureToError(ofParent),
		"no context": r.FailureConverter().FailureToError(ofParent),
		"the child":  failing(r, run).FailureToError(sealed),
	} {
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app, name)
		require.Equal(t, "child", app.Message(), name)
		require.ErrorAs(t, errors.Unwrap(app), &app, name)
		require.Equal(t, "canary-message", app.Message(), name)
		var detail string
		require.NoError(t, app.Details(&detail), name)
		require.Equal(t, "canary-detail", detail, name)
		require.ErrorContains(t, errors.Unwrap(app), "canary-cause", name)
	}
	again := failing(r, run).ErrorToFailure(inParent)
	require.Contains(t, again.String(), "web-01", "the error kept the failure that it was read from")
}

// The SDK reads the failure of a local activity and then records the very same one.
func TestReadingAFailureOpensNothingInPlace(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	f := failing(r, step).ErrorToFailure(thrown())
	require.ErrorContains(t, failing(r, step).FailureToError(f), "canary-message")
	require.NotContains(t, f.String(), "canary")
	require.NoError(t, r.FailureConverter().FailureToError(nil))
}

func TestAFailureOfAnotherIsNotShown(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	theirs := failing(r, other).ErrorToFailure(thrown())
	mine := failing(r, run).ErrorToFailure(errors.New("mine"))
	mine.Cause = theirs
	err := failing(r, run).FailureToError(mine)
	require.ErrorContains(t, err, "mine")
	var cause *temporal.ApplicationError
	require.ErrorAs(t, errors.Unwrap(err), &cause)
	require.Contains(t, cause.Message(), "somebody moved it")
	var detail string
	_ = cause.Details(&detail)
	require.Empty(t, detail)
	require.NotContains(t, err.Error()+cause.Error(), "canary")

	// It must not be laundered either, by failing with it.
	opened := r.FailureConverter().FailureToError(failing(r, run).ErrorToFailure(err))
	require.ErrorContains(t, opened, "mine")
	for err := opened; err != nil; err = errors.Unwrap(err) {
		require.NotContains(t, err.Error(), "canary")
	}
}

func TestDetailsOfEveryKindOfFailureAreBound(t *testing.T) {
	t.Parallel()
	r := newKeyring(t, newKey(t, "a"))
	details, err := of(r, other).ToPayloads("canary")
	require.NoError(t, err)
	for name, f := range map[string]*failurepb.Failure{
		"cancelled": {FailureInfo: &failurepb.Failure_CanceledFailureInfo{CanceledFailureInfo: &failurepb.CanceledFailureInfo{Details: details}}},
		"timeout":   {FailureInfo: &failurepb.Failure_TimeoutFailureInfo{TimeoutFailureInfo: &failurepb.TimeoutFailureInfo{LastHeartbeatDetails: details}}},
		"reset":     {FailureInfo: &failurepb.Failure_ResetWorkflowFailureInfo{ResetWorkflowFailureInfo: &failurepb.ResetWorkflowFailureInfo{LastHeartbeatDetails: details}}},
	} {
		f.Message = name
		converted := failing(r, run).ErrorToFailure(failing(r, run).FailureToError(f))
		require.NotContains(t, converted.String(), "web-02", name)
	}
	require.Len(t, details.GetPayloads(), 1, "the failure that was given is not changed")
}

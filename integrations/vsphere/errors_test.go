package vsphere

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"fermata/activities/fault"
	"fermata/activities/operation"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// TestFaultsOfVCenter: the same fault of a call and of a task has one kind, however it is wrapped.
func TestFaultsOfVCenter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault types.BaseMethodFault
		want  fault.Kind
	}{
		{&types.DuplicateName{}, fault.Conflict},
		{&types.InvalidLogin{}, fault.Unauthorized},
		{&types.NotAuthenticated{}, fault.Unauthorized},
		{&types.NoPermission{}, fault.Unauthorized},
		{&types.InvalidPowerState{}, fault.Conflict},
		{&types.ManagedObjectNotFound{}, fault.NotFound},
		{&types.RequestCanceled{}, fault.Unavailable},
		{&types.ResourceInUse{}, fault.Unavailable},
		{&types.InsufficientResourcesFault{}, fault.Unavailable},
		{&types.NoDiskSpace{}, fault.Unavailable},
		{&types.InvalidArgument{}, fault.Invalid},
		{&types.InvalidDeviceSpec{}, fault.Invalid},
		{&types.TaskInProgress{}, fault.Unavailable},
		{&types.ConcurrentAccess{}, fault.Unavailable},
		{&types.SystemError{}, fault.Ambiguous},
		{&types.HostCommunication{}, fault.Ambiguous},
		{&types.HostNotConnected{}, fault.Unavailable},
		{&types.NotSupported{}, fault.Invalid},
	} {
		called := &soap.Fault{}
		called.Detail.Fault = c.fault
		ended := task.Error{LocalizedMethodFault: &types.LocalizedMethodFault{Fault: c.fault, LocalizedMessage: "no"}}
		for _, err := range []error{soap.WrapSoapFault(called), soap.WrapVimFault(c.fault), ended, fmt.Errorf("wrapped: %w", ended)} {
			require.Equal(t, c.want, fault.KindOf(changing(err, "acting")), "%T", c.fault)
			require.ErrorContains(t, changing(err, "acting"), "acting: ")
		}
	}
}

// TestTransport: what happened to a change depends on where the connection broke.
func TestTransport(t *testing.T) {
	t.Parallel()
	refused := &url.Error{Op: "Post", URL: "https://vcenter", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	broken := &url.Error{Op: "Post", URL: "https://vcenter", Err: io.EOF}
	reset := &url.Error{Op: "Post", URL: "https://vcenter", Err: &net.OpError{Op: "read", Err: errors.New("connection reset")}}
	cut := &url.Error{Op: "Post", URL: "https://vcenter", Err: context.DeadlineExceeded}
	for _, c := range []struct {
		name         string
		err          error
		read, change fault.Kind
	}{
		{name: "refused", err: refused, read: fault.Unavailable, change: fault.Unavailable},
		{name: "broken", err: broken, read: fault.Unavailable, change: fault.Ambiguous},
		{name: "reset", err: reset, read: fault.Unavailable, change: fault.Ambiguous},
		{name: "cut", err: cut, read: fault.Unavailable, change: fault.Ambiguous},
		{name: "busy", err: &statusError{code: http.StatusServiceUnavailable}, read: fault.Unavailable, change: fault.Unavailable},
		{name: "gateway", err: &statusError{code: http.StatusBadGateway}, read: fault.Unavailable, change: fault.Ambiguous},
		{name: "throttled", err: &statusError{code: http.StatusTooManyRequests}, read: fault.Throttled, change: fault.Throttled},
		{name: "not found by name", err: &find.NotFoundError{}, read: fault.NotFound, change: fault.NotFound},
		{name: "several of a name", err: &find.MultipleFoundError{}, read: fault.Invalid, change: fault.Invalid},
		{name: "ours already", err: fault.New(fault.Conflict, "taken"), read: fault.Conflict, change: fault.Conflict},
		{name: "unknown", err: errors.New("who knows"), read: fault.Unavailable, change: fault.Ambiguous},
	} {
		require.Equal(t, c.read, fault.KindOf(reading(c.err, "asking")), c.name)
		require.Equal(t, c.change, fault.KindOf(changing(c.err, "acting")), c.name)
		require.ErrorContains(t, changing(fmt.Errorf("wrapped: %w", c.err), "acting"), "acting")
	}
	require.NoError(t, reading(nil, "asking"))
	require.NoError(t, changing(nil, "acting"))
}

// TestZombieStartsNothing: an attempt whose time ended between looking and acting does not act.
func TestZombieStartsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &operation.Memory{}
	_, err := new(Driver).run(ctx, p, "cloning", func(context.Context) (types.ManagedObjectReference, error) {
		t.Error("the task was started")
		return types.ManagedObjectReference{}, io.EOF
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	require.Empty(t, p.Task())
}

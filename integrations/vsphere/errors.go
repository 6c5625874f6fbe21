package vsphere

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"

	"fermata/activities/fault"

	vimfault "github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/types"
)

// is reports whether err is, or wraps, a fault of vCenter of type T: of a call or of a task.
func is[T types.BaseMethodFault](err error) bool {
	_, ok := as[T](err)
	return ok
}

func as[T types.BaseMethodFault](err error) (target T, ok bool) {
	if err == nil {
		return target, false
	}
	_, ok = vimfault.As(err, &target)
	return target, ok
}

// rules is the one table that says what a fault of vCenter means (vSphere Web Services API, Faults). The first match
// counts.
func rules() []rule {
	return []rule{
		{is[*types.InvalidLogin], fault.Unauthorized},
		{is[*types.NotAuthenticated], fault.Unauthorized}, // After a new login: the account may not stay logged in.
		{is[*types.NoPermission], fault.Unauthorized},
		{is[*types.RestrictedVersion], fault.Unauthorized}, // The licence does not allow it.
		{is[*types.DuplicateName], fault.Conflict},
		{is[*types.AlreadyExists], fault.Conflict},
		{is[*types.FileAlreadyExists], fault.Conflict},
		{is[*types.InvalidPowerState], fault.Conflict},
		{is[*types.InvalidState], fault.Conflict},
		{is[*types.MethodDisabled], fault.Conflict},
		{is[*types.ManagedObjectNotFound], fault.NotFound},
		{is[*types.NotFound], fault.NotFound},
		{is[*types.FileNotFound], fault.NotFound},
		{isA[*find.NotFoundError], fault.NotFound},
		{isA[*find.DefaultNotFoundError], fault.NotFound},
		{isA[*find.MultipleFoundError], fault.Invalid},
		{isA[*find.DefaultMultipleFoundError], fault.Invalid},
		{isA[find.DefaultMultipleFoundError], fault.Invalid},
		{is[*types.InvalidArgument], fault.Invalid},
		{is[*types.InvalidName], fault.Invalid},
		{is[*types.InvalidDeviceSpec], fault.Invalid},
		{is[*types.InvalidVmConfig], fault.Invalid},
		{is[*types.InvalidRequest], fault.Invalid},
		{is[*types.InvalidType], fault.Invalid},
		{is[*types.NotSupported], fault.Invalid},
		{is[*types.CustomizationFault], fault.Invalid},
		{is[*types.NicSettingMismatch], fault.Invalid},
		{is[*types.LinuxVolumeNotClean], fault.Invalid},
		{is[*types.UncustomizableGuest], fault.Invalid},
		// Space and capacity come back by themselves or by a person's hand; nothing was made.
		{is[*types.NoDiskSpace], fault.Unavailable},
		{is[*types.InsufficientResourcesFault], fault.Unavailable},
		{is[*types.InsufficientMemoryResourcesFault], fault.Unavailable},
		{is[*types.InsufficientCpuResourcesFault], fault.Unavailable},
		{is[*types.InsufficientFailoverResourcesFault], fault.Unavailable},
		{is[*types.InsufficientStorageSpace], fault.Unavailable},
		{is[*types.InsufficientHostCapacityFault], fault.Unavailable},
		{is[*types.ResourceInUse], fault.Unavailable},
		{is[*types.ResourceNotAvailable], fault.Unavailable},
		{is[*types.TaskInProgress], fault.Unavailable},
		{is[*types.ConcurrentAccess], fault.Unavailable},
		{is[*types.RequestCanceled], fault.Unavailable}, // Somebody cancelled the task; vCenter took its work back.
		{is[*types.ToolsUnavailable], fault.Unavailable},
		{is[*types.HostNotConnected], fault.Unavailable},
		{is[*types.HostNotReachable], fault.Unavailable},
		// The host stopped answering in the middle of the work.
		{is[*types.HostCommunication], fault.Ambiguous},
		{is[*types.Timedout], fault.Ambiguous},
		{is[*types.SystemError], fault.Ambiguous},
	}
}

type rule struct {
	matches func(error) bool
	kind    fault.Kind
}

func isA[T error](err error) bool {
	var target T
	return errors.As(err, &target)
}

// reading gives the error of a call that changes nothing its kind: what was lost can be asked again.
func reading(err error, doing string) error { return classify(err, doing, fault.Unavailable) }

// changing gives the error of a call that changes something its kind: a lost answer is Ambiguous.
func changing(err error, doing string) error { return classify(err, doing, fault.Ambiguous) }

// classify gives err its kind; unknown is the kind of an error that does not say what happened.
func classify(err error, doing string, unknown fault.Kind) error {
	var (
		known  *fault.Error
		status *statusError
		dial   *net.OpError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return fault.Wrap(known.Kind, err, doing)
	case untrusted(err):
		return fault.Wrap(fault.Unauthorized, err, doing+
			": its certificate is not trusted: set caFile or thumbprint to the vCenter's own")
	case errors.As(err, &status):
		return ofStatus(status, err, doing, unknown)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fault.Wrap(fault.Unavailable, err, doing)
	case unauthorizedREST(err):
		return fault.Wrap(fault.Unauthorized, err, doing)
	}
	for _, rule := range rules() {
		if rule.matches(err) {
			return fault.Wrap(rule.kind, err, doing)
		}
	}
	return fault.Wrap(unknown, err, doing)
}

// ofStatus: 429 and 503 were not taken; a gateway that gave up may have passed the request on.
func ofStatus(status *statusError, err error, doing string, unknown fault.Kind) error {
	switch {
	case status.code == http.StatusTooManyRequests:
		return fault.Throttle(status.after, "%s: %v", doing, err)
	case status.code == http.StatusServiceUnavailable:
		return fault.Wrap(fault.Unavailable, err, doing)
	}
	return fault.Wrap(unknown, err, doing)
}

func untrusted(err error) bool {
	return errors.Is(err, errUntrusted) || isA[*tls.CertificateVerificationError](err) ||
		isA[x509.UnknownAuthorityError](err) || isA[x509.HostnameError](err) || isA[x509.CertificateInvalidError](err)
}

func unauthorizedREST(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if rest.IsStatusError(err, http.StatusUnauthorized) || rest.IsStatusError(err, http.StatusForbidden) {
			return true
		}
	}
	return false
}

// stopped is the error of an attempt whose time is over before it acted.
func stopped(ctx context.Context, before string) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, "stopping before "+before)
	}
	return nil
}

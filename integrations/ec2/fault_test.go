package ec2

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

// answer is an error as the SDK returns what EC2 refused.
func answer(status int, code, text string) error {
	resp := &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}}}
	return &smithy.OperationError{ServiceID: "EC2", OperationName: "X", Err: &smithyhttp.ResponseError{
		Response: resp, Err: &smithy.GenericAPIError{Code: code, Message: text},
	}}
}

func TestCodesTellTheKind(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]fault.Kind{
		"RequestLimitExceeded": fault.Throttled, "Throttling": fault.Throttled, "ThrottlingException": fault.Throttled, "EC2ThrottledException": fault.Throttled,
		"TooManyRequestsException": fault.Throttled,
		"AuthFailure":              fault.Unauthorized, "UnauthorizedOperation": fault.Unauthorized, "RequestExpired": fault.Unauthorized, "OptInRequired": fault.Unauthorized,
		"InvalidInstanceID.NotFound": fault.NotFound, "InvalidGroup.NotFound": fault.NotFound, "InvalidAMIID.NotFound": fault.NotFound, "InvalidAMIID.Unavailable": fault.NotFound,
		"InvalidSubnetID.NotFound": fault.NotFound, "InvalidKeyPair.NotFound": fault.NotFound, "InvalidVolume.NotFound": fault.NotFound,
		"InstanceLimitExceeded": fault.Invalid, "VcpuLimitExceeded": fault.Invalid, "VolumeLimitExceeded": fault.Invalid, "AddressLimitExceeded": fault.Invalid,
		"SecurityGroupLimitExceeded": fault.Invalid, "RulesPerSecurityGroupLimitExceeded": fault.Invalid, "InsufficientFreeAddressesInSubnet": fault.Invalid,
		"InsufficientInstanceCapacity": fault.Unavailable, "InsufficientHostCapacity": fault.Unavailable, "InsufficientAddressCapacity": fault.Unavailable,
		"InsufficientVolumeCapacity": fault.Unavailable, "DependencyViolation": fault.Unavailable, "IncorrectInstanceState": fault.Unavailable,
		"Unavailable": fault.Unavailable, "ServiceUnavailable": fault.Unavailable,
		"IdempotentParameterMismatch": fault.Conflict, "IdempotentInstanceTerminated": fault.Conflict, "InvalidIPAddress.InUse": fault.Conflict,
		"InvalidGroup.Duplicate": fault.Conflict, "InvalidPermission.Duplicate": fault.Conflict, "Resource.AlreadyAssociated": fault.Conflict, "OperationNotPermitted": fault.Conflict,
		"InvalidInstanceID.Malformed": fault.Invalid, "InvalidParameterValue": fault.Invalid, "UnknownParameter": fault.Invalid, "Unsupported": fault.Invalid,
		"InvalidVolume.ZoneMismatch": fault.Invalid,
	} {
		for _, change := range []bool{false, true} {
			err := translate(answer(http.StatusBadRequest, code, "because"), "trying", change)
			require.Equal(t, want, fault.KindOf(err), "%s: %v", code, err)
			require.ErrorContains(t, err, "trying: ")
			require.ErrorContains(t, err, code)
			require.ErrorContains(t, err, "because")
		}
	}
}

// What EC2 says about itself may have happened before or after the change.
func TestInternalErrorsAreAmbiguousForChanges(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"InternalError", "InternalFailure", "SomethingNew"} {
		err := answer(http.StatusInternalServerError, code, "an internal error has occurred")
		require.Equal(t, fault.Ambiguous, fault.KindOf(translate(err, "trying", true)))
		require.Equal(t, fault.Unavailable, fault.KindOf(translate(err, "trying", false)))
	}
	broken := &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: http.StatusBadGateway, Header: http.Header{}}}, Err: errors.New("deserialization failed"),
	}
	require.Equal(t, fault.Ambiguous, fault.KindOf(translate(broken, "trying", true)), "a gateway may have passed the change on")
	require.Equal(t, fault.Unavailable, fault.KindOf(translate(broken, "trying", false)))
	cancelled := &smithy.CanceledError{Err: context.Canceled}
	require.Equal(t, fault.Ambiguous, fault.KindOf(translate(cancelled, "trying", true)))
	require.Equal(t, fault.Unavailable, fault.KindOf(translate(cancelled, "trying", false)))
	require.NoError(t, translate(nil, "trying", true))
}

func TestWordsTellWhatCodesDoNot(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]fault.Kind{
		"Invalid value 't9.none' for InstanceType.":                                                             fault.NotFound,
		"Invalid value '/dev/sdf' for unixDevice. Attachment point /dev/sdf is already in use":                  fault.Unavailable,
		"The architecture 'arm64' of the specified instance type does not match the architecture of the image.": fault.Invalid,
	} {
		require.Equal(t, want, fault.KindOf(translate(answer(http.StatusBadRequest, "InvalidParameterValue", text), "trying", true)), text)
	}
	quota := translate(answer(http.StatusBadRequest, "VcpuLimitExceeded", "You have requested more"), "trying", true)
	require.ErrorContains(t, quota, "the quota is used up")
}

func TestThrottledSaysHowLong(t *testing.T) {
	t.Parallel()
	var told *fault.Error
	require.ErrorAs(t, translate(answer(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded."), "trying", true), &told)
	require.Equal(t, patience, told.After)
	asked := answer(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded.")
	var resp *smithyhttp.ResponseError
	require.ErrorAs(t, asked, &resp)
	resp.Response.Header.Set("Retry-After", "12")
	require.ErrorAs(t, translate(asked, "trying", true), &told)
	require.Equal(t, 12*time.Second, told.After)
}

func TestRefusalsShowNoCredential(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"AWS was not able to validate AKIAIOSFODNN7EXAMPLE",
		"The key ASIAIOSFODNN7EXAMPLE has expired",
		"Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/eu-central-1/ec2/aws4_request, Signature=abcdef",
	} {
		err := translate(answer(http.StatusForbidden, "SignatureDoesNotMatch", text), "trying", false)
		require.NotContains(t, err.Error(), "FODNN7", text)
	}
}

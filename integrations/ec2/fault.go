package ec2

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"fermata/activities/fault"
	"fermata/integrations/httpx"
)

// patience is how long to wait after a rate limit: EC2 does not say, and its buckets fill by the second.
const patience = 5 * time.Second

// mostText is how much of a refusal is shown to people. One about permissions goes on with a long encoded message.
const mostText = 300

// answered is a refusal as people see it.
type answered struct{ code, text string }

func (a *answered) Error() string { return "AWS answers " + a.code + ": " + a.text }

// coded tells whether an error is a refusal with one of the codes.
func coded(err error, codes ...string) bool {
	var a *answered
	return errors.As(err, &a) && slices.Contains(codes, a.code)
}

// translate gives what the SDK returned a kind. change says whether the request was to change something: then an answer that was
// lost is Ambiguous.
func translate(err error, doing string, change bool) error {
	var refused smithy.APIError
	var broken *smithyhttp.ResponseError
	var cancelled *smithy.CanceledError
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return refusal(refused, err, doing, change)
	case errors.As(err, &known): // The secret could not be resolved: nothing was sent.
		return fault.Wrap(known.Kind, err, doing)
	case errors.As(err, &cancelled): // The SDK hides how far the request had come.
		return fault.Wrap(lost(change), err, doing)
	case errors.As(err, &broken) && broken.HTTPStatusCode() >= http.StatusMultipleChoices: // Of something on the way, not of EC2.
		err = httpx.Fault(&http.Response{
			StatusCode: broken.HTTPStatusCode(), Status: fmt.Sprintf("%d %s", broken.HTTPStatusCode(), http.StatusText(broken.HTTPStatusCode())),
			Header: broken.Response.Header, Request: &http.Request{Method: method(change)},
		}, nil, doing)
	default:
		err = httpx.Fault(nil, err, doing)
	}
	if fault.Is(err, fault.Ambiguous) && !change { // Everything is a POST; what only reads has changed nothing.
		return fault.New(fault.Unavailable, "%w", err)
	}
	return err
}

func lost(change bool) fault.Kind {
	if change {
		return fault.Ambiguous
	}
	return fault.Unavailable
}

func method(change bool) string {
	if change {
		return http.MethodPost
	}
	return http.MethodGet
}

var (
	// A limit of the account that a person raises.
	quotaCodes = regexp.MustCompile(`LimitExceeded$|^InsufficientFreeAddressesInSubnet$`)
	// EC2 has no room at the moment.
	capacityCodes = regexp.MustCompile(`^Insufficient\w*Capacity$|^Server\.Insufficient\w*Capacity$`)
	absentCodes   = regexp.MustCompile(`\.NotFound$|^InvalidAMIID\.Unavailable$|^InvalidInstanceType$|^NoSuchResourceException$`)
	// A type of instance that does not exist has no code of its own.
	absentWords = regexp.MustCompile(`(?i)invalid value '[^']*' for InstanceType`)
	// Another attempt has taken the name of a device.
	deviceWords = regexp.MustCompile(`(?i)attachment point \S+ is already in use`)
	accessKeys  = regexp.MustCompile(`\b(AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b`)
)

// kinds are the codes that mean something of their own, or the same whatever they are about.
var kinds = map[string]fault.Kind{
	"AuthFailure": fault.Unauthorized, "UnauthorizedOperation": fault.Unauthorized, "SignatureDoesNotMatch": fault.Unauthorized,
	"InvalidClientTokenId": fault.Unauthorized, "UnrecognizedClientException": fault.Unauthorized, "MissingAuthenticationToken": fault.Unauthorized,
	"OptInRequired": fault.Unauthorized, "PendingVerification": fault.Unauthorized, "Blocked": fault.Unauthorized,
	"AccessDenied": fault.Unauthorized, "AccessDeniedException": fault.Unauthorized, "RequestExpired": fault.Unauthorized,
	"IncompleteSignature": fault.Unauthorized, "InvalidSignatureException": fault.Unauthorized, "ExpiredToken": fault.Unauthorized,

	"IdempotentParameterMismatch": fault.Conflict, "IdempotentInstanceTerminated": fault.Conflict, "InvalidIPAddress.InUse": fault.Conflict,
	"InvalidGroup.Duplicate": fault.Conflict, "InvalidPermission.Duplicate": fault.Conflict, "Resource.AlreadyAssociated": fault.Conflict,
	"VolumeInUse": fault.Conflict, "OperationNotPermitted": fault.Conflict,

	"DependencyViolation": fault.Unavailable, "IncorrectInstanceState": fault.Unavailable, "IncorrectState": fault.Unavailable,
	"Unavailable": fault.Unavailable, "ServiceUnavailable": fault.Unavailable,
}

func refusal(refused smithy.APIError, err error, doing string, change bool) error {
	a := &answered{refused.ErrorCode(), clean(refused.ErrorMessage())}
	status, header := 0, http.Header{}
	if broken := (*smithyhttp.ResponseError)(nil); errors.As(err, &broken) && broken.Response != nil {
		status, header = broken.HTTPStatusCode(), broken.Response.Header
	}
	kind, known := kinds[a.code]
	_, throttled := retry.DefaultThrottleErrorCodes[a.code]
	switch {
	case throttled:
		after := httpx.RetryAfter(header.Get("Retry-After"), time.Now())
		if after == 0 {
			after = patience
		}
		return fault.Throttle(after, "%s: %s", doing, a)
	case known:
		return fault.Wrap(kind, a, doing)
	case quotaCodes.MatchString(a.code):
		return fault.New(fault.Invalid, "%s: %w: the quota is used up", doing, a)
	case capacityCodes.MatchString(a.code), deviceWords.MatchString(a.text):
		return fault.Wrap(fault.Unavailable, a, doing)
	case absentCodes.MatchString(a.code), absentWords.MatchString(a.text):
		return fault.Wrap(fault.NotFound, a, doing)
	case status >= http.StatusInternalServerError || refused.ErrorFault() == smithy.FaultServer:
		return fault.Wrap(lost(change), a, doing)
	}
	return fault.Wrap(fault.Invalid, a, doing)
}

// clean is a refusal's text on one line, cut, without what names a credential.
func clean(text string) string {
	text, _, _ = strings.Cut(text, "Encoded authorization failure message")
	text = accessKeys.ReplaceAllString(httpx.Redact(strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")), "******")
	if len(text) > mostText {
		text = strings.ToValidUTF8(text[:mostText], "") + "..."
	}
	return text
}

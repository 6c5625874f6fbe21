package openstack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"fermata/activities/fault"
	"fermata/integrations/httpx"
)

// translate gives what gophercloud returned a kind: httpx's by the status, corrected where a service's words say more.
func translate(err error, doing string) error {
	var refused gophercloud.ErrUnexpectedResponseCode
	var locked *gophercloud.ErrUnableToReauthenticate
	var known *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &locked): // The request itself was refused: what happens to it is what happens to the login.
		return fault.Wrap(fault.KindOf(locked.ErrReauth), locked.ErrReauth, doing)
	case errors.As(err, &refused):
		return refusal(refused, doing)
	case errors.As(err, &known):
		return fault.Wrap(known.Kind, err, doing)
	}
	return httpx.Fault(nil, err, doing)
}

// missing reports whether the catalogue does not have what was looked for.
func missing(err error) bool {
	var endpoint *gophercloud.ErrEndpointNotFound
	var service *gophercloud.ErrServiceNotFound
	return errors.As(err, &endpoint) || errors.As(err, &service)
}

// Words that tell what a status does not.
var (
	// A limit of the project. Neutron says 409, Nova 403, Cinder 413 as if it were a matter of waiting.
	quotaWords = regexp.MustCompile(`(?i)quota|LimitExceeded|maximum number of`)
	// Something that a request names is not there; Nova says 400.
	absentWords = regexp.MustCompile(`(?i)could not be found|can not find requested image|not found for project|invalid key_name`)
	// A state that passes: another request is being carried out, or something is still plugged in.
	passingWords = regexp.MustCompile(`(?i)task_state|vm_state (building|rebooting|resized)|is not ready|port \S+ is still in use|security group \S+ in use|status must be`)
	// Neutron has no address left: a person makes room.
	fullWords = regexp.MustCompile(`(?i)no more ip addresses`)
)

func refusal(refused gophercloud.ErrUnexpectedResponseCode, doing string) error {
	asked, err := url.Parse(refused.URL)
	if err != nil {
		asked = &url.URL{}
	}
	text := said(refused.Body)
	base := httpx.Fault(&http.Response{
		StatusCode: refused.Actual, Status: fmt.Sprintf("%d %s", refused.Actual, http.StatusText(refused.Actual)), Header: refused.ResponseHeader,
		Request: &http.Request{Method: refused.Method, URL: asked}, Body: io.NopCloser(strings.NewReader(text)),
	}, nil, doing)
	switch code := refused.Actual; {
	case code >= 400 && code < 500 && code != http.StatusTooManyRequests && code != http.StatusUnauthorized && quotaWords.MatchString(text):
		return fault.New(fault.Invalid, "%w: the quota is used up", base)
	case code == http.StatusRequestEntityTooLarge: // Nova before rate limits moved to other software.
		return fault.Throttle(httpx.RetryAfter(refused.ResponseHeader.Get("Retry-After"), time.Now()), "%s", base)
	case code == http.StatusBadRequest && absentWords.MatchString(text):
		return fault.New(fault.NotFound, "%w", base)
	case (code == http.StatusConflict || code == http.StatusBadRequest) && passingWords.MatchString(text):
		return fault.New(fault.Unavailable, "%w", base)
	case code == http.StatusConflict && fullWords.MatchString(text):
		return fault.New(fault.Invalid, "%w", base)
	}
	return base
}

// said is the message in an error's body: {"badRequest": {"message": ...}} of Nova and Cinder, {"NeutronError": ...},
// {"error": ...} of Keystone, a plain object of Glance. What has another form is shown as it is.
func said(body []byte) string {
	var wrapped map[string]json.RawMessage
	if json.Unmarshal(body, &wrapped) != nil {
		return string(body)
	}
	for _, inner := range append([]json.RawMessage{body}, values(wrapped)...) {
		var message struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(inner, &message) == nil && message.Message != "" {
			return message.Message
		}
	}
	return string(body)
}

func values(m map[string]json.RawMessage) (list []json.RawMessage) {
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

// gone turns NotFound to Unavailable for what this attempt has just seen: another one, which made the same at the same moment, has
// removed it as the one too many. The next look finds what stays.
func gone(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Unavailable, "%w: another attempt has removed it", err)
	}
	return err
}

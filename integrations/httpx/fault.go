package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"fermata/activities/fault"
)

// errorText is how much of an error's body is shown to people.
const errorText = 300

// Fault translates what a client of New returned. It is nil for a status below 400; redirects that were not followed
// are Invalid. doing says what was being done: "creating the ticket". When it returns an error it has read the beginning
// of the body, for the text, and closed it.
//
//	401, 403                 Unauthorized
//	404, 410                 NotFound
//	409, 412, 423            Conflict
//	429                      Throttled, with Retry-After (seconds or a date, RFC 9110 section 10.2.3)
//	408                      Unavailable: the request had not arrived
//	other 4xx, 501, 505      Invalid
//	502, 503, 504, other 5xx Unavailable for a read; for a change 503 is Unavailable, the others are Ambiguous
//	no answer                Unavailable; Ambiguous for a change that may have been written
//
// A gateway that answers 502 or 504 may have passed the change on.
func Fault(resp *http.Response, err error, doing string) error {
	if err != nil {
		return noAnswer(err, doing)
	}
	if resp.StatusCode < 300 || resp.StatusCode == http.StatusNotModified {
		return nil
	}
	if resp.StatusCode < 400 {
		defer closeBody(resp)
		return fault.New(fault.Invalid, "%s: %s answers with a redirect (%s): configure the address that it leads to",
			doing, host(resp), resp.Status)
	}
	text := fmt.Sprintf("%s: %s answers %s%s", doing, host(resp), resp.Status, said(resp))
	kind := kindOf(resp)
	if kind == fault.Throttled {
		return fault.Throttle(RetryAfter(resp.Header.Get("Retry-After"), time.Now()), "%s", text)
	}
	return fault.New(kind, "%s", text)
}

func kindOf(resp *http.Response) fault.Kind {
	change := resp.Request == nil || changes(resp.Request.Method)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
		return fault.Unauthorized
	case code == http.StatusNotFound, code == http.StatusGone:
		return fault.NotFound
	case code == http.StatusConflict, code == http.StatusPreconditionFailed, code == http.StatusLocked:
		return fault.Conflict
	case code == http.StatusTooManyRequests:
		return fault.Throttled
	case code == http.StatusRequestTimeout, code == http.StatusServiceUnavailable:
		return fault.Unavailable
	case code < 500, code == http.StatusNotImplemented, code == http.StatusHTTPVersionNotSupported:
		return fault.Invalid
	case change:
		return fault.Ambiguous
	}
	return fault.Unavailable
}

// noAnswer says what a lost request means.
func noAnswer(err error, doing string) error {
	kind := fault.Ambiguous // A transport that is not ours vouches for nothing.
	var lost *transportError
	if errors.As(err, &lost) {
		kind = fault.Unavailable
		if lost.change && lost.written {
			kind = fault.Ambiguous
		}
	}
	var inner *fault.Error // What the jump host said, or a hook of the client's.
	if errors.As(err, &inner) && (lost == nil || kind == fault.Unavailable) {
		kind = inner.Kind
	}
	switch {
	case untrusted(err):
		kind = fault.Unauthorized
	case errors.Is(err, ErrTooLong) && kind == fault.Unavailable: // Asking again gives no shorter answer.
		kind = fault.Invalid
	}
	// The URL of the client's own error may carry credentials: it is left out.
	var asked *url.Error
	if errors.As(err, &asked) {
		shown := asked.URL
		if u, parseErr := url.Parse(asked.URL); parseErr == nil {
			shown = u.Host
		}
		err = &redacted{asked.Err, shown}
	}
	return fault.Wrap(kind, err, doing)
}

// redacted shows an error without what looks like a credential, and the host instead of the URL.
type redacted struct {
	cause error
	host  string
}

func (e *redacted) Error() string {
	if e.host == "" { // A redirect may lead to a path alone.
		return Redact(e.cause.Error())
	}
	return "asking " + e.host + ": " + Redact(e.cause.Error())
}

func (e *redacted) Unwrap() error { return e.cause }

// untrusted reports whether the server is not the one expected.
func untrusted(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var pin *pinError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &name) || errors.As(err, &pin)
}

// RetryAfter reads the header's two forms, seconds and an HTTP date; zero if it says nothing.
func RetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

func host(resp *http.Response) string {
	if resp.Request == nil || resp.Request.URL == nil {
		return "the server"
	}
	return resp.Request.URL.Host
}

// said is the beginning of an error's body on one line.
func said(resp *http.Response) string {
	defer closeBody(resp)
	if resp.Body == nil {
		return ""
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4*errorText))
	text := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
	if strings.HasPrefix(text, "<") || text == "" { // An HTML page helps nobody.
		return ""
	}
	text = Redact(text)
	if len(text) > errorText {
		text = text[:errorText] + "..."
	}
	return ": " + strings.ToValidUTF8(text, "")
}

func closeBody(resp *http.Response) {
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
}

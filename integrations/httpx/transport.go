package httpx

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"sync/atomic"
	"time"
)

// pinError is a server whose key is not the one expected.
type pinError struct{ got, want string }

func (e *pinError) Error() string {
	return fmt.Sprintf("the server's public key is %s, expected %s", e.got, e.want)
}

func checkPin(state tls.ConnectionState, want []byte) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server showed no certificate")
	}
	got := sha256.Sum256(state.PeerCertificates[0].RawSubjectPublicKeyInfo)
	if !bytes.Equal(got[:], want) {
		return &pinError{hex.EncodeToString(got[:]), hex.EncodeToString(want)}
	}
	return nil
}

// transportError is a request that got no answer, with what decides about its kind: whether a connection was there to
// write it to. A byte on the way counts as written.
type transportError struct {
	change  bool
	written bool
	cause   error
}

func (e *transportError) Error() string { return Redact(e.cause.Error()) }
func (e *transportError) Unwrap() error { return e.cause }

// transport notes whether a request was written, ends it in time, and limits what is read. The time limit is here and
// not in http.Client, which would replace the error by one that no longer tells what happened.
type transport struct {
	base    *http.Transport
	limit   int64
	timeout time.Duration
}

// CloseIdleConnections is called by http.Client's method of that name.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	var written atomic.Bool
	trace := &httptrace.ClientTrace{
		// From here on the request may leave the machine, whole or in part.
		GotConn: func(httptrace.GotConnInfo) { written.Store(true) },
	}
	ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(r.Context(), trace), t.timeout)
	change := changes(r.Method)
	resp, err := t.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		cancel()
		return nil, &transportError{change: change, written: written.Load(), cause: err}
	}
	resp.Body = &limitedBody{body: resp.Body, left: t.limit, limit: t.limit, change: change, cancel: cancel}
	return resp, nil
}

// changes reports whether a method may change something (RFC 9110, section 9.2.1).
func changes(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	return true
}

// ErrTooLong is an answer above the limit of its client.
var ErrTooLong = errors.New("the answer is too long")

// limitedBody reads an answer up to the limit. Its errors tell, as those of the transport, what they mean.
type limitedBody struct {
	body        io.ReadCloser
	left, limit int64
	change      bool
	cancel      context.CancelFunc
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left >= 0 && int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // One byte more tells whether there is more.
	}
	n := 0
	var err error
	if b.left >= 0 {
		n, err = b.body.Read(p)
		b.left -= int64(n)
	}
	if b.left < 0 {
		n, err = max(n-1, 0), fmt.Errorf("%w: more than %d bytes", ErrTooLong, b.limit)
	}
	if err != nil && err != io.EOF { //nolint:errorlint // io.Reader's contract is the bare value.
		err = &transportError{change: b.change, written: true, cause: err}
	}
	return n, err
}

func (b *limitedBody) Close() error {
	defer b.cancel()
	return b.body.Close()
}

var (
	secretHeader = regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|set-cookie|cookie|x-auth-token|x-api-key|x-vault-token)("?\s*[:=]\s*"?)[^\r\n"]+`)
	secretScheme = regexp.MustCompile(`(?i)\b(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{6,}`)
	secretField  = regexp.MustCompile(`(?i)([?&;](?:[a-z_-]*(?:token|secret|password|passwd|api[_-]?key|signature|session))=)[^&;\s"]+`)
	userinfo     = regexp.MustCompile(`(://)[^/\s@"]+@`)
)

// Redact replaces what looks like a credential in text that is meant for an error or a log: headers that carry one,
// bearer and basic tokens, URL fields and userinfo.
func Redact(text string) string {
	text = secretHeader.ReplaceAllString(text, "$1$2******")
	text = secretScheme.ReplaceAllString(text, "$1 ******")
	text = secretField.ReplaceAllString(text, "$1******")
	return userinfo.ReplaceAllString(text, "$1******@")
}

// RedactHeader returns a copy of h that may be logged.
func RedactHeader(h http.Header) http.Header {
	h = h.Clone()
	for _, name := range []string{
		"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Auth-Token", "X-Api-Key", "X-Vault-Token", "Vmware-Api-Session-Id",
	} {
		if h.Get(name) != "" {
			h.Set(name, "******")
		}
	}
	return h
}

// RedactURL writes u without its userinfo, and without the values of its query.
func RedactURL(u *url.URL) string {
	if u == nil {
		return ""
	}
	shown := *u
	shown.User, shown.Fragment = nil, ""
	if query := shown.Query(); len(query) > 0 {
		for name := range query {
			query.Set(name, "x")
		}
		shown.RawQuery = query.Encode()
	}
	return shown.String()
}

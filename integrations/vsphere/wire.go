package vsphere

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/vmware/govmomi/vim25/soap"
)

// dialTimeout limits connecting and the TLS handshake. Requests have no limit of their own: a wait for changes is long.
const dialTimeout = 15 * time.Second

// newWire is the HTTP side of the client. It verifies the certificate by CA or by pin, and gives answers that are no
// SOAP a type of their own.
func newWire(c Config, target *url.URL) (*soap.Client, error) {
	settings, err := tlsConfig(c, target)
	if err != nil {
		return nil, err
	}
	wire := soap.NewClient(target, false)
	wire.UserAgent = "fermata"
	transport := wire.DefaultTransport()
	transport.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		return (&tls.Dialer{Config: settings}).DialContext(ctx, network, addr)
	}
	wire.Transport = statusErrors{transport}
	return wire, nil
}

func tlsConfig(c Config, target *url.URL) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: target.Hostname()}
	pin, err := c.pin()
	if err != nil {
		return nil, err
	}
	if pin != nil {
		settings.InsecureSkipVerify = true //nolint:gosec // The pin below is the verification.
		settings.VerifyConnection = func(state tls.ConnectionState) error {
			if sum := sha256.Sum256(state.PeerCertificates[0].Raw); !bytes.Equal(sum[:], pin) {
				return errUntrusted
			}
			return nil
		}
		return settings, nil
	}
	if c.CAFile == "" {
		return settings, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("caFile: %w", err)
	}
	settings.RootCAs = x509.NewCertPool()
	if !settings.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("caFile: %s holds no PEM certificate", c.CAFile)
	}
	return settings, nil
}

var errUntrusted = errors.New("the certificate's SHA-256 is not the configured thumbprint")

// statusError is an answer by something that is not (or not yet) vCenter: a proxy, a service that starts.
type statusError struct {
	code  int
	after time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("HTTP status %d %s", e.code, http.StatusText(e.code))
}

// statusErrors turns the answers of proxies into statusError. SOAP itself uses 200 and 500. A 503 was not taken, so the
// same request is sent again a few times before anybody hears of it.
type statusErrors struct{ next http.RoundTripper }

const (
	busyTries = 4
	busyPause = 100 * time.Millisecond // Before the second try; doubled before each further one.
)

func (s statusErrors) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	for try := 0; ; try++ {
		attempt := r.Clone(r.Context())
		attempt.Body, attempt.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		response, err := s.once(attempt)
		var status *statusError
		if !errors.As(err, &status) || status.code != http.StatusServiceUnavailable || try == busyTries-1 {
			return response, err
		}
		select {
		case <-time.After(busyPause << try):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
}

func (s statusErrors) once(r *http.Request) (*http.Response, error) {
	response, err := s.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		_ = response.Body.Close()
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		return nil, &statusError{response.StatusCode, time.Duration(seconds) * time.Second}
	}
	return response, nil
}

// Package httpx makes the HTTP clients of integrations: with time limits, verified TLS, a proxy or a jump host, a limit
// on answers, and one translation of answers to faults.
//
// It promises that no credential stands in an error or a log line, that certificates are always verified, and that the
// kind of a fault tells whether a change may have happened.
package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"fermata/activities/fault"
)

// Config is how a system is reached over HTTP, as an installation describes it.
type Config struct {
	// CA is the path of a PEM file with the authorities to trust instead of the machine's.
	CA string `yaml:"ca,omitempty"`
	// Pin is the SHA-256 of the server's public key (SubjectPublicKeyInfo), in hex. The chain is verified as well.
	Pin string `yaml:"pin,omitempty"`
	// ServerName is the name that the certificate must carry, if it is not the URL's.
	ServerName string `yaml:"serverName,omitempty"`
	// Proxy is the URL of an HTTP proxy; empty: as HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; "none": no proxy.
	// A jump host excludes it.
	Proxy string `yaml:"proxy,omitempty"`
	// Timeout bounds a request from dialling to the end of the body: 30s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// MaxBody is how many bytes of an answer are read; more is an error: 16 MiB if absent.
	MaxBody int64 `yaml:"maxBody,omitempty"`
}

// The defaults of a Config.
const (
	DefaultTimeout = 30 * time.Second
	DefaultMaxBody = 16 << 20
	dialTimeout    = 10 * time.Second
	// NoProxy is the Proxy that goes to systems directly whatever the environment says.
	NoProxy = "none"
)

// Dialer connects to an address; sshx.Pool is one.
type Dialer interface {
	Dial(ctx context.Context, network, addr string) (net.Conn, error)
}

// Option changes a client.
type Option func(*options)

type options struct {
	dialer   Dialer
	redirect func(*http.Request, []*http.Request) error
}

// WithDialer connects through d: a jump host. Names are resolved over there.
func WithDialer(d Dialer) Option { return func(o *options) { o.dialer = d } }

// WithRedirect decides about redirects. Without it none is followed: an API that moved is a matter for a person, and a
// token must not follow it.
func WithRedirect(check func(*http.Request, []*http.Request) error) Option {
	return func(o *options) { o.redirect = check }
}

// New returns a client. Faults: Invalid for a bad configuration.
func New(cfg Config, opts ...Option) (*http.Client, error) {
	o := options{redirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, opt := range opts {
		opt(&o)
	}
	security, err := cfg.tls()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the HTTP configuration")
	}
	proxy, err := cfg.proxy(o.dialer != nil)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the HTTP configuration")
	}
	if cfg.Timeout < 0 || cfg.MaxBody < 0 {
		return nil, fault.New(fault.Invalid, "reading the HTTP configuration: timeout and maxBody must be positive")
	}
	base := &http.Transport{
		Proxy: proxy, TLSClientConfig: security, ForceAttemptHTTP2: true,
		DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout: dialTimeout, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
	}
	if o.dialer != nil {
		base.DialContext = o.dialer.Dial
	}
	return &http.Client{
		Transport: &transport{
			base: base, limit: orDefault(cfg.MaxBody, DefaultMaxBody), timeout: orDefault(cfg.Timeout, DefaultTimeout),
		},
		CheckRedirect: o.redirect,
	}, nil
}

func orDefault[T ~int64](value, otherwise T) T {
	if value == 0 {
		return otherwise
	}
	return value
}

func (c Config) proxy(jump bool) (func(*http.Request) (*url.URL, error), error) {
	switch {
	case jump && c.Proxy != "" && c.Proxy != NoProxy:
		return nil, fmt.Errorf("proxy and jump exclude each other")
	case jump, c.Proxy == NoProxy:
		return nil, nil
	case c.Proxy == "":
		return http.ProxyFromEnvironment, nil
	}
	u, err := url.Parse(c.Proxy)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("proxy: expected a URL such as http://proxy.example.net:3128, or none")
	}
	if u.User != nil {
		return nil, fmt.Errorf("proxy: a password does not belong into the configuration's text")
	}
	return http.ProxyURL(u), nil
}

// Roots reads the certificates that a server's must come from; nil, for those of the machine, where no file is named.
func Roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // Nil is what crypto/tls calls the machine's own.
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca: %s holds no certificate in PEM form", file)
	}
	return roots, nil
}

func (c Config) tls() (*tls.Config, error) {
	security := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	var err error
	if security.RootCAs, err = Roots(c.CA); err != nil {
		return nil, err
	}
	if c.Pin == "" {
		return security, nil
	}
	want, err := hex.DecodeString(c.Pin)
	if err != nil || len(want) != 32 {
		return nil, fmt.Errorf("pin: expected 64 hex digits, the SHA-256 of the server's public key")
	}
	security.VerifyConnection = func(state tls.ConnectionState) error { return checkPin(state, want) }
	return security, nil
}

// Package http probes services with real requests, as a user would send them.
//
// It promises to ask the address that it was given, through the jump host if there is one (names are then resolved over
// there), to follow redirects on the same host only, and to read no more of an answer than it needs.
package http

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
	"unicode"

	"fermata/activities/fault"
	"fermata/activities/probe"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/httpx"
	"fermata/integrations/sshx"
)

// Type is the word in the configuration.
const Type = "http"

const (
	bodyRead     = 64 << 10 // What Contains is looked for in.
	bodyShown    = 200      // Characters of Answer.Body.
	maxRedirects = 5
)

// Config is how requests are sent, as an installation describes it.
type Config struct {
	// CA is the path of a PEM file with the authorities to trust instead of the machine's.
	CA string `yaml:"ca,omitempty"`
	// Proxy is the URL of an HTTP proxy; empty: as the environment says; "none": no proxy.
	Proxy string `yaml:"proxy,omitempty"`
	// Jump is the host to go through.
	Jump *sshx.Config `yaml:"jump,omitempty"`
	// Timeout bounds one request: 10s if absent.
	Timeout time.Duration `yaml:"timeout,omitempty"`
}

// DefaultTimeout bounds one request where the configuration does not.
const DefaultTimeout = 10 * time.Second

// Integration returns the integration.
func Integration() integrations.Integration {
	return integrations.Integration{Type: Type, Serves: []string{probe.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	var cfg Config
	if err := sys.Decode(&cfg); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "reading the configuration of "+sys.Name)
	}
	cfg.CA = sys.Resolve(cfg.CA)
	if cfg.Jump != nil {
		jump := cfg.Jump.Resolved(sys.Resolve)
		cfg.Jump = &jump
	}
	return New(cfg, env)
}

// Prober sends requests. It is safe for concurrent use.
type Prober struct {
	client *http.Client
	pool   *sshx.Pool // Nil without a jump host.
	jump   string
}

var _ probe.Prober = (*Prober)(nil)

// New prepares the prober; it does not connect. Faults: Invalid for a bad configuration.
func New(cfg Config, env integrations.Environment) (*Prober, error) {
	p := &Prober{}
	opts := []httpx.Option{httpx.WithRedirect(sameHost)}
	if cfg.Jump != nil {
		pool, err := sshx.NewPool(sshx.Config{Jump: cfg.Jump}, env.Secrets)
		if err != nil {
			return nil, err
		}
		p.pool, p.jump = pool, cfg.Jump.Address
		opts = append(opts, httpx.WithDialer(pool))
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	client, err := httpx.New(httpx.Config{CA: cfg.CA, Proxy: cfg.Proxy, Timeout: cfg.Timeout}, opts...)
	if err != nil {
		return nil, err
	}
	p.client = client
	return p, nil
}

// Endpoint says which way the requests go.
func (p *Prober) Endpoint() string {
	if p.pool != nil {
		return "http through " + p.jump
	}
	return "http"
}

// Close ends all connections.
func (p *Prober) Close(context.Context) error {
	p.client.CloseIdleConnections()
	if p.pool != nil {
		return p.pool.Close()
	}
	return nil
}

// Check proves that the jump host lets us in; without one there is nothing to prove.
func (p *Prober) Check(ctx context.Context) error {
	if p.pool == nil {
		return nil
	}
	return p.pool.Ping(ctx)
}

// Get asks once. Every request has a connection of its own, as a new user's has: one that is kept would go on to reach
// the server that it was opened to, whatever a load balancer says by now.
func (p *Prober) Get(ctx context.Context, r probe.Request) (probe.Answer, error) {
	target, err := url.Parse(r.URL)
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https") || target.User != nil {
		return probe.Answer{}, fault.New(fault.Invalid, "%q cannot be asked: expected http://host/path or https://host/path without a password",
			httpx.Redact(r.URL))
	}
	doing := "asking " + httpx.RedactURL(target)
	var answer probe.Answer
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		if p.pool == nil {
			answer.Remote = info.Conn.RemoteAddr().String()
		}
	}}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, r.URL, nil)
	if err != nil {
		return probe.Answer{}, fault.Wrap(fault.Invalid, err, doing)
	}
	request.Close = true
	request.Header.Set("User-Agent", "fermata-probe")
	response, err := p.client.Do(request)
	if err != nil {
		return probe.Answer{}, httpx.Fault(nil, err, doing)
	}
	defer response.Body.Close()
	if answer.Remote == "" { // Behind a jump host only the other side knows the address.
		answer.Remote = response.Request.URL.Host
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyRead))
	if err != nil {
		return probe.Answer{}, httpx.Fault(nil, err, doing+": reading the answer")
	}
	answer.Status, answer.Body = response.StatusCode, shown(body)
	return answer, judge(r, answer, body, doing)
}

func judge(r probe.Request, answer probe.Answer, body []byte, doing string) error {
	want := r.Status
	if want == 0 {
		want = http.StatusOK
	}
	if answer.Status != want {
		return fault.New(fault.Unavailable, "%s: the answer is %d, expected %d: %q", doing, answer.Status, want, answer.Body)
	}
	if !strings.Contains(string(body), r.Contains) {
		return fault.New(fault.Unavailable, "%s: the answer does not contain %q: %q", doing, r.Contains, answer.Body)
	}
	return nil
}

// sameHost follows redirects that stay where they are. Another is the answer itself.
func sameHost(next *http.Request, before []*http.Request) error {
	if next.URL.Host != before[0].URL.Host {
		return http.ErrUseLastResponse
	}
	if len(before) >= maxRedirects {
		return fault.New(fault.Unavailable, "more than %d redirects", maxRedirects)
	}
	return nil
}

// shown is the beginning of a body as a person can read it.
func shown(body []byte) string {
	text := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(body), "?"))
	runes := []rune(strings.TrimSpace(text))
	return string(runes[:min(len(runes), bodyShown)])
}

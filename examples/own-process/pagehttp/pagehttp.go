// Package pagehttp is an integration: a status page that keeps banners as text, each with the key that it was put under.
package pagehttp

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"

	"example.com/own-process/statuspage"
	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/httpx"
)

type page struct {
	URL   string       `yaml:"url"` // https://status.example/banners
	Token secret.Ref   `yaml:"token"`
	HTTP  httpx.Config `yaml:"http,omitempty"`

	client  *http.Client
	secrets secret.Resolver
}

// Integration opens status pages.
func Integration() integrations.Integration {
	return integrations.Integration{Type: "pagehttp", Serves: []string{statuspage.Capability}, Open: open}
}

func open(_ context.Context, env integrations.Environment, sys config.System) (integrations.System, error) {
	p := &page{secrets: env.Secrets}
	if err := sys.Decode(p); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(p.URL, "https://") && !strings.HasPrefix(p.URL, "http://127.0.0.1:") {
		return nil, fault.New(fault.Invalid, "url: expected https: the token would cross the network in clear text")
	}
	p.HTTP.CA = sys.Resolve(p.HTTP.CA)
	var err error
	p.client, err = httpx.New(p.HTTP)
	return p, err
}

func (p *page) Endpoint() string            { return p.URL }
func (p *page) Close(context.Context) error { p.client.CloseIdleConnections(); return nil }

func (p *page) Check(ctx context.Context) error {
	_, err := p.call(ctx, http.MethodHead, statuspage.Banner{})
	return err
}

func (p *page) Find(ctx context.Context, b statuspage.Banner) (statuspage.Banner, error) {
	return p.call(ctx, http.MethodGet, b)
}

func (p *page) Ensure(ctx context.Context, b statuspage.Banner) (statuspage.Banner, error) {
	return p.call(ctx, http.MethodPut, b)
}

func (p *page) Remove(ctx context.Context, b statuspage.Banner) (statuspage.Banner, error) {
	none, err := p.call(ctx, http.MethodDelete, b)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) { // It is gone, or another run's.
		return none, nil
	}
	return none, err
}

func (p *page) call(ctx context.Context, method string, b statuspage.Banner) (statuspage.Banner, error) {
	doing := method + " of banner " + b.Name
	token, err := p.secrets.Resolve(ctx, p.Token)
	if err != nil {
		return b, fault.Wrap(fault.KindOf(err), err, doing)
	}
	address := p.URL + "/" + url.PathEscape(b.Name) + "?key=" + url.QueryEscape(b.Op.Key.String())
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(b.Text))
	if err != nil {
		return b, fault.Wrap(fault.Invalid, err, doing)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(token.Text()))
	answer, err := p.client.Do(r)
	if err := httpx.Fault(answer, err, doing); err != nil {
		return b, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	b.Text = string(text)
	return b, fault.Wrap(fault.Unavailable, err, doing)
}

package http

import (
	"net"
	"net/http"
	"net/url"
	"slices"

	"fermata/integrations/httpx"
)

// proxies says which proxy a request goes through; nil: none.
type proxies func(*http.Request) (*url.URL, error)

// proxiesOf reads Config.Proxy as httpx does, which has checked it.
func proxiesOf(configured string) proxies {
	switch configured {
	case httpx.NoProxy:
		return nil
	case "":
		return http.ProxyFromEnvironment
	}
	return func(*http.Request) (*url.URL, error) { return url.Parse(configured) }
}

// of returns the proxy on the way to target, nil for none.
func (p proxies) of(target *url.URL) *url.URL {
	if p == nil {
		return nil
	}
	proxy, err := p(&http.Request{URL: target})
	if err != nil {
		return nil // The request itself says what is wrong.
	}
	return proxy
}

// addresses are host:port of the proxies that requests to anywhere take.
func (p proxies) addresses() []string {
	var found []string
	for _, scheme := range []string{"http", "https"} {
		proxy := p.of(&url.URL{Scheme: scheme, Host: "probe.invalid"})
		if proxy == nil {
			continue
		}
		port := proxy.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}[proxy.Scheme]
		}
		if at := net.JoinHostPort(proxy.Hostname(), port); !slices.Contains(found, at) {
			found = append(found, at)
		}
	}
	return found
}

// gaveUp reports whether an answer is the proxy's own, which says that it reached nobody (RFC 9110, sections 15.6.3 to
// 15.6.5; some proxies say 503).
func (p proxies) gaveUp(target *url.URL, answer *http.Response) bool {
	if p.of(target) == nil {
		return false
	}
	switch answer.StatusCode {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

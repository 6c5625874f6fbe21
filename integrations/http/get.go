package http

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"fermata/activities/fault"
	"fermata/activities/probe"
	"fermata/integrations/httpx"
)

const (
	bodyRead     = 64 << 10 // What Contains is looked for in.
	bodyShown    = 200      // Characters of Answer.Body.
	maxRedirects = 5
)

// Get asks once. Every request has a connection of its own, as a new user's has: one that is kept would go on to reach
// the server that it was opened to, whatever a load balancer says by now.
func (p *Prober) Get(ctx context.Context, r probe.Request) (probe.Answer, error) {
	target, ok := parse(r.URL)
	if !ok {
		return probe.Answer{}, fault.New(fault.Invalid, "%q cannot be asked: expected http://host/path or https://host/path without a password",
			httpx.Redact(r.URL))
	}
	doing := "asking " + httpx.RedactURL(target)
	seen := &sight{wantsRedirect: r.Status >= 300 && r.Status < 400}
	request, err := http.NewRequestWithContext(p.watched(ctx, seen, target), http.MethodGet, r.URL, nil)
	if err != nil {
		return probe.Answer{}, fault.Wrap(fault.Invalid, err, doing)
	}
	request.Close = true
	request.Header.Set("User-Agent", "fermata-probe")
	response, err := p.client.Do(request)
	if err != nil {
		return probe.Answer{Remote: seen.remote()}, httpx.Fault(nil, err, doing)
	}
	defer response.Body.Close()
	answer := probe.Answer{Status: response.StatusCode, Remote: seen.remote()}
	if answer.Remote == "" && !p.proxy.gaveUp(target, response) { // Only the proxy knows the address.
		answer.Remote = response.Request.URL.Host
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyRead))
	answer.Body = shown(body)
	if err != nil {
		return answer, httpx.Fault(nil, err, doing+": reading the answer")
	}
	return answer, judge(r, answer, body, doing)
}

func parse(text string) (*url.URL, bool) {
	target, err := url.Parse(text)
	if err != nil || target.Hostname() == "" || !spoken(target.Scheme) || target.User != nil {
		return nil, false
	}
	if port := target.Port(); port != "" {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	return target, err == nil
}

func spoken(scheme string) bool { return scheme == "http" || scheme == "https" }

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

// follow goes after redirects that stay where they are. Another is the answer itself.
func follow(next *http.Request, before []*http.Request) error {
	seen, _ := next.Context().Value(sightKey{}).(*sight)
	if next.URL.Host != before[0].URL.Host || !spoken(next.URL.Scheme) || seen != nil && seen.wantsRedirect {
		return http.ErrUseLastResponse
	}
	if len(before) >= maxRedirects {
		return fault.New(fault.Unavailable, "more than %d redirects", maxRedirects)
	}
	return nil
}

// watched is ctx with eyes for who takes the connection. What a proxy's connection shows is the proxy.
func (p *Prober) watched(ctx context.Context, seen *sight, target *url.URL) context.Context {
	ctx = context.WithValue(ctx, sightKey{}, seen)
	if p.pool != nil || p.proxy.of(target) != nil { // The witness looks; or nobody can.
		return ctx
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{ConnectDone: func(_, address string, err error) {
		if err == nil {
			seen.note(address)
		}
	}})
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

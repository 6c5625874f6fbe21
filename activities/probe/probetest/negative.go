package probetest

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/probe"
)

func refusalCases() map[string]func(*testing.T, Way) {
	return map[string]func(*testing.T, Way){
		"another status":               otherStatus,
		"a body without the text":      otherText,
		"text after what is read":      lateText,
		"a redirect to elsewhere":      redirectedAway,
		"a redirect for ever":          redirectedForEver,
		"half a body":                  halfBody,
		"an answer that is not HTTP":   noHTTP,
		"headers without an end":       endlessHeaders,
		"a name that nobody has":       noName,
		"a port that is closed":        refused,
		"a URL that cannot be asked":   badURLs,
		"an ended context asks nobody": endedContext,
		"a way that is gone":           wayIsGone,
	}
}

func securityCases() map[string]func(*testing.T, Way) {
	return map[string]func(*testing.T, Way){
		"https by an unknown authority": func(t *testing.T, way Way) { untrusted(t, way, time.Hour, false, "") },
		"https in another's name":       func(t *testing.T, way Way) { untrusted(t, way, time.Hour, true, "other.test") },
		"https out of date":             func(t *testing.T, way Way) { untrusted(t, way, -time.Hour, true, "") },
		"https where http is spoken":    httpsToHTTP,
		"http where https is spoken":    httpToHTTPS,
	}
}

func silenceCases() map[string]func(*testing.T, Way) {
	return map[string]func(*testing.T, Way){
		"a server that says nothing":       silent,
		"a body that stalls":               stalls,
		"a caller who cannot wait so long": impatient,
	}
}

// refuses asks and expects Unavailable, with what the answer was beside it.
func refuses(t *testing.T, way Way, r probe.Request, text string) probe.Answer {
	t.Helper()
	answer, err := way.Prober(t, nil, patience).Get(t.Context(), r)
	kind(t, fault.Unavailable, err, text)
	require.NotEmpty(t, answer.Remote, "somebody was there")
	return answer
}

func otherStatus(t *testing.T, way Way) {
	s := serve(t, way)
	answer := refuses(t, way, probe.Request{URL: s.URL + "/broken"}, "502, expected 200")
	require.Equal(t, 502, answer.Status)
	require.Equal(t, "no backend", answer.Body)
	refuses(t, way, probe.Request{URL: s.URL + "/healthz", Status: 204}, "200, expected 204")
	refuses(t, way, probe.Request{URL: s.URL + "/missing", Contains: "nothing here"}, "404, expected 200")
}

func otherText(t *testing.T, way Way) {
	refuses(t, way, probe.Request{URL: serve(t, way).URL + "/healthz", Contains: "web-02"}, `"web-02"`)
}

func lateText(t *testing.T, way Way) {
	refuses(t, way, probe.Request{URL: serve(t, way).URL + "/late", Contains: "late"}, `"late"`)
}

func redirectedAway(t *testing.T, way Way) {
	s, other := serve(t, way), serve(t, way)
	refuses(t, way, probe.Request{URL: s.URL + "/to?url=" + url.QueryEscape(other.URL+"/healthz")}, "302, expected 200")
	require.Zero(t, other.connections.Load(), "nobody asked there")
}

func redirectedForEver(t *testing.T, way Way) {
	refuses(t, way, probe.Request{URL: serve(t, way).URL + "/loop"}, "redirect")
}

func halfBody(t *testing.T, way Way) {
	refuses(t, way, probe.Request{URL: serve(t, way).URL + "/half", Contains: "half"}, "EOF")
}

func noHTTP(t *testing.T, way Way) {
	refuses(t, way, probe.Request{URL: "http://" + say(t, way, "220 mail.estate.test ESMTP\r\n\r\n") + "/"}, "")
}

func endlessHeaders(t *testing.T, way Way) {
	refuses(t, way, probe.Request{URL: "http://" + say(t, way, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: y\r\n", 100_000)) + "/"}, "")
}

func noName(t *testing.T, way Way) {
	answer, err := way.Prober(t, nil, 5*time.Second).Get(t.Context(), probe.Request{URL: "http://nobody.invalid/"})
	kind(t, fault.Unavailable, err, "nobody.invalid")
	require.Empty(t, answer.Remote)
}

func refused(t *testing.T, way Way) {
	at := closed(t, way)
	answer, err := way.Prober(t, nil, patience).Get(t.Context(), probe.Request{URL: "http://" + at + "/"})
	kind(t, fault.Unavailable, err, at)
	require.Empty(t, answer.Remote)
}

func badURLs(t *testing.T, way Way) {
	p := way.Prober(t, nil, patience)
	for _, u := range []string{
		"", "/healthz", "www.example", "ftp://x/", "file:///etc/passwd", "http://", "https:///x", "http://:80/", "http://a b/",
		"http://host:port/", "http://me:SECRETpw@host/", "http://SECRETpw@host/", "http://host/\nX: y", "http://host:70000/",
	} {
		_, err := p.Get(t.Context(), probe.Request{URL: u})
		kind(t, fault.Invalid, err, "")
		require.NotContains(t, err.Error(), "SECRET")
	}
}

func endedContext(t *testing.T, way Way) {
	s, p := serve(t, way), way.Prober(t, nil, patience)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Get(ctx, probe.Request{URL: s.URL + "/healthz"})
	kind(t, fault.Unavailable, err, "")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, s.connections.Load())
}

func wayIsGone(t *testing.T, way Way) {
	if way.Break == nil {
		return
	}
	s, p := serve(t, way), way.Prober(t, nil, 5*time.Second)
	way.Break(t)
	kind(t, fault.Unavailable, p.Check(t.Context()), "")
	answer, err := p.Get(t.Context(), probe.Request{URL: s.URL + "/healthz"})
	kind(t, fault.Unavailable, err, "")
	require.Empty(t, answer.Remote)
}

func untrusted(t *testing.T, way Way, valid time.Duration, known bool, name string) {
	listener := way.Listen(t)
	if name == "" {
		name = host(listener)
	}
	security, authority := secured(t, time.Now().Add(valid), name)
	if !known {
		authority = nil
	}
	s := server(t, listener, pages(), security)
	s.StartTLS()
	_, err := way.Prober(t, authority, patience).Get(t.Context(), probe.Request{URL: s.URL + "/healthz"})
	kind(t, fault.Unauthorized, err, "certificate")
}

func httpsToHTTP(t *testing.T, way Way) {
	refuses(t, way, probe.Request{URL: "https://" + serve(t, way).Listener.Addr().String() + "/healthz"}, "")
}

func httpToHTTPS(t *testing.T, way Way) {
	listener := way.Listen(t)
	security, _ := secured(t, time.Now().Add(time.Hour), host(listener))
	server(t, listener, pages(), security).StartTLS()
	refuses(t, way, probe.Request{URL: "http://" + listener.Addr().String() + "/healthz"}, "400")
}

func silent(t *testing.T, way Way) {
	answer, err := way.Prober(t, nil, reached).Get(t.Context(), probe.Request{URL: "http://" + say(t, way, "") + "/"})
	kind(t, fault.Unavailable, err, "")
	require.Zero(t, answer.Status)
	require.NotEmpty(t, answer.Remote, "somebody took the connection")
}

func stalls(t *testing.T, way Way) {
	s := serve(t, way)
	_, err := way.Prober(t, nil, 200*time.Millisecond).Get(t.Context(), probe.Request{URL: s.URL + "/stalls", Contains: "rest"})
	kind(t, fault.Unavailable, err, "")
}

func impatient(t *testing.T, way Way) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := way.Prober(t, nil, patience).Get(ctx, probe.Request{URL: "http://" + say(t, way, "") + "/"})
	kind(t, fault.Unavailable, err, "")
	require.Error(t, ctx.Err(), "it ended with its caller")
}

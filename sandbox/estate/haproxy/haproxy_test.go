package haproxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/sandbox/estate/faults"
)

const config = `global
    stats socket 10.10.0.5:9999 level admin
    stats socket 10.10.0.5:9998 level operator
defaults
    mode http
frontend in
    bind 10.10.0.5:80
    default_backend web
backend web
    option httpchk GET /healthz
    server old 127.0.0.1:9 check disabled
backend other
`

func start(t *testing.T, f *faults.Faults) (*Balancer, *atomic.Value) {
	t.Helper()
	var text atomic.Value
	text.Store(config)
	listen := func(string) (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
	b, err := Start(Options{
		ReadConfig: func() ([]File, error) { return []File{{"h.cfg", []byte(text.Load().(string))}}, nil },
		Dial: func(ctx context.Context, at string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", at)
		},
		ListenFrontend: listen, ListenSocket: listen, CheckInterval: 5 * time.Millisecond, Faults: f,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b, &text
}

func answering(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// The answers are those of HAProxy 2.6.12, taken down from the real one.
func TestSocketSpeaksAsTheRealOne(t *testing.T) {
	t.Parallel()
	b, _ := start(t, nil)
	for _, step := range []struct{ command, answer string }{
		{"add server web/n1 127.0.0.1:18090 check weight 10", "New server registered.\n\n"},
		{"add server web/n1 127.0.0.1:18090", "Already exists a server with the same name in backend.\n\n"},
		{"add server nope/n1 127.0.0.1:1", "No such backend.\n"},
		{"add server web/n2", "'server' expects <name> and <addr>[:<port>] as arguments.\n\n"},
		{"add server web/n2 foo bar", "unknown keyword 'bar'.\n\n"},
		{"add server web/n2 1.2.3.4:80 weight 300", "weight of server n2 is not within 0 and 256 (300)..\n\n"},
		{"add server web/n2 1.2.3.4:99999", "invalid port '99999'\n\n"},
		{"add server web/n@ 1.2.3.4:80", "character '@' is not permitted in server name 'n@'.\n\n"},
		{"add server web", "Require 'backend/server'.\n"},
		{"add server web/k1 1.2.3.4:80 id 2000000001", "New server registered.\n\n"},
		{"add server web/k2 1.2.3.4:80 id 2000000001", "'id' : custom id 2000000001 already used at (null):0 ('server k1').\n\n"},
		{"set server web/n1 state foo", "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n"},
		{"set server web/n1 state ready", "\n"},
		{"set server web/zz state ready", "No such server.\n\n"},
		{"set server nope/zz state ready", "No such backend.\n\n"},
		{"set server web/n1 weight 300", "Absolute weight can only be between 0 and 256 inclusive.\n\n"},
		{"get weight web/n1", "10 (initial 10)\n\n"},
		{"del server web/n1", "Only servers in maintenance mode can be deleted.\n"},
		{"set server web/n1 state maint", "\n"},
		{"del server web/n1", "Server deleted.\n"},
		{"del server web/n1", "No such server.\n"},
		{"show servers state nope", "Can't find backend.\n\n"},
		{"show stat nope 4 -1", "No such proxy.\n\n"},
		{"show backend", "# name\nweb\nother\n\n"},
	} {
		require.Equal(t, step.answer, b.Do(step.command), step.command)
	}
	answer, _ := b.execute("add server web/n9 127.0.0.1:1", "operator")
	require.Equal(t, "Permission denied\n\n", answer)
	require.Contains(t, b.Do("foo"), "Unknown command")
}

func get(t *testing.T, b *Balancer) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+b.FrontendAddress("10.10.0.5:80")+"/", nil)
	require.NoError(t, err)
	response, err := client.Do(req)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

func TestTrafficFollowsTheWeightsOfReadyServers(t *testing.T) {
	t.Parallel()
	b, _ := start(t, nil)
	code, body := get(t, b)
	require.Equal(t, http.StatusServiceUnavailable, code)
	require.Contains(t, body, "No server is available")
	b.Do("add server web/a " + answering(t, "a") + " check weight 30")
	b.Do("add server web/b " + answering(t, "b") + " check weight 10")
	b.Do("enable health web/a")
	b.Do("enable health web/b")
	code, _ = get(t, b)
	require.Equal(t, http.StatusServiceUnavailable, code, "a server that was just added is in maintenance")
	b.Do("set server web/a state ready")
	b.Do("set server web/b state ready")
	seen := map[string]int{}
	for range 40 {
		_, body := get(t, b)
		seen[body]++
	}
	require.Equal(t, map[string]int{"a": 30, "b": 10}, seen)
	b.Do("set server web/a state drain")
	_, body = get(t, b)
	require.Equal(t, "b", body)
}

func TestReloadForgetsTheRuntimeAndKeepsABadFileOut(t *testing.T) {
	t.Parallel()
	b, text := start(t, nil)
	b.Do("add server web/a " + answering(t, "a") + " check")
	socket := b.SocketAddress("10.10.0.5:9999")
	text.Store(config + "    bogus\n")
	require.ErrorContains(t, b.Reload(), "parsing [h.cfg:13] : unknown keyword 'bogus' in 'backend' section")
	require.Contains(t, b.Do("show servers state web"), " a ", "a refused reload changes nothing")
	text.Store(config)
	require.NoError(t, b.Reload())
	require.NotContains(t, b.Do("show servers state web"), " a ")
	require.Equal(t, socket, b.SocketAddress("10.10.0.5:9999"), "it goes on listening")
}

func TestFaultsOfTheSocket(t *testing.T) {
	t.Parallel()
	f := &faults.Faults{}
	b, _ := start(t, f)
	say := func(line string) string {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.SocketAddress("10.10.0.5:9999"))
		require.NoError(t, err)
		defer c.Close()
		_, err = io.WriteString(c, line+"\n")
		require.NoError(t, err)
		answer, _ := io.ReadAll(bufio.NewReader(c))
		return string(answer)
	}
	f.LoseNext(1)
	require.Empty(t, say("add server web/a 127.0.0.1:1"))
	require.Contains(t, b.Do("show servers state web"), " a ", "it was carried out")
	f.FailNext(1)
	require.Empty(t, say("add server web/b 127.0.0.1:1"))
	require.NotContains(t, b.Do("show servers state web"), " b ")
	f.SetDown(true)
	require.Empty(t, say("show info"))
	f.SetDown(false)
	require.Contains(t, say("show cli level; show backend"), "admin\n\n# name")
}

func TestCheckSpeaksAsTheRealOne(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		exit int
		says string
	}{
		"good":         {config, 0, "Configuration file is valid\n"},
		"empty":        {"", 2, "Configuration file has no error but will not start (no listener) => exit(2)."},
		"global":       {"global\n  foo bar\n", 1, "config : parsing [x.cfg:2] : unknown keyword 'foo' in 'global' section"},
		"server":       {"backend web\n server b 1.2.3.4:80 weighty 10\n", 1, "config : [x.cfg:2] : 'server web/b' : unknown keyword 'weighty'"},
		"same id":      {"backend web\n server a 1.2.3.4:80 id 7\n server c 1.2.3.4:80 id 7\n", 1, "config : [x.cfg:3] : 'server web/c' : 'id' : custom id 7 already used at x.cfg:2 ('server a')."},
		"same name":    {"backend web\n server a 1.2.3.4:80\n server a 1.2.3.4:81\n", 1, "another server named 'a' was already defined at line 2, please use distinct names."},
		"same backend": {"backend web\nbackend web\n", 1, "Parsing [x.cfg:2]: backend 'web' has the same name as backend 'web' declared at x.cfg:1."},
		"no LF":        {"backend web\n mode http", 1, "config : parsing [x.cfg:2]: Missing LF on last line"},
		"no backend":   {"frontend f\n bind :80\n default_backend none\n", 1, "config : Proxy 'f': unable to find required default_backend: 'none'."},
		"weight":       {"backend web\n server c 1.2.3.4 weight 999\n", 1, "weight of server c is not within 0 and 256 (999).."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, exit := Check("x.cfg", []byte(c.text))
			require.Equal(t, c.exit, exit, output)
			require.Contains(t, output, c.says)
		})
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	read := func(name string) ([]byte, error) {
		if name != "/etc/h.cfg" {
			return nil, io.EOF
		}
		return []byte(config), nil
	}
	var out, errs strings.Builder
	require.Zero(t, Command([]string{"-c", "-f", "/etc/h.cfg"}, read, &out, &errs))
	require.Equal(t, "Configuration file is valid\n", out.String())
	require.Equal(t, 1, Command([]string{"-c", "-f", "/nope"}, read, &out, &errs))
	require.Contains(t, errs.String(), "Cannot open configuration file/directory /nope")
	require.Equal(t, 1, Command([]string{"-db"}, read, &out, &errs))
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(config))
	f.Fuzz(func(_ *testing.T, data []byte) { Check("x", data) })
}

package nameserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/dns"
	"fermata/activities/dns/dnstest"
	"fermata/activities/operation"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
	"fermata/integrations/powerdns"
	"fermata/integrations/rfc2136"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/nameserver"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(nameserver.Packages()))) }

// TestBIND runs the suite against BIND, by dynamic updates.
func TestBIND(t *testing.T) {
	t.Parallel()
	host.Require(t)
	dnstest.Run(t, dnstest.Bench{Open: func(t *testing.T) dnstest.System {
		t.Helper()
		return byUpdate(setup(t, nameserver.StartBIND))
	}})
}

// TestPowerDNSByUpdate runs it against PowerDNS, by dynamic updates.
func TestPowerDNSByUpdate(t *testing.T) {
	t.Parallel()
	host.Require(t)
	dnstest.Run(t, dnstest.Bench{Open: func(t *testing.T) dnstest.System {
		t.Helper()
		return byUpdate(setup(t, nameserver.StartPowerDNS))
	}})
}

// TestPowerDNS runs it against PowerDNS, by its API.
func TestPowerDNS(t *testing.T) {
	t.Parallel()
	host.Require(t)
	dnstest.Run(t, dnstest.Bench{Open: func(t *testing.T) dnstest.System {
		t.Helper()
		return byAPI(t, setup(t, nameserver.StartPowerDNS))
	}})
}

// TestDigSeesWhatWasPublished asks with a program that shares nothing with the driver or the suite.
func TestDigSeesWhatWasPublished(t *testing.T) {
	t.Parallel()
	host.Require(t)
	server := setup(t, nameserver.StartBIND)
	op := operation.Op{Owner: "server/web-01", Key: operation.Key{Run: "01JRUNA", Step: "name", Target: "web-01"}}
	driver := update(server, nameserver.Key, server.Secret(nameserver.Key))(t)
	for _, r := range []dns.Record{
		{Zone: nameserver.Zone, Name: "web-01." + nameserver.Zone, Type: dns.A, Value: "10.20.0.11", TTL: 300},
		{Zone: nameserver.Reverse, Name: "11.0." + nameserver.Reverse, Type: dns.PTR, Value: "web-01." + nameserver.Zone, TTL: 300},
	} {
		_, err := driver.EnsureRecord(t.Context(), op, r, &operation.Memory{})
		require.NoError(t, err)
	}
	for want, args := range map[string][]string{
		"10.20.0.11\n":          {"+short", "web-01.estate.test", "A"},
		"web-01.estate.test.\n": {"+short", "-x", "10.20.0.11"},
		"\"owner=server/web-01\" \"key=01JRUNA/name/web-01\" \"value=10.20.0.11\"\n": {"+short", "_fermata-a.web-01.estate.test", "TXT"},
	} {
		out, err := server.Dig(t.Context(), args...)
		require.NoError(t, err)
		require.Equal(t, want, out)
	}
}

func setup(t *testing.T, start func(context.Context, string) (*nameserver.Server, error)) *nameserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	server, err := start(ctx, host.Folder(t))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, server.Stop())
		if t.Failed() {
			t.Log(server.Log())
		}
	})
	return server
}

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

func update(server *nameserver.Server, name, key string) func(t *testing.T) dns.Nameserver {
	return func(t *testing.T) dns.Nameserver {
		t.Helper()
		d, err := rfc2136.New(rfc2136.Config{
			Address: server.Behind, Nameserver: server.Address, Key: rfc2136.TSIG{Name: name, Secret: "secret://test/key"},
		}, secrets{"key": key})
		require.NoError(t, err)
		return d
	}
}

func byUpdate(server *nameserver.Server) dnstest.System {
	wrong := nameserver.NewSecret()
	s := common(server)
	s.Driver = update(server, nameserver.Key, server.Secret(nameserver.Key))
	s.Denied, s.Secret = update(server, nameserver.Key, wrong), wrong
	s.Weak = update(server, nameserver.Stranger, server.Secret(nameserver.Stranger))
	s.Atomic = true
	s.Set = func(t *testing.T, name, kind string, contents ...string) {
		t.Helper()
		require.NoError(t, server.Set(t.Context(), name, kind, contents...))
	}
	s.Mark = func(t *testing.T, name string, kind dns.Type) string {
		t.Helper()
		out, err := server.Dig(t.Context(), "+short", "_fermata-"+strings.ToLower(string(kind))+"."+name, "TXT")
		require.NoError(t, err)
		return out
	}
	return s
}

func common(server *nameserver.Server) dnstest.System {
	return dnstest.System{
		Zone: nameserver.Zone, Reverse: nameserver.Reverse, Reverse6: nameserver.Reverse6, Unserved: nameserver.Unserved,
		Nameserver: server.Address, Lose: server.Faults.LoseNext, Down: server.Faults.SetDown,
		Dump: func(t *testing.T) string {
			t.Helper()
			text, err := server.Dump(t.Context())
			require.NoError(t, err)
			return text
		},
	}
}

// readKey may read only: PowerDNS has one key, a proxy before it can have more.
const readKey = "read-only-read-only"

func byAPI(t *testing.T, server *nameserver.Server) dnstest.System {
	t.Helper()
	front := newFront(t, server)
	wrong := nameserver.NewSecret()
	driver := func(key string) func(t *testing.T) dns.Nameserver {
		return func(t *testing.T) dns.Nameserver {
			t.Helper()
			c := powerdns.DefaultConfig()
			c.URL, c.Key, c.Nameserver, c.HTTP.Proxy = front, "secret://test/key", server.Address, httpx.NoProxy
			d, err := powerdns.New(c, secrets{"key": key})
			require.NoError(t, err)
			t.Cleanup(func() { _ = d.Close(context.Background()) })
			return d
		}
	}
	s := common(server)
	s.Driver, s.Denied, s.Weak, s.Secret = driver(server.APIKey), driver(wrong), driver(readKey), wrong
	s.Set = func(t *testing.T, name, kind string, contents ...string) {
		t.Helper()
		patch(t, server, name, kind, contents)
	}
	s.Mark = func(t *testing.T, name string, kind dns.Type) string {
		t.Helper()
		out, err := server.Query(t.Context(), fmt.Sprintf("SELECT comment FROM comments WHERE name = '%s' AND type = '%s';", name, kind))
		require.NoError(t, err)
		return out
	}
	s.Dump = func(t *testing.T) string {
		t.Helper()
		out, err := server.Query(t.Context(), `SELECT name, type, ttl, content, disabled FROM records WHERE type IS NOT NULL AND type != 'SOA'
			UNION ALL SELECT name, type, account, comment, '' FROM comments ORDER BY 1, 2, 4;`)
		require.NoError(t, err)
		return out
	}
	return s
}

// patch changes records by the API without a driver; comments stay.
func patch(t *testing.T, server *nameserver.Server, name, kind string, contents []string) {
	t.Helper()
	zone := nameserver.Zone
	if strings.HasSuffix(name, nameserver.Reverse) {
		zone = nameserver.Reverse
	}
	records := []map[string]any{}
	for _, content := range contents {
		records = append(records, map[string]any{"content": content, "disabled": false})
	}
	body, err := json.Marshal(map[string]any{"rrsets": []map[string]any{
		{"name": name + ".", "type": kind, "ttl": 300, "changetype": "REPLACE", "records": records},
	}})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, server.API+"/api/v1/servers/localhost/zones/"+zone+".", bytes.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("X-API-Key", server.APIKey)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	require.Equal(t, http.StatusNoContent, resp.StatusCode, string(text))
}

// newFront stands before the API, makes it misbehave, and lets a second key read.
func newFront(t *testing.T, server *nameserver.Server) string {
	t.Helper()
	target, err := url.Parse(server.API)
	require.NoError(t, err)
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		if r.In.Header.Get("X-API-Key") == readKey {
			r.Out.Header.Set("X-API-Key", server.APIKey)
		}
	}}
	pass.ModifyResponse = func(answer *http.Response) error {
		if answer.Request.Method != http.MethodGet && answer.StatusCode < 300 && server.Faults.Lose() {
			panic(http.ErrAbortHandler) // The change is made; the connection is closed without an answer.
		}
		return nil
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case server.Faults.Refuse(r.Context()):
			http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
		case r.Header.Get("X-API-Key") == readKey && r.Method != http.MethodGet:
			http.Error(w, "Forbidden", http.StatusForbidden)
		default:
			pass.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(front.Close)
	return front.URL
}

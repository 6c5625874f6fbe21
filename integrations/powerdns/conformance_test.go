package powerdns_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/dns"
	"fermata/activities/dns/dnstest"
	"fermata/activities/secret"
	"fermata/integrations/httpx"
	"fermata/integrations/powerdns"
	"fermata/sandbox/estate/faults"
	emulator "fermata/sandbox/estate/powerdns"
)

const (
	goodKey  = "correct-horse-battery"
	readKey  = "read-only-read-only"
	wrongKey = "not-the-key-at-all"
)

// secrets resolves secret://test/NAME.
type secrets map[string]string

func (s secrets) Resolve(_ context.Context, ref secret.Ref) (secret.Value, error) {
	_, name, err := ref.Parse()
	return secret.NewValue([]byte(s[name] + "\n")), err
}

type bench struct {
	server *emulator.Server
	faults *faults.Faults
}

func setup(t *testing.T) bench {
	t.Helper()
	b := bench{faults: &faults.Faults{}}
	var err error
	b.server, err = emulator.Start(emulator.Options{
		Folder: t.TempDir(), APIKey: goodKey, ReadKey: readKey, Faults: b.faults,
		Zones: []string{"estate.test", "20.10.in-addr.arpa", "0.2.0.0.0.0.d.f.ip6.arpa"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.server.Close() })
	return b
}

func (b bench) config() powerdns.Config {
	c := powerdns.DefaultConfig()
	c.URL, c.Nameserver, c.Key, c.Timeout = b.server.URL(), b.server.Nameserver(), "secret://test/key", time.Second
	c.HTTP.Proxy = httpx.NoProxy
	return c
}

func (b bench) driver(key string) func(t *testing.T) dns.Nameserver {
	return func(t *testing.T) dns.Nameserver {
		t.Helper()
		d, err := powerdns.New(b.config(), secrets{"key": key})
		require.NoError(t, err)
		t.Cleanup(func() { _ = d.Close(context.Background()) })
		return d
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	dnstest.Run(t, dnstest.Bench{Open: func(t *testing.T) dnstest.System {
		t.Helper()
		b := setup(t)
		return dnstest.System{
			Driver: b.driver(goodKey), Denied: b.driver(wrongKey), Weak: b.driver(readKey), Secret: wrongKey,
			Zone: "estate.test", Reverse: "20.10.in-addr.arpa", Reverse6: "0.2.0.0.0.0.d.f.ip6.arpa", Unserved: "other.test",
			Nameserver: b.server.Nameserver(),
			Set: func(t *testing.T, name, kind string, contents ...string) {
				t.Helper()
				require.NoError(t, b.server.Set(name, kind, 300, contents...))
			},
			Mark: func(_ *testing.T, name string, kind dns.Type) string {
				return strings.Join(b.server.Comments(name, string(kind)), "\n")
			},
			Dump: func(*testing.T) string { return b.server.Dump() },
			Lose: b.faults.LoseNext, Down: b.faults.SetDown,
		}
	}})
}

func record() dns.Record {
	return dns.Record{Zone: "estate.test", Name: "web-01.estate.test", Type: dns.A, Value: "10.20.0.11", TTL: 300}
}

package rfc2136_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/dns"
	"fermata/activities/dns/dnstest"
	"fermata/activities/secret"
	"fermata/integrations/rfc2136"
	"fermata/sandbox/estate/faults"
	emulator "fermata/sandbox/estate/powerdns"
)

const (
	goodKey  = "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ=="
	weakKey  = "YW5vdGhlci1ob3JzZS1iYXR0ZXJ5LXN0YXBsZQ=="
	wrongKey = "bm90LXRoZS1ob3JzZS1iYXR0ZXJ5LXN0YXBsZSE="
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
		Folder: t.TempDir(), APIKey: "not-used-here", Faults: b.faults,
		Keys: map[string]string{"fermata": goodKey}, Strangers: map[string]string{"stranger": weakKey},
		Zones: []string{"estate.test", "20.10.in-addr.arpa", "0.2.0.0.0.0.d.f.ip6.arpa"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.server.Close() })
	return b
}

func (b bench) config(key string) rfc2136.Config {
	return rfc2136.Config{Address: b.server.Nameserver(), Timeout: time.Second, Key: rfc2136.TSIG{Name: key, Secret: "secret://test/key"}}
}

func (b bench) driver(name, key string) func(t *testing.T) dns.Nameserver {
	return func(t *testing.T) dns.Nameserver {
		t.Helper()
		d, err := rfc2136.New(b.config(name), secrets{"key": key})
		require.NoError(t, err)
		return d
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	dnstest.Run(t, dnstest.Bench{Open: func(t *testing.T) dnstest.System {
		t.Helper()
		b := setup(t)
		return dnstest.System{
			Driver: b.driver("fermata", goodKey), Denied: b.driver("fermata", wrongKey), Weak: b.driver("stranger", weakKey), Secret: wrongKey, Atomic: true,
			Zone: "estate.test", Reverse: "20.10.in-addr.arpa", Reverse6: "0.2.0.0.0.0.d.f.ip6.arpa", Unserved: "other.test",
			Nameserver: b.server.Nameserver(),
			Set: func(t *testing.T, name, kind string, contents ...string) {
				t.Helper()
				require.NoError(t, b.server.Set(name, kind, 300, contents...))
			},
			Mark: func(_ *testing.T, name string, kind dns.Type) string {
				var lines []string
				for line := range strings.Lines(b.server.Dump()) {
					if strings.HasPrefix(line, "_fermata-"+strings.ToLower(string(kind))+"."+name+". ") {
						lines = append(lines, line)
					}
				}
				return strings.Join(lines, "")
			},
			Dump: func(*testing.T) string { return b.server.Dump() },
			Lose: b.faults.LoseNext, Down: b.faults.SetDown,
		}
	}})
}

func record() dns.Record {
	return dns.Record{Zone: "estate.test", Name: "web-01.estate.test", Type: dns.A, Value: "10.20.0.11", TTL: 300}
}

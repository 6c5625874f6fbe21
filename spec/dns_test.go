package spec_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

func TestReverseNamesAndZones(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"10.20.0.11/24":        {"11.0.20.10.in-addr.arpa", "0.20.10.in-addr.arpa"},
		"10.20.0.11/20":        {"11.0.20.10.in-addr.arpa", "20.10.in-addr.arpa"},
		"10.20.0.11/16":        {"11.0.20.10.in-addr.arpa", "20.10.in-addr.arpa"},
		"10.20.0.11/26":        {"11.0.20.10.in-addr.arpa", "0.20.10.in-addr.arpa"},
		"10.20.0.11/32":        {"11.0.20.10.in-addr.arpa", "0.20.10.in-addr.arpa"},
		"10.20.0.11/4":         {"11.0.20.10.in-addr.arpa", "10.in-addr.arpa"},
		"2001:db8::1/64":       {"1." + strings.Repeat("0.", 23) + "8.b.d.0.1.0.0.2.ip6.arpa", strings.Repeat("0.", 8) + "8.b.d.0.1.0.0.2.ip6.arpa"},
		"2001:db8:abcd::1f/48": {"f.1." + strings.Repeat("0.", 18) + "d.c.b.a.8.b.d.0.1.0.0.2.ip6.arpa", "d.c.b.a.8.b.d.0.1.0.0.2.ip6.arpa"},
	} {
		prefix := netip.MustParsePrefix(text)
		zone := spec.ReverseZone(prefix)
		require.Equal(t, want, [2]string{spec.ReverseName(prefix.Addr(), zone), zone}, text)
	}
	// RFC 2317, section 4.
	addr := netip.MustParseAddr("10.20.0.11")
	require.Equal(t, "11.0/26.0.20.10.in-addr.arpa", spec.ReverseName(addr, "0/26.0.20.10.in-addr.arpa"))
	require.Equal(t, "11.0-63.0.20.10.in-addr.arpa", spec.ReverseName(addr, "0-63.0.20.10.in-addr.arpa"))
	require.Equal(t, "11.0.20.10.in-addr.arpa", spec.ReverseName(addr, "0/26.1.20.10.in-addr.arpa"))
}

func parsed(t *testing.T, changes ...string) *spec.Server {
	t.Helper()
	s, err := spec.Parse("f", []byte(strings.NewReplacer(changes...).Replace(full)))
	require.NoError(t, err)
	s.ApplyDefaults()
	return s
}

const dnsSection = "  dns:\n    zone: estate.test\n    ttl: 10m\n    reverseZone: 20.10.in-addr.arpa\n"

func TestDNSDefaults(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	s := parsed(t, dnsSection, "  dns: {}\n")
	require.Equal(t, spec.DNS{Zone: "estate.test", TTL: spec.Duration(5 * time.Minute), Reverse: &yes, ReverseZone: "0.20.10.in-addr.arpa"}, *s.Spec.DNS)
	require.Equal(t, "web-01.estate.test", s.FQDN())
	s = parsed(t, dnsSection, "  dns: {reverse: false}\n")
	require.Equal(t, spec.DNS{Zone: "estate.test", TTL: spec.Duration(5 * time.Minute), Reverse: &no}, *s.Spec.DNS)
	s = parsed(t, "domain: estate.test", "domain: berlin.estate.test")
	require.Equal(t, "web-01.berlin.estate.test", s.FQDN())
	require.Equal(t, "estate.test", s.Spec.DNS.Zone, "the zone may be above the domain")
	s = parsed(t, "    domain: estate.test\n", "")
	require.Equal(t, "web-01.estate.test", s.FQDN(), "the zone stands for the domain")
	s = parsed(t, dnsSection, "")
	require.Nil(t, s.Spec.DNS)
}

func TestAServerOfARangeLeavesOpenWhatTheRangeTells(t *testing.T) {
	t.Parallel()
	s := parsed(t, "address: 10.20.0.11/24", "range: servers", "    gateway: 10.20.0.1\n", "", "    domain: estate.test\n", "", dnsSection, "  dns: {}\n")
	require.Equal(t, "servers", s.Spec.Network.Range)
	require.Empty(t, s.Spec.Network.Address+s.Spec.DNS.Zone+s.Spec.DNS.ReverseZone+s.FQDN())
}

func TestANameNeedsAZone(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("    domain: estate.test\n", "", dnsSection, "  dns: {}\n").Replace(full)
	_, err := spec.Parse("f", []byte(text))
	require.ErrorContains(t, err, "spec.dns.zone: expected a zone, found none, and no spec.network.domain to take it from")
}

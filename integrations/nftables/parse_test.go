package nftables

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/firewall"
	"fermata/activities/operation"
)

// listing is an answer of the real nft 1.0.6.
const listing = `{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}, {"chain": {"family": "inet", "table": "filter", "name": "fermata", "handle": 1}}, {"rule": {"family": "inet", "table": "filter", "chain": "fermata", "handle": 7, "comment": "fermata 01J/firewall/web-01 server/web-01 app", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "10.0.0.0", "len": 8}}}}, {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "10.20.0.11"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 8080}}, {"accept": null}]}}, {"rule": {"family": "inet", "table": "filter", "chain": "fermata", "handle": 9, "comment": "fermata a/b/c o d", "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"set": [{"range": ["10.1.0.0", "10.1.2.255"]}, "192.168.1.7"]}}}, {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "10.20.0.11"}}, {"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 53}}, {"counter": {"packets": 0, "bytes": 0}}, {"accept": null}]}}, {"rule": {"family": "inet", "table": "filter", "chain": "fermata", "handle": 13, "expr": [{"jump": {"target": "x"}}]}}]}`

func TestParseKernel(t *testing.T) {
	t.Parallel()
	rules, err := parseKernel([]byte(listing))
	require.NoError(t, err)
	require.Len(t, rules, 2, "a rule without the comment is not ours")
	require.Equal(t, `ip saddr 10.0.0.0/8 ip daddr 10.20.0.11 tcp dport 8080 accept comment "fermata 01J/firewall/web-01 server/web-01 app"`, rules[0].text())
	require.Empty(t, rules[0].odd)
	require.NotEmpty(t, rules[1].odd, "a counter is not of our form")
	require.Equal(t, "[10.1.0.0/23 10.1.2.0/24 192.168.1.7/32]", sprint(firewall.Canonical(rules[1].sources)))
	_, err = parseKernel([]byte(`{}`))
	require.Error(t, err)
	reached, err := jumps([]byte(listing), "x")
	require.NoError(t, err)
	require.True(t, reached)
}

func sprint(list []netip.Prefix) string {
	text := "["
	for i, p := range list {
		if i > 0 {
			text += " "
		}
		text += p.String()
	}
	return text + "]"
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"10.0.0.0/24 10.0.1.0/24":                          "[10.0.0.0/23]",
		"10.0.1.0/24 10.0.2.0/24":                          "[10.0.1.0/24 10.0.2.0/24]",
		"10.0.0.0/8 10.1.0.0/16":                           "[10.0.0.0/8]",
		"0.0.0.0/1 128.0.0.0/1":                            "[0.0.0.0/0]",
		"10.0.0.0/25 10.0.0.128/26 10.0.0.192/26":          "[10.0.0.0/24]",
		"255.255.255.255/32 255.255.255.254/32 1.2.3.4/32": "[1.2.3.4/32 255.255.255.254/31]",
		"2001:db8::1/128 2001:db8::/128 2001:db8::/128":    "[2001:db8::/127]",
	} {
		require.Equal(t, want, sprint(firewall.Canonical(prefixes(from))), from)
	}
	require.Equal(t, "[255.255.255.254/31]", sprint(fromRange(netip.MustParseAddr("255.255.255.254"), netip.MustParseAddr("255.255.255.255"))))
}

func prefixes(text string) []netip.Prefix {
	var list []netip.Prefix
	start := 0
	for i := 0; i <= len(text); i++ {
		if i == len(text) || text[i] == ' ' {
			list = append(list, netip.MustParsePrefix(text[start:i]))
			start = i + 1
		}
	}
	return list
}

func FuzzParseKernel(f *testing.F) {
	f.Add([]byte(listing))
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := parseKernel(data)
		if err != nil {
			return
		}
		for _, l := range rules {
			if l.odd != "" || !l.destination.IsValid() || l.destination.Zone() != "" {
				continue
			}
			if r, ok := readLine(l.text()); ok {
				require.True(t, r.is(l.rule))
			}
		}
	})
}

func FuzzParseSaved(f *testing.F) {
	fw := New(Config{}, nil)
	f.Add([]byte(header + "table inet filter {\n\tchain fermata {\n\t\tip saddr { 10.0.0.0/8, 192.168.0.0/16 } ip daddr 1.2.3.4 tcp dport 1 accept comment \"fermata a/b/c o n\"\n\t}\n}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		rules, err := fw.parseSaved(data)
		if err != nil {
			return
		}
		again, err := fw.parseSaved(fw.render(rules))
		require.NoError(t, err)
		require.Equal(t, rules, again)
	})
}

func TestOpName(t *testing.T) {
	t.Parallel()
	op := operation.Op{Key: operation.Key{Run: "01JABCDEFGHJKMNPQRSTVWXYZ0", Step: "firewall", Target: "web-01"}, Owner: "server/web-01"}
	require.Less(t, len(rule{key: op.Key.String(), owner: string(op.Owner), name: "application"}.comment()), CommentLimit)
}

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/config"
)

const withRanges = `apiVersion: fermata/v1
kind: Installation
metadata: {name: a}
spec:
  temporal: {address: "t:7233"}
  encryption: {active: k1, keys: [{id: k1, secret: secret://file/k1}]}
  decisions: {allowedSigners: allowed_signers}
  secrets: {file: {folder: secrets}}
  records: {folder: records}
  ranges:
    - name: servers
      site: berlin
      prefix: 10.20.0.0/24
      first: 10.20.0.100
      last: 10.20.0.199
      exclude: [10.20.0.110, 10.20.0.128/28]
      gateway: 10.20.0.1
      nameservers: [10.20.0.53]
      domain: estate.test
    - name: six
      prefix: fd00:20::/64
      first: fd00:20::100
      last: fd00:20::1ff
`

func loadRanges(t *testing.T, old, text string) (*config.Installation, error) {
	t.Helper()
	require.Equal(t, 1, strings.Count(withRanges, old), "%q", old)
	file := filepath.Join(t.TempDir(), "fermata.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(withRanges, old, text, 1)), 0o600))
	return config.Load(file)
}

func TestRangesAreRead(t *testing.T) {
	t.Parallel()
	in, err := loadRanges(t, "name: servers", "name: servers")
	require.NoError(t, err)
	require.Equal(t, []config.Range{
		{
			Name: "servers", Site: "berlin", Prefix: "10.20.0.0/24", First: "10.20.0.100", Last: "10.20.0.199",
			Exclude: []string{"10.20.0.110", "10.20.0.128/28"}, Gateway: "10.20.0.1", Nameservers: []string{"10.20.0.53"}, Domain: "estate.test",
		},
		{Name: "six", Prefix: "fd00:20::/64", First: "fd00:20::100", Last: "fd00:20::1ff"},
	}, in.Ranges)
}

func TestBadRangesAreRefused(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ old, text, want string }{
		"name":              {"name: servers", "name: Servers", "11:13: spec.ranges[0].name: expected up to 63 lower-case"},
		"name twice":        {"name: six", "name: servers", "20:13: spec.ranges[1].name: expected a name of its own"},
		"no prefix":         {"      prefix: fd00:20::/64\n", "", "spec.ranges[1].prefix"},
		"an address":        {"prefix: 10.20.0.0/24", "prefix: 10.20.0.1/24", "13:15: spec.ranges[0].prefix: expected a network such as 10.20.0.0/24"},
		"nonsense":          {"prefix: 10.20.0.0/24", "prefix: servers", "13:15: spec.ranges[0].prefix: expected a network"},
		"first outside":     {"first: 10.20.0.100", "first: 10.21.0.100", "14:14: spec.ranges[0].first: expected an address in 10.20.0.0/24, found 10.21.0.100"},
		"first is none":     {"first: 10.20.0.100", "first: 10.20.0", "14:14: spec.ranges[0].first: expected an IP address"},
		"the network's own": {"first: 10.20.0.100", "first: 10.20.0.0", "14:14: spec.ranges[0].first: expected the address of a host"},
		"broadcast":         {"last: 10.20.0.199", "last: 10.20.0.255", "15:13: spec.ranges[0].last: expected the address of a host"},
		"backwards":         {"last: 10.20.0.199", "last: 10.20.0.99", "15:13: spec.ranges[0].last: expected an address from 10.20.0.100 on"},
		"another family":    {"last: 10.20.0.199", "last: fd00:20::1", "15:13: spec.ranges[0].last: expected an address in 10.20.0.0/24"},
		"endless":           {"last: fd00:20::1ff", "last: fd00:20::ffff:1", "23:13: spec.ranges[1].last: expected at most 65536 addresses"},
		"exclude elsewhere": {"10.20.0.128/28]", "10.21.0.0/28]", "16:30: spec.ranges[0].exclude[1]: expected an address or a network in 10.20.0.0/24"},
		"exclude nonsense":  {"[10.20.0.110,", "[printer,", "16:17: spec.ranges[0].exclude[0]: expected an address or a network"},
		"gateway elsewhere": {"gateway: 10.20.0.1", "gateway: 10.21.0.1", "17:16: spec.ranges[0].gateway: expected an address in 10.20.0.0/24"},
		"nameserver's name": {"[10.20.0.53]", "[ns1.estate.test]", "18:21: spec.ranges[0].nameservers[0]: expected an IP address"},
		"domain":            {"domain: estate.test", "domain: Estate", "19:15: spec.ranges[0].domain: expected a domain name"},
		"unknown field":     {"domain: estate.test", "zone: estate.test", "19:7: spec.ranges[0].zone: unknown field"},
	} {
		_, err := loadRanges(t, x.old, x.text)
		require.ErrorContains(t, err, x.want, name)
	}
}

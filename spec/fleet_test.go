package spec_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/spec"
)

func fleetExample(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../examples/fleet.yaml")
	require.NoError(t, err)
	return string(data)
}

func TestAFleetIsExpandedAlikeByWhoWroteItAndWhoReadsItsJSON(t *testing.T) {
	t.Parallel()
	text := fleetExample(t)
	require.NoError(t, validate(t, spec.KindFleet, text))
	fleet, err := spec.ParseFleet("fleet.yaml", []byte(text))
	require.NoError(t, err)
	require.Equal(t, 6, fleet.Size())
	require.Equal(t, []int{1, 5}, fleet.Waves())
	require.Equal(t, "fleet/storefront", fleet.Owner())
	document, err := json.Marshal(fleet)
	require.NoError(t, err)
	read := &spec.Fleet{}
	require.NoError(t, json.Unmarshal(document, read))
	again, err := json.Marshal(read)
	require.NoError(t, err)
	require.JSONEq(t, string(document), string(again))
	for i := range fleet.Size() {
		written, err := fleet.Member(i)
		require.NoError(t, err)
		expanded, err := read.Member(i)
		require.NoError(t, err)
		require.Equal(t, written, expanded)
		require.Equal(t, fmt.Sprintf("web-%d", 21+i), expanded.Metadata.Name)
		require.Equal(t, fmt.Sprintf("10.20.0.%d/24", 21+i), expanded.Spec.Network.Address)
		require.Equal(t, "lab", expanded.Metadata.Environment)
		require.Equal(t, "storefront", expanded.Metadata.Labels["team"])
		require.Equal(t, fmt.Sprintf("Web server web-%d for the storefront", 21+i), expanded.Spec.Ticket.Subject)
		require.Contains(t, expanded.Spec.Application.Config[0].Content, "name = {{ .Name }}", "a configuration file is a template of its own")
	}
	outlines, err := read.Outlines()
	require.NoError(t, err)
	require.Equal(t, spec.Outline{Name: "web-26"}, outlines[5])
	_, err = fleet.Member(6)
	require.ErrorContains(t, err, "none has the index 6")
}

func TestAFleetOfNamedServers(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(
		"  count: 6", "  servers:\n    - {name: shop-a, site: berlin, values: {host: \"7\"}}\n    - {name: shop-b, values: {host: \"8\"}}\n  ",
		"    metadata:\n      name: web-{{ printf \"%02d\" (add index 20) }}\n", "    metadata:\n      site: paris\n      labels: {rack: \"r{{ values.host }}\"}\n",
		"10.20.0.{{ add index 20 }}/24", "10.20.0.{{ add values.host 1 }}/24",
	).Replace(fleetExample(t))
	require.NoError(t, validate(t, spec.KindFleet, text))
	fleet, err := spec.ParseFleet("fleet.yaml", []byte(text))
	require.NoError(t, err)
	for i, want := range [][4]string{{"shop-a", "berlin", "10.20.0.8/24", "r7"}, {"shop-b", "paris", "10.20.0.9/24", "r8"}} {
		s, err := fleet.Member(i)
		require.NoError(t, err)
		require.Equal(t, want, [4]string{s.Metadata.Name, s.Metadata.Site, s.Spec.Network.Address, s.Metadata.Labels["rack"]})
	}
}

func TestBadFleets(t *testing.T) {
	t.Parallel()
	for name, x := range map[string]struct{ old, text, want string }{
		"count and servers":      {"  count: 6", "  count: 6\n  servers: [{name: a}]", "expected either count or servers, found both"},
		"neither":                {"  count: 6", "  ", "how many servers are there?"},
		"none":                   {"  count: 6", "  count: 0", "expected a whole number from 1 to 1000, found 0"},
		"too many":               {"  count: 6", "  count: 1001", "expected a whole number from 1 to 1000, found 1001"},
		"a wave of nothing":      {"waves: [1]", "waves: [0]", "21:13: spec.rollout.waves[0]: expected a number of servers"},
		"a share over all":       {"waves: [1]", "waves: [101%]", "expected a number of servers"},
		"no limit":               {"maxConcurrent: 3", "maxConcurrent: 0", "expected a whole number from 1 to 1000, found 0"},
		"what to do":             {"busy: wait", "busy: kill", `expected wait or refuse, found "kill"`},
		"one name":               {`web-{{ printf "%02d" (add index 20) }}`, "web-01", "servers 1 and 2 are both named web-01"},
		"no name":                {`      name: web-{{ printf "%02d" (add index 20) }}`, "      labels: {a: b}", "expected metadata.name, such as web-{{ index }}"},
		"the name in itself":     {`web-{{ printf "%02d" (add index 20) }}`, "web-{{ name }}", "name is not known yet"},
		"a bad name":             {`web-{{ printf "%02d" (add index 20) }}`, "Web-{{ index }}", `30:13: spec.template.metadata.name: expected up to 63 lower-case letters, digits and dashes, with no dash at either end (RFC 1123), found "Web-1" (in server 1 of the fleet)`},
		"one address":            {"10.20.0.{{ add index 20 }}/24", "10.20.0.21/24", "servers web-21 and web-22 both have the address 10.20.0.21/24"},
		"a range":                {"      network:\n        address: 10.20.0.{{ add index 20 }}/24", "      network:\n        range: servers", "web-21 takes its address from a range"},
		"an address outside":     {"add index 20 }}/24", "add index 300 }}/24", `spec.network.address: expected`},
		"an environment":         {"    metadata:\n      name", "    metadata:\n      environment: production\n      name", "the environment is the fleet's"},
		"unknown field":          {"      access:", "      acess:", `unknown field "acess"; did you mean "access"?`},
		"beside the spec":        {"    spec:\n      compute", "    status: {}\n    spec:\n      compute", "a template has metadata and spec"},
		"a loop":                 {"server {{ index }} of", "server {{ range index }}{{ end }} of", "expected index, name, values.x, add or printf"},
		"a field":                {"server {{ index }} of", "server {{ .Name }} of", "expected index, name, values.x, add or printf"},
		"a variable":             {"server {{ index }} of", "server {{ $x := index }} of", "variables are not supported"},
		"another function":       {"server {{ index }} of", "server {{ html index }} of", "the function html is not supported"},
		"a call of a value":      {"server {{ index }} of", "server {{ values.a.b }} of", "expected values.x"},
		"an unknown value":       {"server {{ index }} of", "server {{ values.rack }} of", `43:21: spec.template: this server has no value "rack"`},
		"a wide number":          {"server {{ index }} of", `server {{ printf "%0999999999d" index }} of`, "padded as in %02d"},
		"a number of text":       {"server {{ index }} of", `server {{ add index "x" }} of`, "add expects whole numbers"},
		"a template that is not": {"server {{ index }} of", "server {{ index of", "43:21: spec.template: "},
		"a secret in user data":  {"        user: deploy", "        user: deploy\n        userData: |\n          #cloud-config\n          chpasswd: {list: 'root:x'}", "userData"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			example := fleetExample(t)
			require.Equal(t, 1, strings.Count(example, x.old), x.old)
			_, err := spec.ParseFleet("fleet.yaml", []byte(strings.Replace(example, x.old, x.text, 1)))
			require.ErrorContains(t, err, x.want)
			var problems spec.Problems
			require.ErrorAs(t, err, &problems)
			require.Positive(t, problems[0].Line)
		})
	}
}

func TestWaves(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		count int
		waves []spec.WaveSize
		want  []int
	}{
		{5, nil, []int{5}},
		{500, []spec.WaveSize{"1", "10%"}, []int{1, 50, 449}},
		{3, []spec.WaveSize{"10%"}, []int{1, 2}},
		{3, []spec.WaveSize{"2", "5", "1"}, []int{2, 1}},
		{4, []spec.WaveSize{"100%", "1"}, []int{4}},
	} {
		f := &spec.Fleet{Spec: spec.FleetSpec{Count: x.count, Rollout: spec.Rollout{Waves: x.waves}}}
		require.Equal(t, x.want, f.Waves())
	}
}

func TestCheckReadsAFleet(t *testing.T) {
	t.Parallel()
	what, err := spec.Check("fleet.yaml", []byte(fleetExample(t)))
	require.NoError(t, err)
	require.Equal(t, "fleet/storefront", what)
}

// FuzzFleet: whatever is read is expanded alike from its JSON.
func FuzzFleet(f *testing.F) {
	data, err := os.ReadFile("../examples/fleet.yaml")
	require.NoError(f, err)
	f.Add(string(data))
	f.Fuzz(func(t *testing.T, text string) {
		fleet, err := spec.ParseFleet("f", []byte(text))
		if err != nil {
			return
		}
		document, err := json.Marshal(fleet)
		require.NoError(t, err)
		read := &spec.Fleet{}
		require.NoError(t, json.Unmarshal(document, read))
		written, err := fleet.Member(fleet.Size() - 1)
		require.NoError(t, err)
		expanded, err := read.Member(fleet.Size() - 1)
		require.NoError(t, err)
		require.Equal(t, written, expanded)
	})
}

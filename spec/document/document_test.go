package document_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/spec/document"
)

type inner struct {
	Host string `yaml:"host"`
}

type outer struct {
	inner   `yaml:"-"`
	Dial    inner                 `yaml:",inline"`
	Name    string                `yaml:"name"`
	Wait    time.Duration         `yaml:"wait,omitempty"`
	Net     netip.Prefix          `yaml:"net,omitempty"`
	Ratio   float64               `yaml:"ratio,omitempty"`
	On      *bool                 `yaml:"on,omitempty"`
	Rows    [][]string            `yaml:"rows,omitempty"`
	By      map[string]inner      `yaml:"by,omitempty"`
	Raw     yaml.Node             `yaml:"raw,omitempty"`
	Pointed *inner                `yaml:"pointed,omitempty"`
	Untold  int                   // untold
	Plain   any                   `yaml:"plain,omitempty"`
	Deep    map[string][][]string `yaml:"deep,omitempty"`
}

func decode(text string, into any, options ...document.Option) error {
	d := document.Read("f", []byte(text))
	d.Decode("", into, options...)
	return d.Err()
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var got outer
	require.NoError(t, decode(`host: h
name: n
wait: 90s
net: 10.0.0.0/8
ratio: 0.5
on: false
rows: [[a], [b, c]]
by: {x: {host: y}}
raw: {any: [thing]}
pointed: {host: p}
untold: 7
plain: {a: 1}
`, &got))
	require.Equal(t, "h", got.Dial.Host)
	require.Equal(t, 90*time.Second, got.Wait)
	require.Equal(t, netip.MustParsePrefix("10.0.0.0/8"), got.Net)
	require.InDelta(t, 0.5, got.Ratio, 0)
	require.False(t, *got.On)
	require.Equal(t, [][]string{{"a"}, {"b", "c"}}, got.Rows)
	require.Equal(t, map[string]inner{"x": {Host: "y"}}, got.By)
	require.Equal(t, yaml.MappingNode, got.Raw.Kind)
	require.Equal(t, &inner{Host: "p"}, got.Pointed)
	require.Equal(t, 7, got.Untold)
	require.NotNil(t, got.Plain)
}

func TestDecodeReportsPlaces(t *testing.T) {
	t.Parallel()
	var got outer
	err := decode("host: 1\nwait: 90\nnet: x\non: 1\nrows: [a]\nby: {x: {hots: y}}\nratio: [1]\n", &got)
	lines := strings.Split(err.Error(), "\n")
	for i, want := range []string{
		`f:1:1: name: expected the field "name"`,
		`f:1:1: untold: expected the field "untold"`,
		`f:1:7: host: expected text, found a number: put it in quotes`,
		`f:2:7: wait: expected a length of time`,
		`f:3:6: net: `,
		`f:4:5: on: expected true or false, found a number`,
		`f:5:8: rows[0]: expected a list, found text`,
		`f:6:6: by.x.host: expected the field "host"`,
		`f:6:10: by.x.hots: unknown field "hots"; did you mean "host"?`,
		`f:7:8: ratio: expected float64, found a list`,
	} {
		require.True(t, strings.HasPrefix(lines[i], want), "%s\n%s", want, lines[i])
	}
	require.Len(t, lines, 10)
}

func TestPartialKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	got := outer{Name: "kept", Pointed: &inner{Host: "kept"}}
	require.NoError(t, decode("pointed: {}\n", &got, document.Partial()))
	require.Equal(t, "kept", got.Name)
	require.Equal(t, "kept", got.Pointed.Host)
}

func TestRule(t *testing.T) {
	t.Parallel()
	var got outer
	rule := func(_ reflect.Type, text string) string {
		if text == "bad" {
			return "expected another word"
		}
		return ""
	}
	require.EqualError(t, decode("host: bad\n", &got, document.Partial(), document.WithRule(rule)), "f:1:7: host: expected another word")
}

func TestNestedAliasesAreRefused(t *testing.T) {
	t.Parallel()
	text := "deep:\n  a: &a [[" + strings.Repeat("x,", 1000) + "]]\n"
	for i := range 100 {
		text += "  b" + strings.Repeat("b", i) + ": *a\n"
	}
	var got outer
	err := decode(text, &got, document.Partial())
	require.ErrorContains(t, err, "expected at most 50000 values")
	require.Len(t, strings.Split(err.Error(), "\n"), 1)
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"memory", "template", "cpus", "loadBalancer"}
	for word, want := range map[string]string{
		"memroy": "memory", "Memory": "memory", "tmplate": "template", "cpu": "cpus", "loadbalancer": "loadBalancer", "load_balancer": "loadBalancer",
		"gpu-passthrough": "", "": "", "x": "", strings.Repeat("memory", 1000): "",
	} {
		require.Equal(t, want, document.Nearest(word, words), word)
	}
	require.Equal(t, `expected a, b or c, found "q"`, document.OneOf("q", "a", "b", "c"))
}

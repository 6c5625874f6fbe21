package nft

import (
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const base = `table inet filter {
	chain fermata {
	}

	chain forward {
		type filter hook forward priority filter; policy drop;
		ct state established,related accept
		jump fermata
		iifname "eth0" counter packets 0 bytes 0 drop comment "final"
	}
}
`

// script runs a script; the second value is what nft says.
func (r *Ruleset) try(text string) (int, string) {
	var out strings.Builder
	return r.Command([]string{"-f", "-"}, strings.NewReader(text), nil, &out, &out), out.String()
}

func (r *Ruleset) do(words ...string) string {
	var out strings.Builder
	r.Command(words, nil, nil, &out, &out)
	return out.String()
}

func loaded(t *testing.T, path string) *Ruleset {
	t.Helper()
	r, err := New(path)
	require.NoError(t, err)
	exit, text := r.try("flush ruleset\n" + base)
	require.Zero(t, exit, text)
	return r
}

func TestListingIsWhatWasLoaded(t *testing.T) {
	t.Parallel()
	r := loaded(t, "")
	require.Equal(t, base, r.do("list", "ruleset"))
	exit, text := r.try("flush ruleset\n" + r.do("list", "ruleset"))
	require.Zero(t, exit, text)
	require.Equal(t, base, r.do("list", "ruleset"))
}

// The words are those of nft 1.0.6, taken down from the real one.
func TestErrorsSpeakAsTheRealOnes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 129)
	for script, want := range map[string]string{
		"delete rule inet filter fermata handle 999": "/dev/stdin:1:40-42: Error: Could not process rule: No such file or directory\ndelete rule inet filter fermata handle 999\n                                       ^^^\n",
		"add rule inet filter nope accept":           "/dev/stdin:1:22-25: Error: Could not process rule: No such file or directory\nadd rule inet filter nope accept\n                     ^^^^\n",
		"add rule inet nope nope accept":             "/dev/stdin:1:15-18: Error: Could not process rule: No such file or directory\nadd rule inet nope nope accept\n              ^^^^\n",
		"bogus":                                      "/dev/stdin:1:6-6: Error: syntax error, unexpected newline, expecting string\nbogus\n     ^\n",
		"bogus line here":                            "/dev/stdin:1:16-16: Error: syntax error, unexpected newline\nbogus line here\n               ^\n",
		"add rule inet filter fermata accept comment \"" + long + "\"": "/dev/stdin:1:45-175: Error: comment too long, 128 characters maximum allowed\n",
		"delete chain inet filter fermata":                             "Error: Could not process rule: Device or resource busy\n",
		"add rule inet filter fermata ip saddr nonsense accept":        "Could not resolve hostname: Name or service not known",
		"add rule inet filter fermata ip saddr { 10.0.0.1 accept":      "syntax error, unexpected accept",
		"add rule inet filter fermata tcp dport 70000 accept":          "exceeds valid range",
		"table inet filter {":                                          "syntax error",
		"add rule inet filter fermata accept trailing":                 "syntax error",
		"add rule inet filter fermata comment \"only\"":                "syntax error",
		"add rule inet filter fermata ip saddr \"x":                    "syntax error",
	} {
		r := loaded(t, "")
		exit, text := r.try(script + "\n")
		require.Equal(t, 1, exit, script)
		require.Contains(t, text, want)
		require.Equal(t, base, r.do("list", "ruleset"), "nothing changed")
	}
	r := loaded(t, "")
	require.Equal(t, "Error: No such file or directory\nlist chain inet filter nope\n                       ^^^^\n", r.do("list", "chain", "inet", "filter", "nope"))
}

func TestATransactionIsAllOrNothing(t *testing.T) {
	t.Parallel()
	r := loaded(t, "")
	exit, _ := r.try("add rule inet filter fermata tcp dport 22 accept\ndelete rule inet filter fermata handle 999\n")
	require.Equal(t, 1, exit)
	require.Equal(t, base, r.do("list", "ruleset"))
}

func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	r := loaded(t, "")
	var out strings.Builder
	require.Zero(t, r.Command([]string{"-c", "-f", "-"}, strings.NewReader("flush ruleset\n"), nil, &out, &out))
	require.Equal(t, base, r.do("list", "ruleset"))
}

func TestHandlesPositionsAndSets(t *testing.T) {
	t.Parallel()
	r := loaded(t, "")
	r.do("add rule inet filter fermata tcp dport { 443, 80, 80 } accept")
	r.do("insert rule inet filter fermata ct state new udp dport 9 drop")
	listing := r.do("-a", "list", "chain", "inet", "filter", "fermata")
	require.Contains(t, listing, "\t\tct state new udp dport 9 drop # handle 8\n\t\ttcp dport { 80, 443 } accept # handle 7\n", listing)
	require.Empty(t, r.do("add set inet filter s { type ipv4_addr; flags timeout; }"))
	require.Empty(t, r.do(`add element inet filter s { 10.98.1.66 timeout 1h comment "case-42" }`))
	require.Empty(t, r.do(`add element inet filter s { 10.98.1.66 }`), "adding again is no error")
	require.Contains(t, r.do("-j", "list", "set", "inet", "filter", "s"), `"comment":"case-42"`)
	require.Empty(t, r.do("add rule inet filter fermata ip saddr @s drop"))
	require.Contains(t, r.do("delete set inet filter s"), "Device or resource busy")
	require.Contains(t, r.do("delete element inet filter s { 10.98.1.67 }"), "No such file or directory")
}

func TestNeighboursAreJoinedAsTheRealOneDoes(t *testing.T) {
	t.Parallel()
	r := loaded(t, "")
	require.Empty(t, r.do("add rule inet filter fermata ip saddr { 10.0.0.0/23, 10.0.2.0/24, 10.9.0.0/16, 10.9.1.0/24 } accept"))
	require.Contains(t, r.do("list", "ruleset"), "ip saddr { 10.0.0.0-10.0.2.255, 10.9.0.0/16 } accept")
	require.Contains(t, r.do("-j", "list", "ruleset"), `{"range":["10.0.0.0","10.0.2.255"]}`)
}

func TestAllows(t *testing.T) {
	t.Parallel()
	at := netip.MustParseAddrPort
	for name, c := range map[string]struct {
		rule            string
		from, to, proto string
		want            bool
	}{
		"policy":          {"", "10.0.0.1:1", "10.1.0.1:80", "tcp", false},
		"accept":          {"tcp dport 80 accept", "10.0.0.1:1", "10.1.0.1:80", "tcp", true},
		"other protocol":  {"tcp dport 80 accept", "10.0.0.1:1", "10.1.0.1:80", "udp", false},
		"range":           {"tcp dport 80-90 accept", "10.0.0.1:1", "10.1.0.1:85", "tcp", true},
		"address range":   {"ip saddr { 10.0.0.0-10.0.2.255 } accept", "10.0.2.9:1", "10.1.0.1:85", "tcp", true},
		"source":          {"ip saddr 10.0.0.0/24 accept", "10.0.1.1:1", "10.1.0.1:80", "tcp", false},
		"not":             {"ip saddr != 10.0.0.0/24 accept", "10.0.1.1:1", "10.1.0.1:80", "tcp", true},
		"not, other kind": {"ip saddr != 10.0.0.0/24 accept", "[2001:db8::1]:1", "[2001:db8::2]:80", "tcp", false},
		"v6":              {"ip6 daddr 2001:db8::/32 accept", "[2001:db8::1]:1", "[2001:db8::2]:80", "tcp", true},
		"state":           {"ct state established accept", "10.0.0.1:1", "10.1.0.1:80", "tcp", false},
		"interface":       {"iifname \"eth0\" accept", "10.0.0.1:1", "10.1.0.1:80", "tcp", false},
		"return":          {"return", "10.0.0.1:1", "10.1.0.1:80", "tcp", false},
		"mapped":          {"ip saddr 10.0.0.1 accept", "[::ffff:10.0.0.1]:1", "10.1.0.1:80", "tcp", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := loaded(t, "")
			if c.rule != "" {
				require.Empty(t, r.do("add rule inet filter fermata "+c.rule))
			}
			require.Equal(t, c.want, r.Allows(at(c.from), at(c.to), c.proto))
		})
	}
	empty, err := New("")
	require.NoError(t, err)
	require.True(t, empty.Allows(at("10.0.0.1:1"), at("10.1.0.1:80"), "tcp"), "without rules everything passes")
}

func TestStateIsFoundAgainAndLostByAReset(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "nft.json")
	r := loaded(t, path)
	require.Empty(t, r.do("add rule inet filter fermata tcp dport 22 accept"))
	again, err := New(path)
	require.NoError(t, err)
	require.Equal(t, r.do("-a", "list", "ruleset"), again.do("-a", "list", "ruleset"))
	require.NoError(t, again.Reset())
	require.Empty(t, again.do("list", "ruleset"))
}

func TestIncludes(t *testing.T) {
	t.Parallel()
	r := loaded(t, "")
	files := map[string]string{
		"/main": "flush ruleset\n" + base + "include \"/d/*.nft\"\n", "/d/a.nft": "table inet filter {\n chain fermata {\n  tcp dport 7 accept\n }\n}\n",
		"/broken": "include \"/nowhere\"\n",
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, errors.New("absent")
	}
	require.NoError(t, r.LoadFile("/main", read), "wildcards that find nothing are no error")
	r.SetGlob(func(string) []string { return []string{"/d/a.nft"} })
	require.NoError(t, r.LoadFile("/main", read))
	require.Contains(t, r.do("list", "ruleset"), "tcp dport 7 accept")
	require.Error(t, r.LoadFile("/broken", read))
	require.ErrorContains(t, r.LoadFile("/absent", read), `Could not open file "/absent"`)
}

func FuzzScript(f *testing.F) {
	f.Add(base)
	f.Add("add rule inet filter fermata ip saddr { 10.0.0.0/8, 1.2.3.4 } tcp dport { 1, 2-3 } accept comment \"x\"\n")
	f.Add("add set inet filter s { type ipv4_addr; flags timeout; elements = { 1.2.3.4 } }\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := New("")
		require.NoError(t, err)
		if exit, _ := r.try(base + text); exit != 0 {
			return
		}
		listing := r.do("list", "ruleset")
		again, err := New("")
		require.NoError(t, err)
		if exit, says := again.try(listing); exit != 0 {
			t.Fatalf("the listing is refused: %s\n%s", says, listing)
		}
		require.Equal(t, listing, again.do("list", "ruleset"))
	})
}

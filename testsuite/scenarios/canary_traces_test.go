package scenarios

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// trace is one way in which a secret may stand somewhere.
type trace struct {
	form string
	text []byte
}

// canary makes a secret that is found again in whatever form it is written: what JSON, URLs and shells escape stands
// between two words that nothing escapes.
func canary(t *testing.T, name string) string {
	t.Helper()
	word := func() string {
		b := make([]byte, 12)
		_, err := rand.Read(b)
		require.NoError(t, err)
		return hex.EncodeToString(b)
	}
	return name + word() + `"/+&<'é\ %=` + word()
}

// traces are the forms of a secret that are searched for. Its two words alone find what was cut short or escaped in a way
// that is not listed.
func traces(t *testing.T, secret string) []trace {
	t.Helper()
	out := []trace{{"raw", []byte(secret)}, {"hex", []byte(hex.EncodeToString([]byte(secret)))}}
	for form, text := range map[string]string{
		"JSON": inJSON(t, secret, false), "JSON for HTML": inJSON(t, secret, true), "JSON in JSON": inJSON(t, inJSON(t, secret, false), false),
		"URL query": url.QueryEscape(secret), "URL path": url.PathEscape(secret), "Go": strings.Trim(strconv.Quote(secret), `"`),
	} {
		out = append(out, trace{form, []byte(text)})
	}
	first, last := secret[:24], secret[len(secret)-24:]
	out = append(out, trace{"its first word", []byte(first)}, trace{"its last word", []byte(last)})
	for _, part := range []string{first, last} {
		out = append(out, trace{"hex of a word", []byte(hex.EncodeToString([]byte(part)))})
		for _, text := range inBase64(part) {
			out = append(out, trace{"base64", []byte(text)})
		}
	}
	return out
}

// inBase64 is a text as it stands in base64 of anything that holds it: at each of the three places that its first byte may
// have, and without the characters that depend on its neighbours.
func inBase64(text string) []string {
	var out []string
	for before := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + text + "\x00\x00"))
		begin, end := (before*8+5)/6, (before+len(text))*8/6
		out = append(out, encoded[begin:end], strings.NewReplacer("+", "-", "/", "_").Replace(encoded[begin:end]))
	}
	return out
}

func inJSON(t *testing.T, text string, forHTML bool) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(forHTML)
	require.NoError(t, e.Encode(text))
	return strings.Trim(strings.TrimSpace(b.String()), `"`)
}

// find says in which forms the secret stands in data.
func find(traces []trace, data []byte) []string {
	var found []string
	for _, one := range traces {
		if bytes.Contains(data, one.text) {
			found = append(found, one.form)
		}
	}
	return found
}

// A search that finds nothing proves nothing unless it finds what is there.
func TestTheCanaryIsFoundInEveryForm(t *testing.T) {
	t.Parallel()
	secret := canary(t, "form")
	all := traces(t, secret)
	for _, one := range all {
		require.NotEmpty(t, find(all, []byte("before "+string(one.text)+" after")), one.form)
	}
	for _, padding := range []string{"", "x", "xx", "xxx"} {
		document, err := json.Marshal(map[string]string{"content": padding + secret + padding})
		require.NoError(t, err)
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			require.Contains(t, find(all, []byte(e.EncodeToString(document))), "base64", "%q", padding)
			require.Contains(t, find(all, []byte(e.EncodeToString([]byte(padding+secret)))), "base64", "%q", padding)
		}
	}
	require.Contains(t, find(all, []byte("Job failed: "+secret[:30])), "its first word", "cut short")
	require.Empty(t, find(all, []byte(canary(t, "form"))), "another secret is none")
}

// Package canary plants secrets that are found again in whatever form they are written, and looks for them everywhere.
//
// A search that finds nothing proves nothing: who uses it also says where the secrets have to be found.
package canary

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
)

// word is how much of a secret's begin and end are searched for by themselves, in bytes. No secret may be shorter.
const word = 24

// Secret makes one of which JSON, URLs and shells escape something, between two words that nothing escapes.
func Secret(name string) string { return Word(name) + `"/+&<'é\ %=` + hex.EncodeToString(random()) }

// Word makes a secret of characters that nothing escapes, for what must be a token or a password.
func Word(name string) string { return name + hex.EncodeToString(random()) }

func random() []byte {
	b := make([]byte, word/2)
	_, _ = rand.Read(b) // It never fails.
	return b
}

// form is one way in which a secret may stand somewhere.
type form struct {
	name string
	text []byte
}

// forms are those that are searched for. A secret's two words alone find what was cut short, or escaped in a way that is not
// listed.
func forms(secret string) []form {
	out := []form{{"raw", []byte(secret)}}
	for name, text := range map[string]string{
		"JSON": inJSON(secret, false), "JSON for HTML": inJSON(secret, true), "JSON in JSON": inJSON(inJSON(secret, false), false),
		"URL query": url.QueryEscape(secret), "URL path": url.PathEscape(secret), "Go": strings.Trim(strconv.Quote(secret), `"`),
	} {
		out = append(out, form{name, []byte(text)})
	}
	first, last := secret[:word], secret[len(secret)-word:]
	out = append(out, form{"its first word", []byte(first)}, form{"its last word", []byte(last)})
	for _, part := range []string{first, last} {
		inHex := hex.EncodeToString([]byte(part))
		out = append(out, form{"hex", []byte(inHex)}, form{"hex", []byte(strings.ToUpper(inHex))})
		for _, text := range inBase64(part) {
			out = append(out, form{"base64", []byte(text)})
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

func inJSON(text string, forHTML bool) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(forHTML)
	_ = e.Encode(text) // A string always can be.
	return strings.Trim(strings.TrimSpace(b.String()), `"`)
}

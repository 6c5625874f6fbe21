package canary

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"mime/quotedprintable"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A search that finds nothing proves nothing unless it finds what is there.
func TestASecretIsFoundInEveryForm(t *testing.T) {
	t.Parallel()
	secret := Secret("form")
	f := newFinder(map[string]string{"it": secret})
	find := func(data string) []string { return f.find([]byte(data))["it"] }
	for _, one := range forms(secret) {
		require.Contains(t, find("before "+string(one.text)+" after"), one.name)
		require.Contains(t, find("\x00"+string(one.text)), one.name, "in a binary, at its end")
	}
	for _, padding := range []string{"", "x", "xx", "xxx"} {
		document, err := json.Marshal(map[string]string{"content": padding + secret + padding})
		require.NoError(t, err)
		for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			require.Contains(t, find(e.EncodeToString(document)), "base64", "%q", padding)
			require.Contains(t, find(e.EncodeToString([]byte(padding+secret))), "base64", "%q", padding)
		}
	}
	require.Contains(t, find("Job failed: "+secret[:30]), "its first word", "cut short")
	require.Empty(t, find(Secret("form")), "another secret is none")
}

// Mail breaks lines wherever it likes.
func TestASecretIsFoundAcrossLines(t *testing.T) {
	t.Parallel()
	secret := Secret("line")
	f := newFinder(map[string]string{"it": secret})
	for before := range 76 {
		var mail bytes.Buffer
		w := quotedprintable.NewWriter(&mail)
		_, err := w.Write([]byte(strings.Repeat("x", before) + secret))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.Contains(t, f.find(mail.Bytes())["it"], "its first word")
		require.Contains(t, f.find(mail.Bytes())["it"], "its last word")
		key := pem.EncodeToMemory(&pem.Block{Type: "TEXT", Bytes: []byte(strings.Repeat("x", before) + secret)})
		require.Contains(t, f.find(key)["it"], "base64")
	}
}

func TestSecretsAreToldApart(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"a": Secret("same"), "b": Word("same"), "c": strings.Repeat("\xfe\x00", 20)}
	f := newFinder(secrets)
	for name, secret := range secrets {
		found := f.find([]byte("before" + secret))
		require.Len(t, found, 1)
		require.Contains(t, found[name], "raw")
	}
}

package agesecret

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/secret"
)

// FuzzLookUp: whatever was encrypted, an error shows no value.
func FuzzLookUp(f *testing.F) {
	f.Add([]byte("token: canary-4711\n"))
	f.Add([]byte("token: [canary-4711]\n"))
	f.Add([]byte("token: \"canary-4711\n"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		_, _, err := lookUp(plain, "token", "", "secrets.age")
		if err != nil && !strings.Contains(string(plain), "canary-4711:") && !strings.Contains(string(plain), "canary-4711\":") {
			require.NotContains(t, err.Error(), "canary-4711")
		}
	})
}

// FuzzRewrite: whatever the map holds and whatever is kept, both read the same afterwards, or nothing is written.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte("a: b # c\nother: |\n  x\n"), "one\n  two\n")
	f.Add([]byte(`{"a": "b", "token": "canary-4711"}`), "\u2028\u0085\ufeff\t ")
	f.Add([]byte("&a a: !t b\n? c\n: *a\n"), "'\"")
	f.Fuzz(func(t *testing.T, plain []byte, value string) {
		if secret.CheckText(secret.NewValue([]byte(value))) != nil {
			return
		}
		before, err := parse(plain, "secrets.age")
		if err != nil {
			return
		}
		text, err := keeper{}.rewrite(plain, "token", func(e entry) (entry, bool, error) { return e.with("key", value), true, nil })
		if err != nil {
			require.NotContains(t, err.Error(), "canary-4711")
			return
		}
		got, _, err := lookUp(text, "token", "", "secrets.age")
		require.NoError(t, err)
		require.Equal(t, value, got)
		after, err := parse(text, "secrets.age")
		require.NoError(t, err)
		for i := 0; i+1 < len(before.root.Content); i += 2 {
			if before.root.Content[i].Value != "token" {
				require.True(t, same(before.root.Content[i+1], after.root.Content[i+1]))
			}
		}
	})
}

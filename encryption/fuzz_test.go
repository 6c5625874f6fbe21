package encryption

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseKey: a key that is read writes itself in a form that reads as the same key; an error never shows the text.
func FuzzParseKey(f *testing.F) {
	key, err := GenerateKey("k-1")
	require.NoError(f, err)
	f.Add(key.Encode())
	f.Add("k:AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKey(text)
		if err != nil {
			require.Empty(t, k.Secret)
			return
		}
		again, err := ParseKey(k.Encode())
		require.NoError(t, err)
		require.Equal(t, k, again)
		require.NotContains(t, k.String(), string(k.Secret))
	})
}

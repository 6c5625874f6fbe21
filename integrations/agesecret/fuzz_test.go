package agesecret

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzLookUp: whatever was encrypted, an error shows no value.
func FuzzLookUp(f *testing.F) {
	f.Add([]byte("token: canary-4711\n"))
	f.Add([]byte("token: [canary-4711]\n"))
	f.Add([]byte("token: \"canary-4711\n"))
	f.Fuzz(func(t *testing.T, plain []byte) {
		_, err := lookUp(plain, "token", "secrets.age")
		if err != nil && !strings.Contains(string(plain), "canary-4711:") && !strings.Contains(string(plain), "canary-4711\":") {
			require.NotContains(t, err.Error(), "canary-4711")
		}
	})
}

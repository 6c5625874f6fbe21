package faults

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBadFaultsAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"slow", "slow=x", "fail=0", "fail=-1", "lose=x", "up", "slow=200ms,explode"} {
		_, err := Parse(text)
		require.Error(t, err, text)
	}
}

// FuzzParse: a fault is understood or refused.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"slow=200ms,fail=5,lose=3", "down", "", "fail=1,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if faults, err := Parse(text); err != nil {
			require.Nil(t, faults)
		}
	})
}

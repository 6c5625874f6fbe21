package operation

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Objects in the field carry these: the form and the UUID can never change.
func TestTheFormOfAKeyNeverChanges(t *testing.T) {
	t.Parallel()
	k := Key{Run: "01J00000000000000000000000", Step: "disk/data", Target: "web-01"}
	require.Equal(t, "01J00000000000000000000000/disk.data/web-01", k.String())
	require.Equal(t, "fab22d2b-a8c5-5b58-867c-4e1f97044849", k.UUID().String())
	require.True(t, k.SameRun("01J00000000000000000000000/deploy/web-01"))
	require.False(t, k.SameRun("01J000000000000000000000001/deploy/web-01"))
}

func TestBadKeysAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "run", "run/step", "/step/target", "run//target", "run/step/"} {
		_, err := ParseKey(text)
		require.ErrorContains(t, err, "expected run/step/target", text)
	}
}

// FuzzParseKey: what is read writes itself back as it was, if its step has no slash of its own.
func FuzzParseKey(f *testing.F) {
	f.Add("01J00000000000000000000000/disk.data/web-01")
	f.Add("a/b/c/d")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKey(text)
		if err != nil {
			require.Zero(t, k)
			return
		}
		require.Equal(t, text, k.String())
		require.True(t, strings.HasPrefix(text, k.Run+"/"))
		require.True(t, k.SameRun(text))
	})
}

func TestQueuesAreNamedForPeople(t *testing.T) {
	t.Parallel()
	require.Equal(t, "compute@berlin", QueueName(Queue("compute", "berlin")))
	require.Equal(t, "compute", QueueName(Queue("compute", "")))
	require.Equal(t, "fermata", QueueName("fermata"))
}

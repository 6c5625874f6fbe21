package ansible

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSealedTextShowsNothing(t *testing.T) {
	t.Parallel()
	for _, plain := range []string{"", "password: hunter2", strings.Repeat("x", 16), strings.Repeat("password: hunter2\n", 10_000)} {
		sealed, password, err := seal([]byte(plain))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(sealed), vaultHeader+"\n"))
		require.NotContains(t, string(sealed), "hunter2")
		require.NotContains(t, string(sealed), password)
		again, other, err := seal([]byte(plain))
		require.NoError(t, err)
		require.NotEqual(t, string(sealed), string(again))
		require.NotEqual(t, password, other)
		for _, line := range strings.Split(string(sealed), "\n") {
			require.LessOrEqual(t, len(line), vaultLine)
		}
	}
}

func TestAFilledPipeEnds(t *testing.T) {
	t.Parallel()
	pipe, err := filled("text")
	require.NoError(t, err)
	defer func() { _ = pipe.Close() }()
	data := make([]byte, 100)
	n, err := pipe.Read(data)
	require.NoError(t, err)
	require.Equal(t, "text\n", string(data[:n]))
	_, err = pipe.Read(data)
	require.ErrorContains(t, err, "EOF")
	require.IsType(t, &os.File{}, pipe)
}

package recordfolder

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
)

// TestAdvice goes through what a folder can refuse. A process of root is refused little, so the causes are made here.
func TestAdvice(t *testing.T) {
	t.Parallel()
	store, err := New("/records")
	require.NoError(t, err)
	for cause, advice := range map[error]string{
		syscall.EACCES:           "chown",
		syscall.EPERM:            "chown",
		syscall.EROFS:            "mount it for writing",
		syscall.ENOSPC:           "make room",
		syscall.ENOTDIR:          "a file stands",
		errors.New("odd"):        "can be written",
		errors.Join(os.ErrExist): "a file stands",
	} {
		err := store.unwritable(&os.PathError{Op: "open", Path: "/records/x", Err: cause})
		require.True(t, fault.Is(err, fault.Unavailable))
		require.ErrorContains(t, err, advice)
		require.ErrorContains(t, err, "/records")
	}
	require.NoError(t, store.unwritable(nil))
}

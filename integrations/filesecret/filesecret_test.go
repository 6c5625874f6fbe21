package filesecret_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/activities/secret/secrettest"
	"fermata/integrations/filesecret"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	secrettest.Run(t, secrettest.Bench{Open: func(t *testing.T, secrets map[string]string) secrettest.Store {
		t.Helper()
		folder, provider := setup(t)
		set := func(t *testing.T, name, value string) {
			t.Helper()
			write(t, filepath.Join(folder, name), value+"\n", 0o600)
		}
		for name, value := range secrets {
			set(t, name, value)
		}
		return secrettest.Store{
			Provider: provider, Set: set,
			Forbid:   func(t *testing.T) { t.Helper(); require.NoError(t, os.Chmod(filepath.Join(folder, "rt-token"), 0o640)) },
			TakeDown: func(t *testing.T) { t.Helper(); require.NoError(t, os.RemoveAll(folder)) },
		}
	}})
}

func setup(t *testing.T) (string, secret.Provider) {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "secrets")
	require.NoError(t, os.Mkdir(folder, 0o700))
	provider, err := filesecret.New(filesecret.Config{Folder: folder})
	require.NoError(t, err)
	return folder, provider
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	require.NoError(t, os.Chmod(path, mode))
}

func TestReadsFoldersAndInnerLinks(t *testing.T) {
	t.Parallel()
	folder, provider := setup(t)
	write(t, filepath.Join(folder, "..data/token"), "deep", 0o400)
	require.NoError(t, os.Symlink("..data/token", filepath.Join(folder, "token"))) // As container platforms mount secrets.
	value, err := provider.Read(t.Context(), "token")
	require.NoError(t, err)
	require.Equal(t, "deep", value.Text())
}

func TestRefusesWhatOthersCanRead(t *testing.T) {
	t.Parallel()
	folder, provider := setup(t)
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o644, 0o666, 0o610} {
		write(t, filepath.Join(folder, "token"), "x", mode)
		_, err := provider.Read(t.Context(), "token")
		require.True(t, fault.Is(err, fault.Unauthorized), "%o: %v", mode, err)
		require.ErrorContains(t, err, "chmod 600")
	}
}

func TestRefusesLinksThatLeadOut(t *testing.T) {
	t.Parallel()
	folder, provider := setup(t)
	outside := filepath.Join(filepath.Dir(folder), "outside")
	write(t, filepath.Join(outside, "token"), "stolen", 0o600)
	require.NoError(t, os.Symlink(filepath.Join(outside, "token"), filepath.Join(folder, "absolute")))
	require.NoError(t, os.Symlink("../outside/token", filepath.Join(folder, "relative")))
	require.NoError(t, os.Symlink(outside, filepath.Join(folder, "folder")))
	for _, name := range []string{"absolute", "relative", "folder/token"} {
		value, err := provider.Read(t.Context(), name)
		require.True(t, fault.Is(err, fault.NotFound), "%s: %v", name, err)
		require.Empty(t, value.Reveal())
	}
}

func TestRefusesWhatIsNoSecret(t *testing.T) {
	t.Parallel()
	folder, provider := setup(t)
	write(t, filepath.Join(folder, "large"), strings.Repeat("x", filesecret.Limit+1), 0o600)
	write(t, filepath.Join(folder, "just"), strings.Repeat("x", filesecret.Limit), 0o600)
	write(t, filepath.Join(folder, "empty"), "", 0o600)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "folder"), 0o700))
	require.NoError(t, syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600))

	for name, kind := range map[string]fault.Kind{"large": fault.Invalid, "empty": fault.NotFound, "folder": fault.Invalid, "pipe": fault.Invalid} {
		_, err := provider.Read(t.Context(), name)
		require.Equal(t, kind, fault.KindOf(err), "%s: %v", name, err)
	}
	_, err := provider.Read(t.Context(), "just")
	require.NoError(t, err)
}

func TestNewNeedsFolder(t *testing.T) {
	t.Parallel()
	_, err := filesecret.New(filesecret.Config{})
	require.True(t, fault.Is(err, fault.Invalid))
}

package providers_test

import (
	"path/filepath"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/config"
	"fermata/config/providers"
)

const (
	ageRef   = secret.Ref("secret://age/db-password")
	vaultRef = secret.Ref("secret://vault/kv/web-01/db#password")
)

func installation(t *testing.T) (*config.Installation, *config.SecretAge, *config.SecretVault) {
	t.Helper()
	folder := t.TempDir()
	in := &config.Installation{Secrets: config.Secrets{
		Age:   &config.SecretAge{File: filepath.Join(folder, "secrets.age"), Identity: filepath.Join(folder, "age.key")},
		Vault: &config.SecretVault{Address: "https://127.0.0.1:1", Auth: config.VaultAuth{TokenFile: filepath.Join(folder, "token")}},
	}}
	return in, in.Secrets.Age, in.Secrets.Vault
}

func TestWhatIsConfiguredMayBeWritten(t *testing.T) {
	t.Parallel()
	key, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	in, a, v := installation(t)
	a.Writable, a.Recipients = true, []string{key.Recipient().String()}
	v.Writable = []string{"kv/web-01"}
	open, err := providers.Open(in)
	require.NoError(t, err)
	for _, ref := range []secret.Ref{ageRef, vaultRef} { // As far as files that are not there.
		_, _, err = open.Keep(t.Context(), ref, "key", "", secret.NewValue([]byte("hunter2")))
		require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "no such file")
	}
}

func TestNothingMayBeWrittenUnlessConfigured(t *testing.T) {
	t.Parallel()
	in, a, _ := installation(t)
	open, err := providers.Open(in)
	require.NoError(t, err)
	for ref, says := range map[secret.Ref]string{ageRef: "writable: true", vaultRef: "secrets.vault.writable"} {
		_, _, err = open.Keep(t.Context(), ref, "key", "", secret.NewValue([]byte("hunter2")))
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "hunter2")
	}
	a.Writable = true
	_, err = providers.Open(in)
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "list the public keys")
}

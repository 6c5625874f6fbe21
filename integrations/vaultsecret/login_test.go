package vaultsecret

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/sandbox/estate/vault"
)

func (b *bench) reads(t *testing.T) {
	t.Helper()
	value, err := b.Read(t.Context(), "kv/a#value")
	require.NoError(t, err)
	require.Equal(t, "x", value.Text())
}

func (b *bench) refused(t *testing.T, kind fault.Kind, text string) {
	t.Helper()
	_, err := b.Read(t.Context(), "kv/a#value")
	require.Equal(t, kind, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, text)
	require.NotContains(t, err.Error(), secretID)
}

// The token lives one hour, and four at most.
func TestATokenIsRenewedAndReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, "kv/data/a", "x")
	b.reads(t)
	b.clock.pass(39 * time.Minute)
	b.reads(t)
	require.Equal(t, [2]int{1, 0}, [2]int{b.asked(logins), b.asked(renewals)})
	b.clock.pass(2 * time.Minute)
	b.reads(t)
	for range 4 { // To 3 hours and 25 minutes.
		b.clock.pass(41 * time.Minute)
		b.reads(t)
	}
	require.Equal(t, [2]int{1, 5}, [2]int{b.asked(logins), b.asked(renewals)})
	b.clock.pass(34*time.Minute + 58*time.Second) // Two seconds before its end.
	b.reads(t)
	b.clock.pass(2 * time.Second)
	b.reads(t)
	require.Equal(t, 2, b.asked(logins))
	b.clock.pass(25 * time.Hour) // Nobody asked for so long that it is over.
	b.reads(t)
	require.Equal(t, 3, b.asked(logins))
}

func TestATokenThatVaultForgotIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, "kv/data/a", "x")
	b.reads(t)
	b.vault.RevokeAll()
	b.root = b.vault.Root()
	b.reads(t)
	require.Equal(t, 2, b.asked(logins))
	b.vault.RevokeAll()
	b.clock.pass(45 * time.Minute) // When it is to be renewed.
	b.reads(t)
	require.Equal(t, 3, b.asked(logins))
}

func TestARenewalThatIsLostIsTriedLater(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, "kv/data/a", "x")
	b.reads(t)
	b.clock.pass(45 * time.Minute)
	b.faults.FailNext(1)
	b.reads(t)
	require.Equal(t, 1, b.asked(logins), "the token still counts")
	b.reads(t)
	require.Equal(t, [2]int{1, 1}, [2]int{b.asked(logins), b.asked(renewals)})
}

func TestALoginIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *vault.Options, _ *Config) { o.Roles[0].Uses = 2 })
	b.put(t, "kv/data/a", "x")
	b.reads(t)
	b.reopen(t)
	b.reads(t)
	b.reopen(t)
	b.refused(t, fault.Unauthorized, "invalid role or secret ID") // Used up.
	require.Equal(t, 3, b.asked(logins), "a refused login is not repeated")

	b.cfg.Auth.AppRole = &AppRole{RoleID: roleID, SecretIDFile: b.cfg.Auth.AppRole.SecretIDFile, Mount: "other"}
	b.reopen(t)
	_, err := b.Read(t.Context(), "kv/a#value")
	require.Error(t, err)
	b.vault.Seal(true)
	b.refused(t, fault.Unavailable, "Vault is sealed")
}

// A new secret id is read where the worker needs one next.
func TestASecretIDIsReplacedOnDisk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.put(t, "kv/data/a", "x")
	file := b.cfg.Auth.AppRole.SecretIDFile
	require.NoError(t, os.WriteFile(file, []byte("wrong-secret-id"), 0o600))
	b.refused(t, fault.Unauthorized, "invalid role or secret ID")
	require.NoError(t, os.WriteFile(file, []byte(secretID), 0o600))
	b.reads(t)
}

// An agent beside the worker keeps the file's token alive; the driver neither renews it nor logs in.
func TestATokenFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	b := setup(t, func(_ *vault.Options, c *Config) { c.Auth = Auth{TokenFile: file} })
	b.put(t, "kv/data/a", "x")
	write := func(token string) { require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600)) }
	write(b.vault.Issue("", time.Hour, "web"))
	b.reads(t)
	b.clock.pass(59 * time.Minute)
	b.reads(t)
	b.clock.pass(2 * time.Minute)
	b.refused(t, fault.Unauthorized, "permission denied")
	write(b.vault.Issue("", time.Hour, "web"))
	b.reads(t)
	write(b.vault.Issue("", time.Hour, "nothing"))
	b.refused(t, fault.Unauthorized, "permission denied")
	write(b.vault.Issue("team-a", time.Hour, "web"))
	b.refused(t, fault.Unauthorized, "permission denied")
	require.Zero(t, b.asked(logins)+b.asked(renewals))
}

package certificates

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/access"
)

// everything is the content of all files.
func everything(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), e.Name())
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		require.NoError(t, err)
		all[e.Name()] = string(text)
	}
	return all
}

func setup(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "tls")
}

func TestWhatIsThereStays(t *testing.T) {
	t.Parallel()
	folder := setup(t)
	now := time.Now()
	_, err := prepare(folder, "fermata", now)
	require.NoError(t, err)
	first := everything(t, folder)
	_, err = prepare(folder, "fermata", now.Add(life-least-2*time.Hour))
	require.NoError(t, err)
	require.Equal(t, first, everything(t, folder))
}

func TestWhatExpiresSoonIsMadeAgain(t *testing.T) {
	t.Parallel()
	folder := setup(t)
	now := time.Now()
	_, err := prepare(folder, "fermata", now)
	require.NoError(t, err)
	first := everything(t, folder)
	later := now.Add(life - least + time.Hour)
	files, err := prepare(folder, "fermata", later)
	require.NoError(t, err)
	second := everything(t, folder)
	require.Equal(t, first["frontend-ca.pem"], second["frontend-ca.pem"])
	for _, name := range []string{"server.pem", "internode.pem", "worker.key", "operator.pem", "ui.pem", "admin.pem"} {
		require.NotEqual(t, first[name], second[name], name)
	}
	require.NoError(t, verified(t, files.Worker, x509.ExtKeyUsageClientAuth, "", later.Add(life-2*time.Hour)))

	files, err = prepare(folder, "fermata", now.Add(authorityLife-authorityLeast+time.Hour))
	require.NoError(t, err)
	third := everything(t, folder)
	require.NotEqual(t, second["frontend-ca.pem"], third["frontend-ca.pem"])
	require.NoError(t, verified(t, files.Server, x509.ExtKeyUsageServerAuth, "127.0.0.1", now.Add(authorityLife-authorityLeast+2*time.Hour)))
}

// verified verifies a certificate as the other side does.
func verified(t *testing.T, p Pair, usage x509.ExtKeyUsage, host string, at time.Time) error {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	require.NoError(t, err)
	text, err := os.ReadFile(p.Authority)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{usage}, DNSName: host, CurrentTime: at})
	return err
}

func TestNoCertificateStandsForAnother(t *testing.T) {
	t.Parallel()
	now := time.Now()
	files, err := prepare(setup(t), "fermata", now)
	require.NoError(t, err)
	client, server := x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth
	require.NoError(t, verified(t, files.Worker, client, "", now))
	require.NoError(t, verified(t, files.Server, server, "127.0.0.1", now))
	require.NoError(t, verified(t, files.Internode, server, InternodeName, now))
	require.NoError(t, verified(t, files.Internode, client, "", now))
	require.Error(t, verified(t, files.Worker, server, "", now), "a client is no server")
	require.Error(t, verified(t, files.Server, client, "", now), "the frontend is no client")
	require.Error(t, verified(t, files.Server, server, "temporal.example", now), "nor another host")
	require.Error(t, verified(t, files.Worker, client, "", now.Add(life+time.Hour)), "an expired one")
	require.Error(t, verified(t, Pair{files.Internode.Authority, files.Worker.Certificate, files.Worker.Key}, client, "", now), "a client is no part of Temporal")
	require.Error(t, verified(t, Pair{files.Server.Authority, files.Internode.Certificate, files.Internode.Key}, client, "", now), "nor the other way round")
}

// What was half written when a process died is made again; what somebody broke is not thrown away.
func TestAnUnfinishedPairIsMadeAgain(t *testing.T) {
	t.Parallel()
	folder := setup(t)
	files, err := Prepare(folder, "fermata")
	require.NoError(t, err)
	require.NoError(t, os.Remove(files.Worker.Certificate))
	require.NoError(t, os.Remove(files.UI.Key))
	files, err = Prepare(folder, "fermata")
	require.NoError(t, err)
	for _, p := range []Pair{files.Worker, files.UI} {
		require.NoError(t, verified(t, p, x509.ExtKeyUsageClientAuth, "", time.Now()))
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "frontend-ca.key"), []byte("broken"), 0o600))
	_, err = Prepare(folder, "fermata")
	require.ErrorContains(t, err, "frontend-ca")
}

func TestSeveralProcessesPrepareAtOnce(t *testing.T) {
	t.Parallel()
	folder := setup(t)
	var all sync.WaitGroup
	results := make([]error, 8)
	for i := range results {
		all.Go(func() { _, results[i] = Prepare(folder, "fermata") })
	}
	all.Wait()
	for _, err := range results {
		require.NoError(t, err)
	}
	files, err := Prepare(folder, "fermata")
	require.NoError(t, err)
	require.NoError(t, verified(t, files.Worker, x509.ExtKeyUsageClientAuth, "", time.Now()))
}

// Every client has the role of its name, and no more than one.
func TestTheRolesAreThoseOfTheClients(t *testing.T) {
	t.Parallel()
	files, err := Prepare(setup(t), "fermata")
	require.NoError(t, err)
	grants, err := access.Load(files.Roles)
	require.NoError(t, err)
	for role, p := range map[access.Role]Pair{access.Workflows: files.Worker, access.Operator: files.Operator, access.UI: files.UI, access.Admin: files.Admin} {
		pair, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
		require.NoError(t, err)
		g, err := grants.Of(pair.Leaf)
		require.NoError(t, err)
		require.Equal(t, role, g.Role)
	}
	for _, p := range []Pair{files.Server, files.Internode} {
		pair, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
		require.NoError(t, err)
		_, err = grants.Of(pair.Leaf)
		require.Error(t, err)
	}
}

package client

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/config"
	"fermata/sandbox/certificates"
)

// A renewed certificate counts for the next connection; one that is broken is told, and counts for none.
func TestACertificateIsReadForEachConnection(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	a, err := certificates.NewAuthority("test", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	require.NoError(t, err)
	files := config.TLS{CA: filepath.Join(folder, "ca.pem"), Cert: filepath.Join(folder, "own.pem"), Key: filepath.Join(folder, "own.key"), ServerName: "temporal.example"}
	require.NoError(t, os.WriteFile(files.CA, a.PEM(), 0o600))
	issue := func(name string) {
		certificate, key, err := a.Issue(certificates.Subject{Name: name, Client: true, From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour)})
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(files.Cert, certificate, 0o600))
		require.NoError(t, os.WriteFile(files.Key, key, 0o600))
	}
	issue("old")
	c, err := tlsConfig(files)
	require.NoError(t, err)
	require.False(t, c.InsecureSkipVerify)
	require.Equal(t, "temporal.example", c.ServerName)
	for _, name := range []string{"old", "new"} {
		issue(name)
		pair, err := c.GetClientCertificate(nil)
		require.NoError(t, err)
		require.Equal(t, name, pair.Leaf.Subject.CommonName)
	}
	require.NoError(t, os.WriteFile(files.Key, []byte("broken"), 0o600))
	_, err = c.GetClientCertificate(nil)
	require.ErrorContains(t, err, "spec.temporal.tls.cert")
	_, err = tlsConfig(files)
	require.True(t, fault.Is(err, fault.Invalid))
}

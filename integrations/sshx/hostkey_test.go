package sshx_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"fermata/activities/fault"
	"fermata/integrations/sshx"
)

func TestWrongHostKeyNamesBothByFingerprint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, _ := newKey(t)
	b.cfg.HostKeys = []string{line(other.PublicKey())}
	err := newPool(t, b.cfg, b.vault).Ping(t.Context())
	require.True(t, fault.Is(err, fault.Unauthorized), "%v", err)
	require.ErrorContains(t, err, "showed ssh-ed25519 "+ssh.FingerprintSHA256(b.server.hostKeys[0].PublicKey()))
	require.ErrorContains(t, err, "expected ssh-ed25519 "+ssh.FingerprintSHA256(other.PublicKey()))
	require.Zero(t, b.server.logins.Load())
}

func TestOnlyKindsOfKeysThatAreTrustedAreAskedFor(t *testing.T) {
	t.Parallel()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	second, err := ssh.NewSignerFromKey(private)
	require.NoError(t, err)
	first, _ := newKey(t)
	b := setup(t, func(s *server) { s.hostKeys = []ssh.Signer{first, second} })

	b.cfg.HostKeys = []string{line(second.PublicKey())}
	require.NoError(t, newPool(t, b.cfg, b.vault).Ping(t.Context()), "the server would rather show its first key")

	only := setup(t)
	only.cfg.HostKeys = []string{line(second.PublicKey())}
	err = newPool(t, only.cfg, only.vault).Ping(t.Context())
	require.True(t, fault.Is(err, fault.Unauthorized), "%v", err)
	require.ErrorContains(t, err, ssh.FingerprintSHA256(second.PublicKey()))
}

func certify(t *testing.T, ca, host ssh.Signer, change func(*ssh.Certificate)) ssh.Signer {
	t.Helper()
	cert := &ssh.Certificate{
		Key: host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"web-01"},
		ValidAfter: uint64(time.Now().Add(-time.Hour).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
	}
	if change != nil {
		change(cert)
	}
	require.NoError(t, cert.SignCert(rand.Reader, ca))
	signer, err := ssh.NewCertSigner(cert, host)
	require.NoError(t, err)
	return signer
}

func TestHostCertificates(t *testing.T) {
	t.Parallel()
	ca, _ := newKey(t)
	otherCA, _ := newKey(t)
	host, _ := newKey(t)
	past := uint64(time.Now().Add(-time.Minute).Unix())
	for name, c := range map[string]struct {
		signer ssh.Signer
		kind   fault.Kind
		text   string
	}{
		"good":            {certify(t, ca, host, nil), "", ""},
		"expired":         {certify(t, ca, host, func(c *ssh.Certificate) { c.ValidBefore = past }), fault.Unauthorized, "expired"},
		"not yet":         {certify(t, ca, host, func(c *ssh.Certificate) { c.ValidAfter = c.ValidBefore - 10 }), fault.Unauthorized, "not yet valid"},
		"wrong principal": {certify(t, ca, host, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"web-02"} }), fault.Unauthorized, `"web-01"`},
		"no principal":    {certify(t, ca, host, func(c *ssh.Certificate) { c.ValidPrincipals = nil }), fault.Unauthorized, "names no host"},
		"a user's":        {certify(t, ca, host, func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), fault.Unauthorized, "not trusted"},
		"another CA":      {certify(t, otherCA, host, nil), fault.Unauthorized, ssh.FingerprintSHA256(ca.PublicKey())},
		"no certificate":  {host, fault.Unauthorized, ssh.FingerprintSHA256(ca.PublicKey())},
	} {
		b := setup(t, func(s *server) { s.hostKeys = []ssh.Signer{c.signer} })
		b.cfg.HostKeys, b.cfg.HostCA = nil, []string{line(ca.PublicKey())}
		_, err := newPool(t, b.cfg, b.vault).Client(t.Context(), sshx.Target{Name: "web-01"})
		require.Equal(t, c.kind, fault.KindOf(err), "%s: %v", name, err)
		if c.kind != "" {
			require.ErrorContains(t, err, c.text, name)
		}
	}
}

func TestServerWithKeyAndCertificateIsRecognisedByEither(t *testing.T) {
	t.Parallel()
	ca, _ := newKey(t)
	host, _ := newKey(t)
	b := setup(t, func(s *server) { s.hostKeys = []ssh.Signer{certify(t, ca, host, nil), host} })
	b.cfg.HostKeys, b.cfg.HostCA = []string{line(host.PublicKey())}, nil
	require.NoError(t, newPool(t, b.cfg, b.vault).Ping(t.Context()), "by its key")
	b.cfg.HostKeys, b.cfg.HostCA = nil, []string{line(ca.PublicKey())}
	_, err := newPool(t, b.cfg, b.vault).Client(t.Context(), sshx.Target{Name: "web-01"})
	require.NoError(t, err, "by its certificate")
}

func port(t *testing.T, b bundle) string {
	t.Helper()
	_, port, err := net.SplitHostPort(b.server.address)
	require.NoError(t, err)
	return port
}

func TestKnownHostsFile(t *testing.T) {
	t.Parallel()
	ca, _ := newKey(t)
	host, _ := newKey(t)
	plain := setup(t, func(s *server) { s.hostKeys = []ssh.Signer{host} })
	certified := setup(t, func(s *server) {
		s.hostKeys = []ssh.Signer{certify(t, ca, host, func(c *ssh.Certificate) { c.ValidPrincipals = []string{"127.0.0.1"} })}
	})
	nameless := setup(t, func(s *server) {
		s.hostKeys = []ssh.Signer{certify(t, ca, host, func(c *ssh.Certificate) { c.ValidPrincipals = nil })}
	})
	other, _ := newKey(t)
	for name, c := range map[string]struct {
		b    bundle
		text string
		kind fault.Kind
	}{
		"plain":                  {plain, knownhosts.Line([]string{plain.server.address}, host.PublicKey()), ""},
		"hashed":                 {plain, knownhosts.HashHostname(knownhosts.Normalize(plain.server.address)) + " " + line(host.PublicKey()), ""},
		"another key":            {plain, knownhosts.Line([]string{plain.server.address}, other.PublicKey()), fault.Unauthorized},
		"another host":           {plain, knownhosts.Line([]string{"10.0.0.1:22"}, host.PublicKey()), fault.Unauthorized},
		"revoked":                {plain, "@revoked * " + line(host.PublicKey()), fault.Unauthorized},
		"authority":              {certified, "@cert-authority [127.0.0.*]:" + port(t, certified) + " " + line(ca.PublicKey()), ""},
		"authority elsewhere":    {certified, "@cert-authority *.example " + line(ca.PublicKey()), fault.Unauthorized},
		"authority, no name":     {nameless, "@cert-authority [127.0.0.*]:" + port(t, nameless) + " " + line(ca.PublicKey()), fault.Unauthorized},
		"not a file of the form": {plain, "what is this", fault.Invalid},
	} {
		file := filepath.Join(t.TempDir(), "known_hosts")
		require.NoError(t, os.WriteFile(file, []byte(c.text+"\n"), 0o600))
		c.b.cfg.HostKeys, c.b.cfg.KnownHosts = nil, file
		err := newPool(t, c.b.cfg, c.b.vault).Ping(t.Context())
		require.Equal(t, c.kind, fault.KindOf(err), "%s: %v", name, err)
	}
}

func TestNothingToRecogniseTheHostByIsInvalid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pool := newPool(t, sshx.Config{User: "deploy", Key: b.cfg.Key}, b.vault)
	_, err := pool.Client(t.Context(), sshx.Target{Address: b.server.address})
	require.True(t, fault.Is(err, fault.Invalid), "%v", err)
	require.Zero(t, b.server.logins.Load())
}

package decision_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"fermata/decision"
)

// newKeyFile writes a private key and returns its path and its public part.
func newKeyFile(t *testing.T, passphrase string) (string, ssh.Signer) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(private, "test")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "id")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
	return path, must(ssh.NewSignerFromKey(private))
}

func writePublic(t *testing.T, path string, key ssh.PublicKey) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, ssh.MarshalAuthorizedKey(key), 0o644))
	return path
}

func certificate(t *testing.T, key ssh.PublicKey) *ssh.Certificate {
	t.Helper()
	cert := &ssh.Certificate{Key: key, CertType: ssh.UserCert, ValidPrincipals: []string{"alice@example.org"}, ValidBefore: ssh.CertTimeInfinity}
	require.NoError(t, cert.SignCert(rand.Reader, newSigner(t)))
	return cert
}

func TestSignerFromFile(t *testing.T) {
	t.Parallel()
	path, want := newKeyFile(t, "")
	s, err := decision.SignerFromFile(path, nil)
	require.NoError(t, err)
	require.Equal(t, want.PublicKey().Marshal(), s.PublicKey().Marshal())

	cert := certificate(t, want.PublicKey())
	writePublic(t, path+"-cert.pub", cert)
	s, err = decision.SignerFromFile(path, nil)
	require.NoError(t, err)
	require.Equal(t, cert.Marshal(), s.PublicKey().Marshal(), "the certificate beside the key is used")

	path, want = newKeyFile(t, "secret")
	s, err = decision.SignerFromFile(path, func() ([]byte, error) { return []byte("secret"), nil })
	require.NoError(t, err)
	require.Equal(t, want.PublicKey().Marshal(), s.PublicKey().Marshal())
}

func TestSignerFromFileRefuses(t *testing.T) {
	t.Parallel()
	path, _ := newKeyFile(t, "")
	for _, mode := range []os.FileMode{0o644, 0o640, 0o660, 0o604} {
		require.NoError(t, os.Chmod(path, mode))
		_, err := decision.SignerFromFile(path, nil)
		require.ErrorContains(t, err, "others can read it: run chmod 600")
		require.ErrorContains(t, err, path)
	}
	_, err := decision.SignerFromFile(path+".gone", nil)
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = decision.SignerFromFile(filepath.Dir(path), nil)
	require.ErrorContains(t, err, "not a regular file")
	_, err = decision.SignerFromFile(writePublic(t, path+".pub", newSigner(t).PublicKey()), nil)
	require.ErrorContains(t, err, "it is a public key: give the private key")
	require.NoError(t, os.WriteFile(path+".txt", []byte("hello"), 0o600))
	_, err = decision.SignerFromFile(path+".txt", nil)
	require.ErrorContains(t, err, "reading the key")

	weak, err := ssh.MarshalPrivateKey(weakKey(t), "")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path+".weak", pem.EncodeToMemory(weak), 0o600))
	_, err = decision.SignerFromFile(path+".weak", nil)
	require.ErrorContains(t, err, "1024 bits does not count")
}

func weakKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	return must(rsa.GenerateKey(rand.Reader, 1024))
}

func TestSignerFromFileAsksForThePassphrase(t *testing.T) {
	t.Parallel()
	path, _ := newKeyFile(t, "secret")
	_, err := decision.SignerFromFile(path, nil)
	require.ErrorContains(t, err, "it is encrypted: load it into ssh-agent")
	_, err = decision.SignerFromFile(path, func() ([]byte, error) { return []byte("guess"), nil })
	require.ErrorContains(t, err, "the passphrase does not open it")
	require.NotContains(t, err.Error(), "guess")
	_, err = decision.SignerFromFile(path, func() ([]byte, error) { return nil, errors.New("no terminal") })
	require.ErrorContains(t, err, "no terminal")
}

func TestSignerFromFileRefusesACertificateOfAnotherKey(t *testing.T) {
	t.Parallel()
	path, s := newKeyFile(t, "")
	writePublic(t, path+"-cert.pub", certificate(t, newSigner(t).PublicKey()))
	_, err := decision.SignerFromFile(path, nil)
	require.ErrorContains(t, err, "certificate of another key")
	writePublic(t, path+"-cert.pub", s.PublicKey())
	_, err = decision.SignerFromFile(path, nil)
	require.ErrorContains(t, err, "it is no certificate")
	require.NoError(t, os.WriteFile(path+"-cert.pub", []byte("x"), 0o600))
	_, err = decision.SignerFromFile(path, nil)
	require.ErrorContains(t, err, "not one line of key type and key")
}

// newAgent serves an agent on a socket.
func newAgent(t *testing.T, keys ...agent.AddedKey) string {
	t.Helper()
	keyring := agent.NewKeyring()
	for _, k := range keys {
		require.NoError(t, keyring.Add(k))
	}
	dir, err := os.MkdirTemp("", "agent") // t.TempDir is too long for a socket on some systems
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keyring, conn) }()
		}
	}()
	return socket
}

func newPrivate(t *testing.T) (ed25519.PrivateKey, ssh.PublicKey) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return private, must(ssh.NewSignerFromKey(private)).PublicKey()
}

func requireAgentSigns(t *testing.T, socket, path string, want ssh.PublicKey) {
	t.Helper()
	s, closer, err := decision.SignerFromAgent(socket, path)
	require.NoError(t, err)
	require.Equal(t, want.Marshal(), s.PublicKey().Marshal())
	_, err = decision.Sign(envelope(), s)
	require.NoError(t, err)
	require.NoError(t, closer.Close())
}

func TestSignerFromAgent(t *testing.T) {
	t.Parallel()
	a, publicA := newPrivate(t)
	b, publicB := newPrivate(t)
	r := must(rsa.GenerateKey(rand.Reader, 2048))
	publicR := must(ssh.NewPublicKey(r.Public()))
	certA, certR := certificate(t, publicA), certificate(t, publicR)
	dir := t.TempDir()
	file := func(name string, key ssh.PublicKey) string { return writePublic(t, filepath.Join(dir, name), key) }

	requireAgentSigns(t, newAgent(t, agent.AddedKey{PrivateKey: a}), "", publicA)
	requireAgentSigns(t, newAgent(t, agent.AddedKey{PrivateKey: a}, agent.AddedKey{PrivateKey: a, Certificate: certA}), "", certA)
	all := newAgent(t, agent.AddedKey{PrivateKey: a}, agent.AddedKey{PrivateKey: b}, agent.AddedKey{PrivateKey: r},
		agent.AddedKey{PrivateKey: r, Certificate: certR})
	requireAgentSigns(t, all, file("b.pub", publicB), publicB)
	requireAgentSigns(t, all, file("r.pub", publicR), publicR)
	requireAgentSigns(t, all, file("r-cert.pub", certR), certR)
	requireAgentSigns(t, all, file("a-cert.pub", certA), certA) // the agent has the key only
}

func TestSignerFromAgentRefuses(t *testing.T) {
	t.Parallel()
	a, publicA := newPrivate(t)
	b, _ := newPrivate(t)
	_, foreign := newPrivate(t)
	dir := t.TempDir()
	two := newAgent(t, agent.AddedKey{PrivateKey: a}, agent.AddedKey{PrivateKey: b})
	require.NoError(t, os.WriteFile(filepath.Join(dir, "words"), []byte("words"), 0o600))
	for name, c := range map[string]struct{ socket, path, want string }{
		"several":            {two, "", "say which by its .pub file: ssh-ed25519 SHA256:"},
		"none":               {newAgent(t), "", "holds no key: add one with ssh-add"},
		"another":            {two, writePublic(t, filepath.Join(dir, "foreign"), foreign), "does not hold the key SHA256:"},
		"another's cert":     {two, writePublic(t, filepath.Join(dir, "cert"), certificate(t, foreign)), "does not hold the key SHA256:"},
		"no such public key": {two, filepath.Join(dir, "gone"), "no such file"},
		"no public key":      {two, filepath.Join(dir, "words"), "not one line of key type and key"},
		"no agent":           {filepath.Join(dir, "nobody"), "", "start it, or name a key file"},
	} {
		_, _, err := decision.SignerFromAgent(c.socket, c.path)
		require.ErrorContains(t, err, c.want, name)
	}
	_, _, err := decision.SignerFromAgent(two, "")
	require.ErrorContains(t, err, decision.Fingerprint(publicA))
}

func TestSignerFromAgentWithoutOne(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "")
	_, _, err := decision.SignerFromAgent("", "")
	require.ErrorContains(t, err, "SSH_AUTH_SOCK is not set")
}

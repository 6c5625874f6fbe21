package decision_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/decision"
)

func armor(t *testing.T, s ssh.Signer, message []byte, namespace string) string {
	t.Helper()
	sig, err := sshsig.Sign(bytes.NewReader(message), s, sshsig.HashSHA512, namespace)
	require.NoError(t, err)
	return string(sshsig.Armor(sig))
}

// TestAnybodyCanCheckADecision lets ssh-keygen verify what Sign makes with every type of key, bare and certified.
func TestAnybodyCanCheckADecision(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	for name, s := range kinds(t) {
		signed, err := decision.Sign(envelope(), s)
		require.NoError(t, err, name)
		requireOpenSSH(t, "alice@example.org "+public(s), signed)
		require.NoError(t, allowed(t, "alice@example.org "+public(s)).
			Verify(signed.Envelope, signed.Signature, "alice@example.org", decision.Namespace, at), name)

		cert := &ssh.Certificate{
			Key: s.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{"alice@example.org"}, ValidBefore: ssh.CertTimeInfinity,
		}
		require.NoError(t, cert.SignCert(rand.Reader, c.authority))
		signed, err = decision.Sign(envelope(), must(ssh.NewCertSigner(cert, s)))
		require.NoError(t, err, name)
		requireOpenSSH(t, "* cert-authority "+public(c.authority), signed)
	}
}

func requireOpenSSH(t *testing.T, file string, signed decision.Signed) {
	t.Helper()
	dir := t.TempDir()
	signers, sig := filepath.Join(dir, "signers"), filepath.Join(dir, "sig")
	require.NoError(t, os.WriteFile(signers, []byte(file+"\n"), 0o600))
	require.NoError(t, os.WriteFile(sig, []byte(signed.Signature), 0o600))
	cmd := exec.CommandContext(t.Context(), "ssh-keygen", "-Y", "verify", "-f", signers, "-I", "alice@example.org",
		"-n", decision.Namespace, "-s", sig, "-O", "verify-time=20260601120100Z")
	cmd.Stdin = bytes.NewReader(signed.Envelope)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestSigningRefuses(t *testing.T) {
	t.Parallel()
	_, err := decision.Sign(envelope(), nil)
	require.ErrorContains(t, err, "there is no signer")
	_, err = decision.Sign(decision.Envelope{}, newSigner(t))
	require.ErrorContains(t, err, "signing the decision: version 0 is not known")
	_, err = decision.Sign(envelope(), broken{newSigner(t)})
	require.ErrorContains(t, err, "the token is gone")
	_, err = decision.Sign(envelope(), exchanged{newSigner(t), newSigner(t)})
	require.ErrorContains(t, err, "checking the signature")
	_, err = decision.Sign(envelope(), old{kinds(t)["rsa"]})
	require.ErrorContains(t, err, "cannot use SHA-2")
}

// broken is a signer that fails.
type broken struct{ ssh.Signer }

func (broken) Sign(io.Reader, []byte) (*ssh.Signature, error) {
	return nil, errors.New("the token is gone")
}

// exchanged is a signer that shows one key and uses another.
type exchanged struct{ shown, used ssh.Signer }

func (e exchanged) PublicKey() ssh.PublicKey { return e.shown.PublicKey() }

func (e exchanged) Sign(r io.Reader, data []byte) (*ssh.Signature, error) {
	return e.used.Sign(r, data)
}

// old is a signer that knows SHA-1 only.
type old struct{ ssh.Signer }

func TestPrincipals(t *testing.T) {
	t.Parallel()
	c := newCourt(t)
	a := allowed(t,
		"alice,al*,!bob "+public(c.alice), `carol namespaces="git" `+public(c.alice), `dave valid-before="20260101Z" `+public(c.alice),
		"alice,erin "+public(c.alice), "*@ops cert-authority "+public(c.authority))
	require.Equal(t, 5, a.Size())
	require.Equal(t, []string{"alice", "erin"}, a.Principals(c.alice.PublicKey(), decision.Namespace, at))
	require.Equal(t, []string{"alice", "dave", "erin"}, a.Principals(c.alice.PublicKey(), decision.Namespace, at.AddDate(-1, 0, 0)))
	require.Empty(t, a.Principals(c.bob.PublicKey(), decision.Namespace, at))
	cert := certified(t, c, "x@ops", func(cert *ssh.Certificate) { cert.ValidPrincipals = []string{"x@ops", "y", "z@ops"} })
	require.Equal(t, []string{"x@ops", "z@ops"}, a.Principals(cert.PublicKey(), decision.Namespace, at))
	require.Empty(t, a.Principals(cert.PublicKey(), decision.Namespace, at.Add(24*time.Hour)))
}

package decision

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Signed is a decision on its way: the canonical bytes and their armored SSHSIG.
type Signed struct {
	Envelope  []byte `json:"envelope"`
	Signature string `json:"signature"`
}

// Sign signs an envelope with SHA-512; an RSA key signs with rsa-sha2-512. What the signer returns is verified before it
// is given out, so that a broken agent shows here and not at the gate.
func Sign(e Envelope, s ssh.Signer) (Signed, error) {
	message, err := e.Canonical()
	if err != nil {
		return Signed{}, fmt.Errorf("signing the decision: %w", err)
	}
	if s == nil {
		return Signed{}, errors.New("signing the decision: there is no signer")
	}
	if s, err = modern(s); err != nil {
		return Signed{}, fmt.Errorf("signing the decision: %w", err)
	}
	sig, err := sshsig.Sign(bytes.NewReader(message), s, sshsig.HashSHA512, Namespace)
	if err != nil {
		return Signed{}, fmt.Errorf("signing the decision with %s: %w", Fingerprint(s.PublicKey()), err)
	}
	armored := string(sshsig.Armor(sig))
	if _, err := checkSignature(message, armored, Namespace); err != nil {
		return Signed{}, fmt.Errorf("checking the signature that %s gave: %w", Fingerprint(s.PublicKey()), err)
	}
	return Signed{Envelope: message, Signature: armored}, nil
}

// modern makes RSA keys sign with SHA-2 also under a certificate, where the default would be SHA-1.
func modern(s ssh.Signer) (ssh.Signer, error) {
	if plain(s.PublicKey()).Type() != ssh.KeyAlgoRSA {
		return s, nil
	}
	with, ok := s.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("the signer of the RSA key cannot use SHA-2: use another agent or an ed25519 key")
	}
	return rsaSigner{with}, nil
}

type rsaSigner struct{ ssh.AlgorithmSigner }

func (s rsaSigner) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, ssh.KeyAlgoRSASHA512)
}

// Fingerprint is the key's SHA-256 fingerprint as ssh-keygen prints it; a certificate has that of the key in it.
func Fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(plain(key)) }

// plain is the key itself, without the certificate around it.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := certificateOf(key); ok {
		return cert.Key
	}
	return key
}

// certificateOf also sees a certificate in what an agent returns, which is a type of the agent's own.
func certificateOf(key ssh.PublicKey) (*ssh.Certificate, bool) {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert, true
	}
	if !strings.Contains(key.Type(), "-cert-v01@") {
		return nil, false
	}
	parsed, err := ssh.ParsePublicKey(key.Marshal())
	if err != nil {
		return nil, false
	}
	cert, ok := parsed.(*ssh.Certificate)
	return cert, ok
}

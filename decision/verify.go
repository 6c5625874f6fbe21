package decision

import (
	"bytes"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

const (
	armorBegin = "-----BEGIN SSH SIGNATURE-----"
	armorEnd   = "-----END SSH SIGNATURE-----"
	// maxArmor bounds a signature, in bytes: an RSA-16384 certificate with many principals fits.
	maxArmor = 64 << 10
	// minRSA is the shortest RSA key that counts, in bits.
	minRSA = 2048
)

// checkSignature checks the mathematics only and returns the key that signed: whose it is, is another question.
func checkSignature(message []byte, armored, namespace string) (ssh.PublicKey, error) {
	blob, err := dearmor(armored)
	if err != nil {
		return nil, err
	}
	sig, err := sshsig.ParseSignature(blob)
	if err != nil {
		return nil, fmt.Errorf("reading the signature: %w", err)
	}
	if sig.Namespace != namespace {
		return nil, fmt.Errorf("the signature is for the namespace %q, not for %q", sig.Namespace, namespace)
	}
	if err := checkKey(plain(sig.PublicKey)); err != nil {
		return nil, err
	}
	if err := checkFormat(plain(sig.PublicKey), sig.Signature); err != nil {
		return nil, err
	}
	if err := sshsig.Verify(bytes.NewReader(message), sig, sig.PublicKey, sig.HashAlgorithm, namespace); err != nil {
		return nil, errors.New("the signature does not fit the message: it was changed, or signed by another key")
	}
	return sig.PublicKey, nil
}

// dearmor is as strict as OpenSSH's sshsig_dearmor, where a PEM reader would skip text before and headers inside.
func dearmor(armored string) ([]byte, error) {
	if len(armored) > maxArmor {
		return nil, fmt.Errorf("the signature has %d bytes, more than the %d allowed", len(armored), maxArmor)
	}
	body, ok := strings.CutPrefix(armored, armorBegin+"\n")
	if !ok {
		return nil, fmt.Errorf("the signature does not begin with %q", armorBegin)
	}
	body, rest, ok := strings.Cut(body, "\n"+armorEnd)
	if !ok || strings.TrimSpace(rest) != "" {
		return nil, fmt.Errorf("the signature does not end with %q", armorEnd)
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil {
		return nil, fmt.Errorf("reading the signature: %w", err)
	}
	return blob, nil
}

// keyTypes are the keys that count: what OpenSSH has today, without DSA.
func keyTypes() []string {
	return []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoRSA,
	}
}

// checkKey refuses keys too weak to decide with.
func checkKey(key ssh.PublicKey) error {
	if !slices.Contains(keyTypes(), key.Type()) {
		return fmt.Errorf("keys of type %s do not count: use one of %s", key.Type(), strings.Join(keyTypes(), ", "))
	}
	crypto, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	if k, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok && k.N.BitLen() < minRSA {
		return fmt.Errorf("an RSA key of %d bits does not count: use %d or more, or ed25519", k.N.BitLen(), minRSA)
	}
	return nil
}

// checkFormat refuses SHA-1 (also under a certificate), and bytes behind a signature that nobody signed.
func checkFormat(key ssh.PublicKey, sig *ssh.Signature) error {
	sha2 := sig.Format == ssh.KeyAlgoRSASHA256 || sig.Format == ssh.KeyAlgoRSASHA512
	if key.Type() == ssh.KeyAlgoRSA && !sha2 {
		return fmt.Errorf("the RSA signature is of type %q: only rsa-sha2-256 and rsa-sha2-512 count", sig.Format)
	}
	if len(sig.Rest) > 0 && !strings.HasPrefix(key.Type(), "sk-") {
		return errors.New("there is data behind the signature")
	}
	return nil
}

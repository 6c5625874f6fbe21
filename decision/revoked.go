package decision

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Revoked is a list of public keys that no longer count, whatever allowed_signers says: the plain form of sshd's
// RevokedKeys, one key a line. A certificate is revoked by its key and by the key of its authority. The nil list revokes
// nothing.
type Revoked struct{ lines map[string]int }

// ParseRevoked reads the list. Binary key revocation lists (ssh-keygen -k) are refused, not ignored.
func ParseRevoked(r io.Reader) (*Revoked, error) {
	list := &Revoked{lines: map[string]int{}}
	err := eachLine(r, func(number int, text string) error {
		if strings.HasPrefix(text, "SSHKRL") {
			return errors.New("this is a binary revocation list: give the revoked public keys, one a line")
		}
		key, err := parseRevokedKey(text)
		if err != nil {
			return err
		}
		list.lines[string(plain(key).Marshal())] = number
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading revoked keys: %w", err)
	}
	return list, nil
}

// parseRevokedKey also takes keys too weak to sign, and certificates for the keys in them: a list may well name them.
func parseRevokedKey(text string) (ssh.PublicKey, error) {
	fields := strings.Fields(text)
	if !startsWithKey(text) || len(fields) < 2 {
		return nil, errors.New("expected a public key, as in a .pub file")
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(fields[0] + " " + fields[1]))
	if err != nil {
		return nil, fmt.Errorf("the %s key cannot be read: copy the line of the .pub file as it is", fields[0])
	}
	return key, nil
}

// check says whether the key, or the authority of its certificate, is in the list.
func (r *Revoked) check(key ssh.PublicKey) error {
	if r == nil {
		return nil
	}
	if number, ok := r.lines[string(plain(key).Marshal())]; ok {
		return fmt.Errorf("the key %s is revoked (line %d of the revoked keys)", Fingerprint(key), number)
	}
	cert, ok := certificateOf(key)
	if !ok {
		return nil
	}
	if number, ok := r.lines[string(cert.SignatureKey.Marshal())]; ok {
		return fmt.Errorf("the authority of the certificate is revoked (line %d of the revoked keys)", number)
	}
	return nil
}

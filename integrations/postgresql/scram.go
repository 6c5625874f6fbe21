package postgresql

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"fermata/activities/fault"
	"fermata/activities/secret"
)

const (
	// iterations is PostgreSQL's own number (scram_iterations), the least that RFC 7677, section 4 allows. Passwords that are made
	// here have 238 bits of chance: more rounds would add nothing.
	iterations = 4096
	saltLength = 16
)

// verifier is what PostgreSQL keeps instead of a password: "SCRAM-SHA-256$4096:salt$StoredKey:ServerKey" (pg_authid's
// documentation). The password is letters and digits, which SASLprep (RFC 4013) leaves as they are.
func verifier(password secret.Value) (string, error) {
	salt := make([]byte, saltLength)
	if _, err := rand.Read(salt); err != nil {
		return "", fault.Wrap(fault.Unavailable, err, "making a salt")
	}
	return derive(password.Text(), salt)
}

// derive is RFC 5802, section 3.
func derive(password string, salt []byte) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "deriving a verifier")
	}
	stored := sha256.Sum256(sign(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", iterations, encode(salt), encode(stored[:]), encode(sign(salted, "Server Key"))), nil
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

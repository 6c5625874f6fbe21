package ansible

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
)

// Parameters of Ansible Vault's format 1.1 (docs.ansible.com, "Ansible Vault payload format 1.1 - 1.2").
const (
	vaultHeader     = "$ANSIBLE_VAULT;1.1;AES256"
	vaultIterations = 10_000
	vaultLine       = 80
)

// seal encrypts what Ansible is to read from a file, and returns the key's text. Ansible takes variables from files only: it
// looks for the one behind /dev/fd/4, and a pipe has none. The key to a vault it does read from a pipe.
func seal(plain []byte) (sealed []byte, password string, err error) {
	password = rand.Text() + rand.Text() // 256 bits.
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // It never fails.
	keys, err := pbkdf2.Key(sha256.New, password, salt, vaultIterations, 32+32+aes.BlockSize)
	if err != nil {
		return nil, "", err
	}
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		return nil, "", err
	}
	padding := aes.BlockSize - len(plain)%aes.BlockSize // PKCS #7.
	padded := append(append([]byte{}, plain...), []byte(strings.Repeat(string(rune(padding)), padding))...)
	cipher.NewCTR(block, keys[64:]).XORKeyStream(padded, padded)
	mac := hmac.New(sha256.New, keys[32:64])
	_, _ = mac.Write(padded)
	body := hex.EncodeToString([]byte(hex.EncodeToString(salt) + "\n" + hex.EncodeToString(mac.Sum(nil)) + "\n" + hex.EncodeToString(padded)))
	var out strings.Builder
	out.WriteString(vaultHeader + "\n")
	for len(body) > 0 {
		n := min(vaultLine, len(body))
		out.WriteString(body[:n] + "\n")
		body = body[n:]
	}
	return []byte(out.String()), password, nil
}

// filled is the end of a pipe that a text can be read from, to its end, whatever becomes of this process: it is short
// enough for the pipe to hold.
func filled(text string) (*os.File, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = writer.WriteString(text + "\n")
	_ = writer.Close()
	if err != nil {
		_ = reader.Close()
		return nil, err
	}
	return reader, nil
}

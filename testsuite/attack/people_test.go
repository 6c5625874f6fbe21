package attack

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"fermata/client"
	"fermata/decision"
)

// Those who sign. All but dave are in a group that may approve.
const (
	asker   = "asker@attack"  // Asks for the runs.
	shouter = "ASKER@attack"  // The same person in other letters, with the same key.
	bob     = "bob@attack"    // Approves.
	carol   = "carol@attack"  // Approves.
	erin    = "erin@ca"       // Approves, by a certificate.
	dave    = "dave@attack"   // Has a key that counts, and is in no group.
	robot   = "robot@attack"  // A machine.
	rita    = "rita@attack"   // Her key is revoked.
	rosa    = "rosa@attack"   // Has an RSA key.
	oscar   = "oscar@attack"  // His key counted until last year.
	nobody  = "nobody@attack" // Is in no file.
)

// cast is everybody's keys, in files as a person has them.
type cast struct {
	folder  string
	keys    map[string]ssh.Signer // By the name of the file.
	private map[string]any
}

func newCast(t *testing.T, folder string) *cast {
	t.Helper()
	require.NoError(t, os.MkdirAll(folder, 0o700))
	c := &cast{folder: folder, keys: map[string]ssh.Signer{}, private: map[string]any{}}
	for _, name := range []string{asker, bob, carol, dave, robot, rita, oscar, nobody, "authority", "foreign-authority"} {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		c.add(t, name, key)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	c.add(t, rosa, key)
	year := 365 * 24 * time.Hour
	c.certify(t, erin, "authority", erin, -time.Hour, year)
	c.certify(t, "expired", "authority", erin, -year, -time.Hour)
	c.certify(t, "early", "authority", erin, time.Hour, year)
	c.certify(t, "other-name", "authority", "frank@ca", -time.Hour, year)
	c.certify(t, "foreign", "foreign-authority", erin, -time.Hour, year)
	c.write(t)
	return c
}

func (c *cast) add(t *testing.T, name string, key any) {
	t.Helper()
	signer, err := ssh.NewSignerFromKey(key)
	require.NoError(t, err)
	block, err := ssh.MarshalPrivateKey(key, name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.file(name), pem.EncodeToMemory(block), 0o600))
	c.keys[name], c.private[name] = signer, key
}

// certify makes a key and its certificate for a principal, valid from and until so long from now.
func (c *cast) certify(t *testing.T, name, authority, principal string, from, until time.Duration) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	c.add(t, name, key)
	cert := &ssh.Certificate{
		Key: c.keys[name].PublicKey(), CertType: ssh.UserCert, KeyId: name, ValidPrincipals: []string{principal},
		ValidAfter: uint64(time.Now().Add(from).Unix()), ValidBefore: uint64(time.Now().Add(until).Unix()), //nolint:gosec // After 1970.
	}
	require.NoError(t, cert.SignCert(rand.Reader, c.keys[authority]))
	require.NoError(t, os.WriteFile(c.file(name)+"-cert.pub", ssh.MarshalAuthorizedKey(cert), 0o600))
	c.keys[name], err = ssh.NewCertSigner(cert, c.keys[name])
	require.NoError(t, err)
}

// write writes whose key is whose, and which is revoked.
func (c *cast) write(t *testing.T) {
	t.Helper()
	const ours = ` namespaces="` + decision.Namespace + `"`
	var lines strings.Builder
	for _, name := range []string{asker, bob, carol, dave, robot, rita, rosa} {
		lines.WriteString(name + ours + " " + c.public(name))
	}
	lines.WriteString(shouter + ours + " " + c.public(asker))
	lines.WriteString(oscar + ours + `,valid-before="20250101Z" ` + c.public(oscar))
	lines.WriteString("*@ca cert-authority," + strings.TrimSpace(ours) + " " + c.public("authority"))
	require.NoError(t, os.WriteFile(filepath.Join(c.folder, "signers"), []byte(lines.String()), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(c.folder, "revoked"), []byte(c.public(rita)), 0o600))
}

func (c *cast) public(name string) string {
	return string(ssh.MarshalAuthorizedKey(c.keys[name].PublicKey()))
}

func (c *cast) file(name string) string { return filepath.Join(c.folder, name) }

func (c *cast) person(name string) client.Person {
	return client.Person{Name: name, Signer: c.keys[name]}
}

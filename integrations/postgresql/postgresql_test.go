package postgresql

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/secret"
	"fermata/integrations/dbx"
)

// TestVerifierIsThatOfRFC7677 checks both keys against the messages of RFC 7677, section 3: the client's proof and the server's
// signature follow from them.
func TestVerifierIsThatOfRFC7677(t *testing.T) {
	t.Parallel()
	const (
		messages  = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
		proof     = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
		signature = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
	)
	decode := func(text string) []byte {
		b, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		return b
	}
	text, err := derive("pencil", decode("W22ZaJ0SNY7soEsUEjb6gQ=="))
	require.NoError(t, err)
	rest, found := strings.CutPrefix(text, "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")
	require.True(t, found, text)
	stored, server, _ := strings.Cut(rest, ":")
	require.Equal(t, decode(signature), sign(decode(server), messages))
	key := decode(proof)
	for i, b := range sign(decode(stored), messages) {
		key[i] ^= b
	}
	sum := sha256.Sum256(key)
	require.True(t, hmac.Equal(sum[:], decode(stored)))
}

func TestVerifiersDifferByTheirSalt(t *testing.T) {
	t.Parallel()
	password := secret.NewValue([]byte(strings.Repeat("a", 40)))
	one, err := verify(password)
	require.NoError(t, err)
	other, err := verify(password)
	require.NoError(t, err)
	require.NotEqual(t, one, other)
	for _, bad := range []string{"", "short", "with space and more", strings.Repeat("a", 129), "quote'quote'quote'"} {
		_, err := verify(secret.NewValue([]byte(bad)))
		require.Equal(t, fault.Invalid, fault.KindOf(err), bad)
	}
}

func TestNamesOfOwners(t *testing.T) {
	t.Parallel()
	require.Equal(t, "shop.owner", owners("shop"))
	long := strings.Repeat("x", 62)
	require.Len(t, owners(long+"a"), 63)
	require.NotEqual(t, owners(long+"a"), owners(long+"b"))
}

func TestKindsOfStates(t *testing.T) {
	t.Parallel()
	for code, kind := range map[string]fault.Kind{
		"42501": fault.Unauthorized, "28P01": fault.Unauthorized, "3D000": fault.NotFound, "40P01": fault.Unavailable, "53300": fault.Unavailable,
		"57P03": fault.Unavailable, "42601": fault.Invalid, "": fault.Invalid, "2BP01": fault.Conflict,
	} {
		require.Equal(t, kind, kindOf(code), code)
	}
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	good := func() Config {
		c := DefaultConfig()
		c.Config = dbx.Config{Address: "127.0.0.1", User: "fermata", Password: "secret://file/db"}
		return c
	}
	d, err := New(good(), nil)
	require.NoError(t, err)
	require.Equal(t, 5432, d.ClientEndpoint().Port)
	for text, change := range map[string]func(*Config){
		"address: expected host:port":         func(c *Config) { c.Address = "" },
		"address: expected host:port of":      func(c *Config) { c.Address = "db/x" },
		"endpoint: expected host:port":        func(c *Config) { c.Endpoint = "db:0" },
		"user: expected the account":          func(c *Config) { c.User = "a b" },
		"password: expected a reference":      func(c *Config) { c.Password = "hunter2" },
		"timeout: expected a length":          func(c *Config) { c.Timeout = -1 },
		"ca is missing":                       func(c *Config) { c.Address = "db.example.net" },
		"ca is missing: expected a file with": func(c *Config) { c.Endpoint = "10.0.0.5" },
		"ca: open ":                           func(c *Config) { c.CA = "/nowhere/ca.pem" },
		"holds no certificate":                func(c *Config) { c.CA = "postgresql_test.go" },
		"database: expected the name":         func(c *Config) { c.Database = "" },
		"pgDump: expected the path":           func(c *Config) { c.PGDump = "" },
	} {
		c := good()
		change(&c)
		_, err := New(c, nil)
		require.Equal(t, fault.Invalid, fault.KindOf(err), text)
		require.ErrorContains(t, err, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

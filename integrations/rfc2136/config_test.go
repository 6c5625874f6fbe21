package rfc2136_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/rfc2136"
)

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*rfc2136.Config){
		"address: expected":            func(c *rfc2136.Config) { c.Address = "" },
		"address: expected the":        func(c *rfc2136.Config) { c.Address = "https://ns1.example.net" },
		"nameserver: expected":         func(c *rfc2136.Config) { c.Nameserver = "a b" },
		"key.name: expected":           func(c *rfc2136.Config) { c.Key.Name = "" },
		"key.name: expected the name":  func(c *rfc2136.Config) { c.Key.Name = "Fermata." },
		"key.algorithm: expected":      func(c *rfc2136.Config) { c.Key.Algorithm = "hmac-md5" },
		"key.algorithm: expected hmac": func(c *rfc2136.Config) { c.Key.Algorithm = "hmac-sha1" },
		"key.secret: expected":         func(c *rfc2136.Config) { c.Key.Secret = "hunter2hunter2" },
		"timeout: expected":            func(c *rfc2136.Config) { c.Timeout = -1 },
	} {
		c := rfc2136.Config{Address: "ns1.example.net", Key: rfc2136.TSIG{Name: "fermata", Algorithm: "hmac-sha512", Secret: "secret://file/x"}}
		_, err := rfc2136.New(c, secrets{})
		require.NoError(t, err)
		change(&c)
		_, err = rfc2136.New(c, secrets{})
		require.ErrorContains(t, err, text)
		require.Equal(t, fault.Invalid, fault.KindOf(err), text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// A secret that cannot sign is said so, and never shown.
func TestABadSecretIsInvalid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, bad := range []string{"", "not base64!", "c2hvcnQ="} {
		d, err := rfc2136.New(b.config("fermata"), secrets{"key": bad})
		require.NoError(t, err)
		before := b.server.Dump()
		op := operation.Op{Owner: "server/web-01", Key: operation.Key{Run: "01JRUNA", Step: "name", Target: "web-01"}}
		_, err = d.EnsureRecord(t.Context(), op, record(), &operation.Memory{})
		require.Equal(t, fault.Invalid, fault.KindOf(err), "%q: %v", bad, err)
		if bad != "" {
			require.NotContains(t, err.Error(), bad)
		}
		require.Equal(t, before, b.server.Dump())
	}
}

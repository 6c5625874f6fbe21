package powerdns_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/integrations/powerdns"
)

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*powerdns.Config){
		"url: expected the address":    func(c *powerdns.Config) { c.URL = "pdns.example.net" },
		"url: expected https":          func(c *powerdns.Config) { c.URL = "http://pdns.example.net:8081" },
		"holds a credential":           func(c *powerdns.Config) { c.URL = "https://u:hunter2@pdns.example.net" },
		"no query":                     func(c *powerdns.Config) { c.URL = "https://pdns.example.net?key=hunter2" },
		"key: expected a reference":    func(c *powerdns.Config) { c.Key = "hunter2" },
		"server: expected an id":       func(c *powerdns.Config) { c.Server = "a/../b" },
		"nameserver: expected":         func(c *powerdns.Config) { c.Nameserver = "" },
		"timeout: expected":            func(c *powerdns.Config) { c.Timeout = -1 },
		"pin":                          func(c *powerdns.Config) { c.HTTP.Pin = "x" },
		"such as 10.0.0.53 or ns1.exa": func(c *powerdns.Config) { c.Nameserver = "http://ns1" },
	} {
		c := powerdns.DefaultConfig()
		c.URL, c.Key, c.Nameserver = "https://pdns.example.net:8081", "secret://file/x", "10.0.0.53"
		_, err := powerdns.New(c, secrets{})
		require.NoError(t, err)
		change(&c)
		_, err = powerdns.New(c, secrets{})
		require.ErrorContains(t, err, text)
		require.Equal(t, fault.Invalid, fault.KindOf(err), text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// Comments that others wrote stay, also when the record goes.
func TestForeignCommentsStay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.server.Comment("web-01.estate.test", "A", "alice", "ask me first"))
	d := b.driver(goodKey)(t)
	op := operation.Op{Owner: "server/web-01", Key: operation.Key{Run: "01JRUNA", Step: "name", Target: "web-01"}}
	_, err := d.EnsureRecord(t.Context(), op, record(), &operation.Memory{})
	require.NoError(t, err)
	require.Len(t, b.server.Comments("web-01.estate.test", "A"), 2)
	require.NoError(t, d.RemoveRecord(t.Context(), op, record(), &operation.Memory{}))
	require.Equal(t, "ask me first", strings.Join(b.server.Comments("web-01.estate.test", "A"), "\n"))
	require.NotContains(t, b.server.Dump(), "10.20.0.11")
}

package vsphere_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fermata/activities/fault"
	"fermata/integrations/vsphere"
	"fermata/sandbox/estate/vcenter/vcentertest"

	"github.com/stretchr/testify/require"
)

const (
	patience = 20 * time.Second
	tick     = 5 * time.Millisecond
)

func TestConfigIsRefused(t *testing.T) {
	t.Parallel()
	good := vsphere.DefaultConfig()
	good.URL, good.Username, good.Password = "https://vcenter.example", "fermata", "secret://file/vcenter"
	_, err := vsphere.New(good, nil, nil)
	require.NoError(t, err)
	empty := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for name, c := range map[string]struct {
		change func(*vsphere.Config)
		says   string
	}{
		"no address":        {func(c *vsphere.Config) { c.URL = "" }, "url: expected"},
		"plain HTTP":        {func(c *vsphere.Config) { c.URL = "http://vcenter.example/sdk" }, "expected https"},
		"credential in URL": {func(c *vsphere.Config) { c.URL = "https://a:b@vcenter.example/sdk" }, "it holds a credential"},
		"no account":        {func(c *vsphere.Config) { c.Username = "" }, "username"},
		"a bare password":   {func(c *vsphere.Config) { c.Password = "hunter2" }, "is no secret reference"},
		"a missing CA file": {func(c *vsphere.Config) { c.CAFile = empty + ".not" }, "caFile"},
		"an empty CA file":  {func(c *vsphere.Config) { c.CAFile = empty }, "holds no PEM certificate"},
		"a SHA-1":           {func(c *vsphere.Config) { c.Thumbprint = strings.Repeat("ab:", 19) + "ab" }, "64 hexadecimal digits"},
		"both":              {func(c *vsphere.Config) { c.Thumbprint = strings.Repeat("ab", 32); c.CAFile = empty }, "either it or caFile"},
		"no patience":       {func(c *vsphere.Config) { c.Wait.Address = 0 }, "above zero"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := good
			c.change(&bad)
			_, err := vsphere.New(bad, nil, nil)
			require.Equal(t, fault.Invalid, fault.KindOf(err))
			require.ErrorContains(t, err, c.says)
		})
	}
}

// TestCertificate: by CA, by thumbprint, and never without.
func TestCertificate(t *testing.T) {
	t.Parallel()
	site := start(t, t.TempDir(), new(atomic.Int32))
	byCA := config(site)
	require.NoError(t, vcentertest.Open(t, byCA).Check(t.Context()))

	text, err := os.ReadFile(site.CAFile())
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	sum := sha256.Sum256(block.Bytes)
	pinned := byCA
	pinned.CAFile, pinned.Thumbprint = "", strings.ToUpper(hex.EncodeToString(sum[:]))
	require.NoError(t, vcentertest.Open(t, pinned).Check(t.Context()))

	system := byCA
	system.CAFile = ""
	wrong := pinned
	wrong.Thumbprint = strings.Repeat("00", 32)
	for _, c := range []vsphere.Config{system, wrong} {
		err := vcentertest.Open(t, c).Check(t.Context())
		require.Equal(t, fault.Unauthorized, fault.KindOf(err), "%v", err)
		require.ErrorContains(t, err, "its certificate is not trusted")
	}
}

package http_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/integrations"
	probing "fermata/integrations/http"
	"fermata/integrations/sshx"
)

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]probing.Config{
		"jump without address": {Jump: &sshx.Config{User: "x"}},
		"jump without trust":   {Jump: &sshx.Config{Address: "127.0.0.1:22", User: "x", Key: "secret://file/x"}},
		"no such CA":           {CA: "/nonesuch.pem"},
		"jump and proxy": {Proxy: "http://proxy:3128", Jump: &sshx.Config{
			Address: "127.0.0.1:22", User: "x", Key: "secret://file/x", KnownHosts: "/nonesuch",
		}},
		"proxy without a scheme": {Proxy: "proxy:3128"},
		"proxy with a password":  {Proxy: "http://me:pw@proxy:3128"},
		"time that runs back":    {Proxy: "none", Timeout: -1},
	} {
		_, err := probing.New(cfg, integrations.Environment{})
		require.True(t, fault.Is(err, fault.Invalid), "%s: %v", name, err)
	}
}

package vsphere_test

import (
	"testing"

	"fermata/activities/compute"
	"fermata/activities/fault"
	fermataconfig "fermata/config"
	"fermata/integrations"
	"fermata/integrations/vsphere"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

func described(t *testing.T, text string) fermataconfig.System {
	t.Helper()
	system := fermataconfig.System{Name: "vcenter-lab", Type: vsphere.Type}
	require.NoError(t, yaml.Unmarshal([]byte(text), &system.Config))
	return system
}

func TestOpen(t *testing.T) {
	t.Parallel()
	integration := vsphere.Integration()
	require.Equal(t, "vsphere", integration.Type)
	system, err := integration.Open(t.Context(), integrations.Environment{}, described(t, `
url: https://vcenter.invalid
username: fermata
password: secret://file/vcenter
wait: {address: 2m}
`))
	require.NoError(t, err, "a vCenter that does not exist stops nobody at start")
	require.Equal(t, "https://vcenter.invalid/sdk", system.Endpoint())
	require.Implements(t, (*compute.Platform)(nil), system)
	require.NoError(t, system.Close(t.Context()))
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown field":   "url: https://vcenter.invalid\nusername: a\npassword: secret://file/p\ninsecure: true\n",
		"a literal password": "url: https://vcenter.invalid\nusername: a\npassword: hunter2\n",
		"nothing":            "{}",
	} {
		_, err := vsphere.Integration().Open(t.Context(), integrations.Environment{}, described(t, text))
		require.Equal(t, fault.Invalid, fault.KindOf(err), name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
}

package openstack_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/activities/cloud"
	"fermata/activities/fault"
	"fermata/activities/firewall"
	fermataconfig "fermata/config"
	"fermata/integrations"
	"fermata/integrations/openstack"
)

func described(t *testing.T, text string) fermataconfig.System {
	t.Helper()
	system := fermataconfig.System{Name: "cloud-berlin", Type: openstack.Type}
	require.NoError(t, yaml.Unmarshal([]byte(text), &system.Config))
	return system
}

const login = "username: fermata\npassword: secret://file/cloud\nproject: web\n"

func TestOpen(t *testing.T) {
	t.Parallel()
	integration := openstack.Integration()
	require.Equal(t, []string{"cloud", "firewall"}, integration.Serves)
	for _, text := range []string{
		"url: https://keystone.invalid:5000/v3\n" + login + "access: {from: [10.99.0.0/24]}\nboot: 2m\nregion: west\n",
		"url: https://keystone.invalid:5000\napplicationCredential: {id: 4a1c, secret: secret://file/cloud}\ninterface: internal\nhostKeys: none\n",
		"url: http://127.0.0.1:5000\n" + login,
	} {
		system, err := integration.Open(t.Context(), integrations.Environment{}, described(t, text))
		require.NoError(t, err, "a cloud that does not exist stops nobody at start")
		require.Contains(t, text, system.Endpoint())
		_, is := integrations.Port[cloud.Cloud](system)
		require.True(t, is)
		_, is = integrations.Port[firewall.Firewall](system)
		require.True(t, is)
		require.NoError(t, system.Close(t.Context()))
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	const url = "url: https://keystone.invalid\n"
	for name, text := range map[string]string{
		"nothing":                    "{}",
		"clear text":                 "url: http://keystone.invalid\n" + login,
		"a credential in the url":    "url: https://me:hunter2@keystone.invalid\n" + login,
		"an unknown field":           url + login + "insecure: true\n",
		"a literal password":         url + "username: a\npassword: hunter2\nproject: web\n",
		"no project":                 url + "username: a\npassword: secret://file/p\n",
		"two logins":                 url + login + "applicationCredential: {id: a, secret: secret://file/p}\n",
		"a credential with no id":    url + "applicationCredential: {secret: secret://file/p}\n",
		"a literal secret":           url + "applicationCredential: {id: a, secret: hunter2}\n",
		"another interface":          url + login + "interface: private\n",
		"another source of keys":     url + login + "hostKeys: trust\n",
		"access from no CIDR":        url + login + "access: {from: [bastion]}\n",
		"access to no port":          url + login + "access: {port: 70000}\n",
		"no patience":                url + login + "boot: 0s\n",
		"a certificate that is none": url + login + "http: {ca: /does/not/exist}\n",
	} {
		_, err := openstack.Integration().Open(t.Context(), integrations.Environment{}, described(t, text))
		require.Error(t, err, name)
		require.Equal(t, fault.Invalid, fault.KindOf(err), name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
}

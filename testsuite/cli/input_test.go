package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Bad input gets an error that says where and what, and changes nothing.
func badInput(t *testing.T, h *hall) {
	for name, x := range map[string]struct {
		changes []string
		code    int
		says    []string
	}{
		"an unknown field":              {[]string{"memory: 4GiB", "memery: 4GiB"}, 2, []string{"bad.yaml:26:5", "memery", "memory"}},
		"a wrong unit":                  {[]string{"size: 20GiB", "size: 20GB"}, 2, []string{"bad.yaml:", "GiB"}},
		"a duplicate name":              {[]string{"    - name: lb-to-web", "    - name: lb-to-web\n      from: [10.10.0.6/32]\n      port: 8080\n    - name: lb-to-web"}, 2, []string{"bad.yaml:", "lb-to-web"}},
		"a gateway outside its network": {[]string{"gateway: 10.20.0.1", "gateway: 10.21.0.1"}, 2, []string{"bad.yaml:", "gateway", "10.21.0.1"}},
		"the network's own address":     {[]string{"10.20.0.116/24", "10.20.0.0/24"}, 2, []string{"bad.yaml:", "address"}},
		"a template that is not there":  {[]string{"template: debian-12", "template: debian-99"}, 3, []string{"debian-99"}},
		"a secret that nobody has":      {[]string{"secret://file/web-01-session-key", "secret://file/not-there"}, 3, []string{"not-there"}},
		"a provider that nobody has":    {[]string{"secret://file/web-01-session-key", "secret://vault/not-there"}, 3, []string{"vault"}},
		"a pool that is not there":      {[]string{"backend: web", "backend: wep"}, 3, []string{"wep"}},
		"a name that is no host's":      {[]string{"name: bad #", "name: Bad_Name #"}, 2, []string{"bad.yaml:", "Bad_Name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := written(t, "bad", "10.20.0.116", x.changes...)
			a := h.requester(t, x.code, "plan", s.file)
			for _, text := range x.says {
				require.Contains(t, a.err, text)
			}
			if x.code == 2 {
				require.Equal(t, a.err, h.requester(t, 2, "run", s.file).err, "it is not even started")
			}
			require.Empty(t, h.facts(t, s))
		})
	}
}

// Temporal's own configuration says where Temporal is.
func profiles(t *testing.T, h *hall) {
	text, err := os.ReadFile(h.Config)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), "    address: ")
	require.True(t, found)
	address, rest, found := strings.Cut(rest, "\n    namespace: fermata\n")
	require.True(t, found)
	toml := "[profile.lab]\naddress = %A\nnamespace = \"fermata\"\n[profile.away]\naddress = \"127.0.0.1:1\"\n[profile.nowhere]\naddress = %A\nnamespace = \"nowhere\"\n" + certificates("nowhere", "admin") +
		"[profile.foreign]\naddress = %A\nnamespace = \"nowhere\"\n" + certificates("foreign", "operator")
	toml = strings.NewReplacer("%A", `"`+address+`"`, "%T", filepath.Join(h.folder, "temporal", "tls")).Replace(toml)
	require.NoError(t, os.WriteFile(filepath.Join(h.folder, "temporal.toml"), []byte(toml), 0o600))
	config := filepath.Join(h.folder, "profile.yaml")
	require.NoError(t, os.WriteFile(config, []byte(before+"    profile: lab\n    configFile: temporal.toml\n"+rest), 0o600))

	require.Equal(t, 0, typed(t, "--config", config, "list").code)
	a := typed(t, "--config", config, "--key", h.People.RequesterKey, "-o", "yaml", "doctor")
	require.Equal(t, 0, a.code, a.out+a.err)
	require.Contains(t, a.out, "answers, and lets us in")
	for profile, x := range map[string]struct {
		code int
		says string
	}{
		"away":    {7, "connecting to Temporal at 127.0.0.1:1"},
		"nowhere": {2, `Temporal has no namespace "nowhere"`},
		"foreign": {8, `none in "nowhere"`},
		"unknown": {2, "unable to find profile unknown"},
	} {
		a := typed(t, "--config", config, "--profile", profile, "list")
		require.Equal(t, x.code, a.code, profile)
		require.Contains(t, a.err, x.says)
		require.Contains(t, a.err, "What to do:")
	}
}

// certificates is the TLS of a profile: the sandbox's certificate of that name; %T is their folder.
func certificates(profile, name string) string {
	return "[profile." + profile + ".tls]\nclient_cert_path = \"%T/" + name + ".pem\"\nclient_key_path = \"%T/" + name + ".key\"\nserver_ca_cert_path = \"%T/frontend-ca.pem\"\n"
}

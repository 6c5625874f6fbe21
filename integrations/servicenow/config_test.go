package servicenow_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/ticketing"
	"fermata/config"
	"fermata/integrations"
	"fermata/integrations/servicenow"
)

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for text, change := range map[string]func(*servicenow.Config){
		"url: expected the address": func(c *servicenow.Config) { c.URL = "example.service-now.com" },
		"url: expected https":       func(c *servicenow.Config) { c.URL = "http://example.service-now.com" },
		"holds a credential":        func(c *servicenow.Config) { c.URL = "https://u:p@example.service-now.com" },
		"no path":                   func(c *servicenow.Config) { c.URL = "https://example.service-now.com/api/now" },
		"username: expected a":      func(c *servicenow.Config) { c.Username, c.Password = "", "" },
		"password:":                 func(c *servicenow.Config) { c.Password = "literal" },
		"username: expected no":     func(c *servicenow.Config) { c.Username = "a:b" },
		"clientID: expected either": func(c *servicenow.Config) { c.ClientID, c.ClientSecret = "a", "secret://file/x" },
		"clientSecret: expected a":  func(c *servicenow.Config) { c.Username, c.Password, c.ClientID = "", "", "a" },
		"clientSecret with":         func(c *servicenow.Config) { c.ClientSecret = "secret://file/x" },
		"kind:":                     func(c *servicenow.Config) { c.Kind = "Normal" },
		"template: expected":        func(c *servicenow.Config) { c.Kind = servicenow.Standard },
		"has none":                  func(c *servicenow.Config) { c.Template = template },
		"assignmentGroup:":          func(c *servicenow.Config) { c.AssignmentGroup = "a^ORb" },
		"ciClass:":                  func(c *servicenow.Config) { c.CIClass = "../table/x" },
		"closeCode:":                func(c *servicenow.Config) { c.CloseCode = "a\nb" },
		"pin:":                      func(c *servicenow.Config) { c.HTTP.Pin = "x" },
	} {
		c := servicenow.DefaultConfig()
		c.URL, c.Username, c.Password = "https://example.service-now.com/", "fermata", "secret://file/x"
		_, err := servicenow.New(c, secrets{}, nil)
		require.NoError(t, err)
		change(&c)
		_, err = servicenow.New(c, secrets{}, nil)
		isKind(t, fault.Invalid, err, text)
	}
}

// TestExamplesOfTheREADME opens the integration with each configuration that the README shows.
func TestExamplesOfTheREADME(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	parts := strings.Split(string(readme), "```yaml\n")
	require.Len(t, parts, 3)
	for _, part := range parts[1:] {
		example, _, _ := strings.Cut(part, "```")
		system, err := open(t, example)
		require.NoError(t, err)
		require.Equal(t, "https://example.service-now.com", system.Endpoint())
		require.Implements(t, (*ticketing.Desk)(nil), system)
		require.NoError(t, system.Close(context.Background()))
		_, err = open(t, strings.Replace(example, "url:", "uurl:", 1))
		isKind(t, fault.Invalid, err, "uurl")
	}
}

func open(t *testing.T, systems string) (integrations.System, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "installation.yaml")
	head := "apiVersion: fermata/v1\nkind: Installation\nmetadata: {name: lab}\nspec:\n  temporal: {address: \"127.0.0.1:7233\"}\n" +
		"  encryption: {active: k, keys: [{id: k, secret: \"secret://file/k\"}]}\n  decisions: {allowedSigners: signers}\n" +
		"  secrets: {file: {folder: secrets}}\n  records: {folder: records}\n"
	require.NoError(t, os.WriteFile(path, []byte(head+systems), 0o600))
	in, err := config.Load(path)
	require.NoError(t, err)
	require.Len(t, in.Systems, 1)
	require.Equal(t, servicenow.Type, in.Systems[0].Type)
	return servicenow.Integration().Open(t.Context(), integrations.Environment{Secrets: secrets{}}, in.Systems[0])
}

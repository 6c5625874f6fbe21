// Package deploy holds files for those who run Fermata. Its tests see that they fit to each other and to the guides; the
// test bed runs them.
package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"fermata/access"
	"fermata/config"
)

// Whoever is woken by an alert finds what to do.
func TestEveryAlertHasARunbook(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("alerts.yaml")
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(data, &rules))
	number := 0
	for _, group := range rules.Groups {
		for _, r := range group.Rules {
			number++
			require.Contains(t, []string{"info", "warning", "critical"}, r.Labels["severity"], r.Alert)
			require.NotEmpty(t, r.Annotations["summary"], r.Alert)
			file, anchor, _ := strings.Cut(r.Annotations["runbook"], "#")
			guide, err := os.ReadFile(filepath.Join("..", file))
			require.NoError(t, err, r.Alert)
			require.NotEmpty(t, anchor, r.Alert)
			require.Contains(t, strings.ToLower(string(guide)), "\n### "+anchor+"\n", r.Alert)
			require.Contains(t, string(guide), r.Alert, "the guide names it")
		}
	}
	require.Greater(t, number, 10)
}

func TestTheDashboardIsWhole(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("grafana", "fermata.json"))
	require.NoError(t, err)
	var dashboard struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(data, &dashboard))
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		require.False(t, ids[p.ID], p.Title)
		ids[p.ID] = true
		require.NotEmpty(t, p.Targets, p.Title)
		for _, target := range p.Targets {
			require.NotEmpty(t, target.Expr, p.Title)
		}
	}
	require.Greater(t, len(ids), 10)
}

// The descriptions of site workers are read as they stand, and each names only the credentials that its system needs.
func TestSitesAreDescribed(t *testing.T) {
	t.Parallel()
	for file, secrets := range map[string][]string{
		"central.yaml":         {"payload-key"},
		"berlin-vsphere.yaml":  {"payload-key", "vcenter-password"},
		"berlin-firewall.yaml": {"payload-key", "edge-key"},
	} {
		path := filepath.Join("sites", file)
		cfg, err := config.Load(path)
		require.NoError(t, err)
		require.Equal(t, "datacenter-1", cfg.Name)
		for _, s := range cfg.Systems {
			require.Equal(t, "berlin", s.Site)
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, len(secrets), strings.Count(string(data), "secret://"), file)
		for _, name := range secrets {
			require.Contains(t, string(data), "secret://file/"+name, file)
		}
	}
}

// The descriptions to begin with, of each way to install, are read as they stand.
func TestInstallationsAreDescribed(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"systemd/main.yaml", "compose/fermata.yaml", "compose/people.yaml", "kubernetes/overlays/central/fermata.yaml", "kubernetes/overlays/berlin/fermata.yaml",
	} {
		cfg, err := config.Load(path)
		require.NoError(t, err)
		require.NotEmpty(t, cfg.Temporal.TLS.Cert, path)
	}
	for _, path := range []string{"temporal/roles.yaml", "compose/roles.yaml"} {
		_, err := access.Load(path)
		require.NoError(t, err, path)
	}
}

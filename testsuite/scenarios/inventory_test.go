package scenarios

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/config"
	"fermata/decision"
	"fermata/sandbox"
	"fermata/sandbox/estate/servicenow"
	"fermata/spec"
	"fermata/testsuite/people"
	"fermata/testsuite/stage"
	"fermata/wire"
	"fermata/worker"
)

const (
	itsm         = "itsm"
	itsmPassword = "a-password-of-a-test"
)

// withServiceNow starts a sandbox whose worker has a ServiceNow beside it, for tickets and configuration items.
func withServiceNow(t *testing.T) (*bench, *servicenow.Server) {
	t.Helper()
	server, err := servicenow.Start(servicenow.Options{
		Folder: t.TempDir(),
		Users:  []servicenow.User{{Name: "fermata", Password: itsmPassword, Roles: []string{"itil"}}},
		Groups: []servicenow.Group{{ID: "287ebd7da9fe198100f92cc8d1d2154e", Name: "Changes"}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	b := setup(t, func(o *sandbox.Options) { o.WithoutWorker = true })
	require.NoError(t, os.WriteFile(filepath.Join(b.Folder, "secrets", "itsm-password"), []byte(itsmPassword), 0o600))
	text, err := os.ReadFile(b.WorkerConfig)
	require.NoError(t, err)
	system := `    - name: ` + itsm + `
      type: servicenow
      config:
        url: ` + server.URL() + `
        username: fermata
        password: secret://file/itsm-password
        ciClass: cmdb_ci_linux_server
        http: {proxy: none}
`
	text = append(text, system...)
	path := filepath.Join(filepath.Dir(b.WorkerConfig), "with-servicenow.yaml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	installation, err := config.Load(path)
	require.NoError(t, err)
	w, err := worker.New(worker.Config{Installation: installation, Log: stage.Logger(t)})
	require.NoError(t, err)
	require.NoError(t, w.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, w.Stop()) })
	return b, server
}

func inServiceNow(s *spec.Server) {
	s.Spec.Ticket = &spec.Ticket{System: itsm, Queue: "Changes"}
	s.Spec.Inventory = &spec.Inventory{System: itsm}
}

// item is the only configuration item, with its install_status.
func item(t *testing.T, server *servicenow.Server, status string) map[string]string {
	t.Helper()
	items := server.ConfigurationItems()
	require.Len(t, items, 1)
	require.Equal(t, status, items[0].Fields["install_status"])
	return items[0].Fields
}

// TestAServerHasItsConfigurationItem: through a server's life, and into its next one.
func TestAServerHasItsConfigurationItem(t *testing.T) {
	t.Parallel()
	b, server := withServiceNow(t)
	first, _ := b.provision(t, inServiceNow)
	made := item(t, server, "1")
	require.Equal(t, []string{"web-01", "10.20.0.11", first.Run + "/item/web-01"}, []string{made["name"], made["ip_address"], made["correlation_id"]})
	tickets := server.Tickets()
	require.Equal(t, []string{"3", made["sys_id"]}, []string{tickets[0].Fields["state"], tickets[0].Fields["cmdb_ci"]}, "closed, and linked with what was made after it was opened")

	for _, command := range []decision.Command{decision.Restore, decision.Purge} {
		r, err := client.Decommission("web-01", nil)
		leaving := b.Begin(t, r, err)
		b.Approve(t, leaving)
		b.Until(t, leaving, "the grace period", people.In(wire.Grace))
		item(t, server, "7")
		b.Decide(t, client.Decision{WorkflowID: leaving.WorkflowID, Command: command}, b.Approver)
		p := b.Until(t, leaving, "an end", people.Ended)
		require.Empty(t, p.LeftBehind)
		if command == decision.Restore {
			require.Equal(t, wire.Restored, p.Outcome, p.Reason)
			require.Equal(t, made["correlation_id"], item(t, server, "1")["correlation_id"])
		} else {
			require.Equal(t, wire.Done, p.Outcome, p.Reason)
			require.Contains(t, item(t, server, "7")["comments"], "decommissioned by run "+leaving.Run)
		}
	}

	again, _ := b.provision(t, inServiceNow)
	back := item(t, server, "1")
	require.Equal(t, []string{made["sys_id"], again.Run + "/item/web-01"}, []string{back["sys_id"], back["correlation_id"]}, "it comes back")
	require.Contains(t, back["comments"], first.Run, "and tells whose it was")
}

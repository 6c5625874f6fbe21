package recorder

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/record"
	"fermata/client"
	"fermata/sandbox/estate"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// inquiries are the short workflows that only read, and what runs start beside themselves.
func inquiries() []story {
	return []story{
		{"plan-server", func(t *testing.T, s *set) []execution {
			r, err := client.Provision(stage.WebServer(t))
			return s.plan(t, r, err)
		}},
		{"plan-decommission", func(t *testing.T, s *set) []execution {
			s.done(t)
			grace := time.Hour
			r, err := client.Decommission("web-01", &grace)
			return s.plan(t, r, err)
		}},
		{"check-systems", checkSystems},
		{"read-records", func(t *testing.T, s *set) []execution {
			s.done(t)
			out, err := s.Client.Records(t.Context(), record.FindInput{Owner: "server/web-01"}, true)
			require.NoError(t, err)
			require.Equal(t, 1, out.Verified)
			return s.latest(t, wire.ReadRecords)
		}},
		{"reservation-freed", func(t *testing.T, s *set) []execution {
			s.done(t)
			return s.latest(t, wire.HoldReservation)
		}},
	}
}

func (s *set) plan(t *testing.T, r client.Request, err error) []execution {
	t.Helper()
	require.NoError(t, err)
	preview, err := s.Client.Plan(t.Context(), r)
	require.NoError(t, err)
	require.Empty(t, preview.Problems())
	return s.latest(t, wire.PlanServer)
}

// checkSystems asks all systems while one is away, and for one that no worker serves.
func checkSystems(t *testing.T, s *set) []execution {
	t.Helper()
	s.faults[estate.Tickets].SetDown(true)
	found, err := s.Client.Check(t.Context(), []wire.SystemRef{
		{Name: "vcenter", Capability: "compute"},
		{Name: "guests", Capability: "guest"},
		{Name: "edge", Capability: "firewall"},
		{Name: "balancer", Capability: "loadbalancer"},
		{Name: "tickets", Capability: "ticketing"},
		{Name: "web", Capability: "probe"},
		{Name: "records", Capability: "record"},
		{Name: "elsewhere", Capability: "compute", Site: "berlin"},
	})
	require.NoError(t, err)
	require.Len(t, found, 8)
	for _, o := range found {
		require.Equal(t, o.Name != "ticketing tickets" && o.Name != "compute elsewhere", o.OK, "%s: %s", o.Name, o.Text)
	}
	return s.latest(t, wire.CheckSystems)
}

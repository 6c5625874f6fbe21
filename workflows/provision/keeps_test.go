package provision

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/record"
	"fermata/spec"
)

// A server whose address was chosen from a range keeps it when it is changed, and its record tells the next run.
func TestAChangeKeepsTheAddressFromARange(t *testing.T) {
	t.Parallel()
	ranged := func(name string) *spec.Server {
		s := &spec.Server{Metadata: spec.Metadata{Name: "web-01"}}
		s.Spec.Network = spec.Network{Range: name}
		return s
	}
	document, err := json.Marshal(ranged("servers"))
	require.NoError(t, err)
	network := spec.Network{Range: "servers", Address: "10.20.0.100/24", Gateway: "10.20.0.1"}
	plan, err := json.Marshal(map[string]any{"resolved": difference{Network: &network}})
	require.NoError(t, err)
	last, err := readManaged(record.Record{Spec: document, Plan: plan}, "sha256:1")
	require.NoError(t, err)
	require.Equal(t, network, last.server.Spec.Network)

	same := &provision{server: ranged("servers")}
	for range 2 { // It plans again after the approval.
		same.keeps(last)
		require.Equal(t, "10.20.0.100", same.address())
		require.Empty(t, refused(last.server, same.server, true))
		require.Equal(t, &network, same.chosen())
	}
	other := &provision{server: ranged("small")}
	other.keeps(last)
	require.Len(t, refused(last.server, other.server, true), 1, "another range would replace the server")

	_, err = readManaged(record.Record{Spec: document, Plan: []byte(`{"resolved":{}}`)}, "sha256:1")
	require.ErrorContains(t, err, "does not say which address it got")
}

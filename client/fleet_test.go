package client

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/authority"
	"fermata/wire"
)

func TestThePlanCoversTheServersThatAreShown(t *testing.T) {
	t.Parallel()
	shown := []authority.MemberPlan{{Owner: "server/a", Hash: "sha256:1", Summary: "10.0.0.1"}, {Owner: "server/b", Hash: "sha256:2", Summary: "10.0.0.2"}}
	tree, _, err := authority.NewMemberTree(shown)
	require.NoError(t, err)
	p := wire.Preview{Plan: wire.Plan{Kind: wire.ProvisionFleet}, Members: shown}
	p.Plan.Resolved, err = json.Marshal(tree)
	require.NoError(t, err)
	require.NoError(t, CheckMembers(p))
	require.NoError(t, CheckMembers(wire.Preview{Plan: wire.Plan{Kind: wire.ProvisionServer}}))
	for name, members := range map[string][]authority.MemberPlan{
		"one is hidden":       shown[:1],
		"one says otherwise":  {shown[0], {Owner: "server/b", Hash: "sha256:2", Summary: "10.9.9.9"}},
		"another place":       {shown[1], shown[0]},
		"one more is shown":   append(append([]authority.MemberPlan{}, shown...), shown[0]),
		"none is shown":       nil,
		"another plan of one": {shown[0], {Owner: "server/b", Hash: "sha256:3", Summary: "10.0.0.2"}},
	} {
		p.Members = members
		require.ErrorContains(t, CheckMembers(p), "nothing was signed", name)
	}
}

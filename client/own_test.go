package client

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/spec"
	"fermata/wire"
)

func TestAProcessOfOnesOwn(t *testing.T) {
	t.Parallel()
	document, err := spec.ParseOwn("own.yaml", []byte("apiVersion: example.com/v1\nkind: Banner\nmetadata: {name: shop, site: berlin}\nspec: {text: x}\n"))
	require.NoError(t, err)
	r, err := Own("PublishBanner", "", document)
	require.NoError(t, err)
	require.Equal(t, "banner/shop", r.WorkflowID())
	require.Equal(t, "berlin", r.site)
	require.JSONEq(t, `{"apiVersion":"example.com/v1","kind":"Banner","metadata":{"name":"shop","site":"berlin"},"spec":{"text":"x"}}`, string(r.document))
	r, err = Own("PatchKernel", "server/web-01", document)
	require.NoError(t, err, "a process of one's own holds the lock on a server as Fermata's do")
	require.Equal(t, "server/web-01", r.owner)

	for _, workflow := range []string{
		"", "a b", "../x", wire.ProvisionServer, wire.DecommissionServer, wire.Guard, wire.HoldReservation, wire.SendNotice,
		wire.PlanServer, wire.CheckSystems, wire.ReadRecords,
	} {
		_, err := Own(workflow, "", document)
		require.True(t, fault.Is(err, fault.Invalid), workflow)
	}
	for _, target := range []string{"shop", "guard", "address/10.0.0.1", "notice/1", "inquiry/plan", "a/b/c", "banner/", "Banner/shop"} {
		_, err := Own("PublishBanner", target, document)
		require.True(t, fault.Is(err, fault.Invalid), target)
	}
}

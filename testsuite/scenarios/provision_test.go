package scenarios

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/wire"
)

func TestProvisionServer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r, err := client.Provision(webServer(t))
	started := b.begin(t, r, err)
	b.approve(t, started)
	p := b.until(t, started, "an end", ended)
	require.Equal(t, wire.Done, p.Outcome, p.Reason)
}

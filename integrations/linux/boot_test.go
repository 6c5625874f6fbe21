package linux_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest/guesttest"
	"fermata/activities/operation"
	emulator "fermata/sandbox/estate/guest"
)

// Waiting changes nothing, so one that was given up may be begun anew: it is not Ambiguous.
func TestAFirstBootThatTakesTooLong(t *testing.T) {
	t.Parallel()
	g := startEmulated(t, guesttest.Setup{}, emulator.Options{CloudInit: emulator.CloudInit{InstanceID: "i", UserData: "#!/bin/sh\nsleep 600\n"}})
	err := g.access(t, 2*time.Second).Reach(t.Context(), g.Host(), &operation.Memory{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "waiting for the first boot of fresh")
}

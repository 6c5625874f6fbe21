package conformance

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/operation"
	"fermata/testsuite/bed/guests"
)

// firstBoot gives a guest what cloud-init is to do when it boots first; the network is set up already.
func (e *estate) firstBoot(t *testing.T, command string) *debian {
	t.Helper()
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	files := map[string]string{"/etc/cloud/cloud.cfg.d/99-network.cfg": "network: {config: disabled}\n"}
	return e.boot(t, guests.Options{
		Files: files, Metadata: encode("instance-id: bed\nlocal-hostname: fresh\n"),
		UserData: encode("#cloud-config\nssh_deletekeys: false\nruncmd:\n- " + command + "\n"),
	})
}

// waitsForTheFirstBoot: the guest lets in long before cloud-init is done. Whoever does not wait meets its apt and its users
// half way.
func (e *estate) waitsForTheFirstBoot(t *testing.T) {
	t.Parallel()
	d := e.firstBoot(t, "until [ -e /run/go-on ]; do sleep 0.1; done; touch /run/it-is-done")
	impatient := d.access(t, 2*time.Second)
	err := impatient.Reach(t.Context(), d.Host(), &operation.Memory{})
	require.Equal(t, fault.Unavailable, fault.KindOf(err), "%v: %s", err, d.root(t, "cloud-init status --long || true"))
	require.ErrorContains(t, err, "waiting for the first boot of fresh")

	patient, reached := d.Access(t), make(chan error, 1)
	go func() { reached <- patient.Reach(t.Context(), d.Host(), &operation.Memory{}) }()
	require.NoError(t, e.until(func() error { _, err := d.Root(t, "pgrep -f 'cloud-init status --wait'"); return err }))
	select {
	case err := <-reached:
		require.Fail(t, "it did not wait", "%v", err)
	default:
	}
	d.root(t, "touch /run/go-on")
	require.NoError(t, <-reached, d.root(t, "cloud-init status --long || true"))
	d.root(t, "test -e /run/it-is-done")
}

// tellsOfABadFirstBoot: a machine whose first boot went wrong is not worked on.
func (e *estate) tellsOfABadFirstBoot(t *testing.T) {
	t.Parallel()
	d := e.firstBoot(t, "exit 3")
	err := d.Access(t).Reach(t.Context(), d.Host(), &operation.Memory{})
	require.Equal(t, fault.Conflict, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "cloud-init-output.log")
}

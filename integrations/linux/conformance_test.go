package linux_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"fermata/activities/guest/guesttest"
	emulator "fermata/sandbox/estate/guest"
	"fermata/spec"
)

func TestConformanceOnTheEmulator(t *testing.T) {
	t.Parallel()
	guesttest.Run(t, emulation(false))
}

// TestConformanceWithoutSystemd is the same on machines that have init scripts only.
func TestConformanceWithoutSystemd(t *testing.T) {
	t.Parallel()
	guesttest.Run(t, emulation(true))
}

func emulation(initScripts bool) guesttest.Bench {
	return guesttest.Bench{
		Catalogue: guesttest.Catalogue{
			Tool: "jq", App: "hello-web", Version: "1.2.0", Older: "1.1.0", BadConfig: "/etc/hello-web/hello-web.conf",
			Good: "port = 8080\n", Broken: "port = none\n",
			Archive: "http://" + repoAddress.String() + "/hello.tar", SHA256: tarballSum(), ArchiveMember: "bin/hello",
			Repository: spec.Repository{URI: "http://" + repoAddress.String(), Suite: "stable", Components: []string{"main"}, Key: armored("right")},
			OtherKey:   armored("other"), XFS: true, DiskBytes: 20 << 30,
		},
		New:      func(t *testing.T, s guesttest.Setup) guesttest.Guest { return newEmulated(t, s, initScripts) },
		LoseNext: func(g guesttest.Guest) { g.(*emulated).faults.LoseNext(1) },
		Reboot: func(t *testing.T, g guesttest.Guest) {
			require.NoError(t, g.(*emulated).machine.Reboot(t.Context()))
		},
		Grow: func(t *testing.T, g guesttest.Guest, d guesttest.Disk) {
			require.NoError(t, g.(*emulated).machine.SetDisks([]emulator.Disk{{UUID: d.UUID, Bytes: d.Bytes}}))
		},
		Interrupt: func(t *testing.T, g guesttest.Guest, uuid string, _ guesttest.Disk) {
			_, err := g.Root(t, "mkdir -p /var/lib/fermata; echo x > /var/lib/fermata/"+uuid+".mkfs")
			require.NoError(t, err)
		},
		RestartPending: func(t *testing.T, g guesttest.Guest, service string) {
			_, err := g.Root(t, "mkdir -p /var/lib/fermata; echo > /var/lib/fermata/"+service+".restart")
			require.NoError(t, err)
		},
	}
}

// armored is what the emulated apt takes for a key.
func armored(text string) string {
	return "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + text + "\n-----END PGP PUBLIC KEY BLOCK-----\n"
}

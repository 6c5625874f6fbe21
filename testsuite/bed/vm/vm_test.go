//go:build vm

package vm_test

import (
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/testsuite/bed/repository"
	"fermata/testsuite/bed/vm"
)

// TestServerWithSystemd carries a server from its first boot to its application, as the steps of a run do. They share one
// machine: it takes minutes to boot.
func TestServerWithSystemd(t *testing.T) {
	b := setup(t)
	for _, step := range []struct {
		name string
		test func(*bench, *testing.T)
	}{
		{"its first boot is waited for", (*bench).reached},
		{"its data disk", (*bench).disk},
		{"its settings", (*bench).settings},
		{"its application", (*bench).application},
		{"an application that does not start", (*bench).broken},
		{"a service that dies again and again", (*bench).dying},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.test(b, t) }) {
			return // The others stand on it.
		}
	}
}

func (b *bench) reached(t *testing.T) {
	require.NoError(t, b.access.Reach(t.Context(), b.host(), &operation.Memory{}))
	require.Equal(t, "systemd", b.root("cat /proc/1/comm"))
	b.root("test -e /run/first-boot-is-done")
}

// disk: udev itself has made the link, out of what the disk says of itself.
func (b *bench) disk(t *testing.T) {
	ensure := func() (guest.VolumeState, error) {
		return b.access.EnsureVolume(t.Context(), op("storage/data"), b.host(), guest.VolumeRequest{
			Volume:   spec.Volume{Name: "data", Filesystem: "ext4", Mount: "/srv/data", Owner: "root", Mode: "0750"},
			DiskUUID: diskUUID, Bytes: diskBytes, DiskKey: op("storage/data").Key.String(),
		}, &operation.Memory{})
	}
	state, err := ensure()
	require.NoError(t, err)
	require.True(t, state.Formatted)
	require.Equal(t, "/dev/disk/by-id/wwn-0x6000c29a111122223333444455556666", state.Device)
	require.Equal(t, b.root("readlink -f "+state.Device), b.root("findmnt -n -o SOURCE --mountpoint /srv/data"))
	require.Equal(t, "active", b.root("systemctl is-active srv-data.mount"), "systemd knows of it")
	state, err = ensure()
	require.NoError(t, err)
	require.False(t, state.Formatted)
}

func (b *bench) settings(t *testing.T) {
	request := guest.SystemRequest{Hostname: "web-77", Domain: "estate.test", OS: spec.OS{
		Timezone: "Europe/Berlin", Users: []spec.User{{Name: "hello", System: true, Home: "/srv/hello", Shell: "/usr/sbin/nologin"}},
		Files:    []spec.File{{Path: "/etc/fermata-test", Content: "it's $HOME\n", Owner: "hello:hello", Mode: "0640"}},
		Services: []spec.Service{{Name: "systemd-timesyncd", State: spec.StateStopped, Enabled: new(bool)}},
	}}
	ensure := func() (guest.Changes, error) {
		return b.access.EnsureSystem(t.Context(), op("os"), b.host(), request, nil, &operation.Memory{})
	}
	_, err := ensure()
	require.NoError(t, err)
	require.Equal(t, "web-77", b.root("hostnamectl hostname"))
	require.Equal(t, "Europe/Berlin", b.root("timedatectl show -p Timezone --value"))
	require.Equal(t, "640 hello hello", b.root("stat -c '%a %U %G' /etc/fermata-test"))
	require.Equal(t, "inactive disabled", b.root("echo $(systemctl is-active systemd-timesyncd) $(systemctl is-enabled systemd-timesyncd)"))
	changes, err := ensure()
	require.NoError(t, err)
	require.Empty(t, changes)
}

func (b *bench) install(t *testing.T, version, config string) (guest.Changes, error) {
	t.Helper()
	return b.access.EnsureApplication(t.Context(), op("application"), b.host(), guest.ApplicationRequest{
		Application: spec.Application{
			Package: &spec.Package{Name: repository.Application, Version: version, Repository: &spec.Repository{
				URI: "http://" + vm.Gateway, Suite: repository.Suite, Components: []string{repository.Component}, Key: b.repository.Key(),
			}},
			Service: repository.Application,
		},
		Files: []spec.File{{Path: "/etc/hello-web/hello-web.conf", Content: config}},
	}, nil, &operation.Memory{})
}

const good = "port = 8080\n"

func (b *bench) application(t *testing.T) {
	pid := func() string { return b.root("systemctl show -p MainPID --value hello-web") }
	for _, version := range []string{repository.Old, repository.New} {
		_, err := b.install(t, version, good)
		require.NoError(t, err)
		require.Equal(t, "ok hello-web "+version+" web-77\n", b.says(t))
		require.Equal(t, "enabled active", b.root("echo $(systemctl is-enabled hello-web) $(systemctl is-active hello-web)"))
		before := pid()
		changes, err := b.install(t, version, good)
		require.NoError(t, err)
		require.Empty(t, changes)
		require.Equal(t, before, pid(), "nothing changed")
		changes, err = b.install(t, version, "greeting = Hi\n")
		require.NoError(t, err)
		require.Contains(t, changes, "service hello-web: restart")
		require.NotEqual(t, before, pid())
	}
	b.root("systemctl stop hello-web")
	changes, err := b.install(t, repository.New, "greeting = Hi\n")
	require.NoError(t, err)
	require.Equal(t, guest.Changes{"service hello-web: start"}, changes)
}

func (b *bench) broken(t *testing.T) {
	_, err := b.install(t, repository.New, "port = none\n")
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "expected 1 to 65535", "what the journal says")
	_, err = b.install(t, repository.New, good)
	require.NoError(t, err)
	require.Equal(t, "ok hello-web "+repository.New+" web-77\n", b.says(t))
}

// dying: to systemd such a service is forever about to start.
func (b *bench) dying(t *testing.T) {
	unit := spec.File{Path: "/etc/systemd/system/dying.service", Content: "[Service]\nExecStart=/bin/false\nRestart=always\nRestartSec=300\n[Install]\nWantedBy=multi-user.target\n"}
	ensure := func(state string) error {
		_, err := b.access.EnsureSystem(t.Context(), op("os"), b.host(), guest.SystemRequest{
			OS: spec.OS{Files: []spec.File{unit}, Services: []spec.Service{{Name: "dying", State: state}}},
		}, nil, &operation.Memory{})
		return err
	}
	err := ensure(spec.StateRunning)
	require.Equal(t, fault.Invalid, fault.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "auto-restart")
	require.NoError(t, ensure(spec.StateStopped))
	require.Equal(t, "inactive", b.root("systemctl is-active dying || true"))
}

// says waits until the application answers.
func (b *bench) says(t *testing.T) (text string) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: b.net.Dialer(namespace, &net.Dialer{})}}
	require.Eventually(t, func() bool {
		answer, err := client.Get("http://" + vm.Application + "/healthz")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		text = string(body)
		return err == nil
	}, time.Minute, 100*time.Millisecond)
	return text
}

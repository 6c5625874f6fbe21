package conformance

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/activities/fault"
	"fermata/activities/guest"
	"fermata/activities/operation"
	"fermata/spec"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/repository"
)

var operationOn = operation.Op{ //nolint:gochecknoglobals // Nobody changes it.
	Key: operation.Key{Run: "01K0000000000000000000RUN1", Step: "application", Target: "web-01"}, Owner: "server/web-01",
}

// hello asks for a version out of the bed's repository, with what a spec says about it.
func (e *estate) hello(version string) guest.ApplicationRequest {
	return guest.ApplicationRequest{
		Application: spec.Application{
			Package: &spec.Package{Name: repository.Application, Version: version, Repository: &spec.Repository{
				URI: e.mirror, Suite: repository.Suite, Components: []string{repository.Component}, Key: e.repository.Key(),
			}},
			Service: repository.Application,
		},
		Files: []spec.File{{Path: helloConfig, Content: "port = 8080\ngreeting = Hi\n"}},
	}
}

func (d *debian) install(t *testing.T, r guest.ApplicationRequest) (guest.Changes, error) {
	t.Helper()
	return d.Access(t).EnsureApplication(t.Context(), operationOn, d.Host(), r, nil, &operation.Memory{})
}

// says waits until the application answers, as a load balancer does, and returns what it says.
func (d *debian) says(t *testing.T) (text string) {
	t.Helper()
	dial := d.estate.net.Dialer(d.estate.bridge.Namespace, &net.Dialer{})
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: 5 * time.Second}
	address, _, _ := strings.Cut(d.o.Address, "/")
	require.NoError(t, d.estate.until(func() error {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+":8080/healthz", nil)
		require.NoError(t, err)
		answer, err := client.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		text = string(body)
		return err
	}))
	return text
}

const (
	processOf = "cat /run/hello-web.pid"
	startsOf  = "cd /etc; ls rc2.d/S*hello-web rc2.d/K*hello-web 2>/dev/null || true"
)

// startsByInitScript: there is no systemctl to lean on. The service is started and made to start at boot as the machine's
// own scripts do it, updated, restarted only when something changed, and brought back when it died.
func (e *estate) startsByInitScript(t *testing.T) {
	t.Parallel()
	d := e.boot(t, guests.Options{})
	require.Empty(t, d.root(t, "command -v systemctl || true"))
	_, err := d.install(t, e.hello(repository.Old))
	require.NoError(t, err)
	require.Equal(t, "ok hello-web 1.1.0 fresh\n", d.says(t))
	require.Equal(t, "rc2.d/S01hello-web", d.root(t, startsOf))

	first := d.root(t, processOf)
	changes, err := d.install(t, e.hello(repository.Old))
	require.NoError(t, err)
	require.Empty(t, changes)
	require.Equal(t, first, d.root(t, processOf), "nothing changed")

	_, err = d.install(t, e.hello(repository.New))
	require.NoError(t, err)
	require.Equal(t, "ok hello-web 1.2.0 fresh\n", d.says(t))
	_, err = d.install(t, e.hello(repository.Old))
	require.Equal(t, fault.Conflict, fault.KindOf(err), "a downgrade: %v", err)
	require.Equal(t, "ok hello-web 1.2.0 fresh\n", d.says(t))

	d.root(t, "kill -9 $("+processOf+")")
	changes, err = d.install(t, e.hello(repository.New))
	require.NoError(t, err)
	require.Equal(t, guest.Changes{"service hello-web: start"}, changes)
	require.Equal(t, "ok hello-web 1.2.0 fresh\n", d.says(t))

	d.reboot(t)
	require.Equal(t, "ok hello-web 1.2.0 fresh\n", d.says(t), "after a reboot")
}

// switchesServices: what a person wants stopped is stopped, and stays so after a reboot.
func (e *estate) switchesServices(t *testing.T) {
	t.Parallel()
	d := e.boot(t, guests.Options{})
	_, err := d.install(t, e.hello(repository.New))
	require.NoError(t, err)
	off := false
	ensure := func(s spec.Service) guest.Changes {
		t.Helper()
		s.Name = repository.Application
		changes, err := d.Access(t).EnsureSystem(t.Context(), operationOn, d.Host(), guest.SystemRequest{OS: spec.OS{Services: []spec.Service{s}}}, nil, &operation.Memory{})
		require.NoError(t, err)
		return changes
	}
	require.Empty(t, ensure(spec.Service{}))
	require.Equal(t, guest.Changes{"service hello-web: disable", "service hello-web: stop"}, ensure(spec.Service{Enabled: &off, State: spec.StateStopped}))
	require.Empty(t, ensure(spec.Service{Enabled: &off, State: spec.StateStopped}))
	require.Equal(t, "rc2.d/K01hello-web", d.root(t, startsOf))
	d.reboot(t)
	_, err = d.Root(t, "pidof hello-web")
	require.Error(t, err, "it was not to start again")
	require.Equal(t, guest.Changes{"service hello-web: enable", "service hello-web: start"}, ensure(spec.Service{}))
	require.Equal(t, "rc2.d/S01hello-web", d.root(t, startsOf))
	require.Equal(t, "ok hello-web 1.2.0 fresh\n", d.says(t))
}

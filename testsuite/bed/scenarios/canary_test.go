package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/config"
	"fermata/config/providers"
	"fermata/testsuite/bed/edge"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/canary"
)

const (
	inArguments   = "control in arguments"
	inEnvironment = "control in the environment"
)

// startSearch adds controls to the secrets, which the search must find.
func (b *story) startSearch(t *testing.T) {
	t.Helper()
	b.planted[inArguments], b.planted[inEnvironment] = canary.Secret("argument"), canary.Secret("environment")
	b.search = canary.New(b.planted)
}

// watch watches all processes of the machine room, and the workers, until a part ends.
func (b *story) watch(t *testing.T) {
	t.Helper()
	w := b.search.Watch("processes: ")
	t.Cleanup(w.Stop)
	b.seen = append(b.seen, w)
}

// saw counts the command lines and environments with a text that were seen.
func (b *story) saw(text string) (n int) {
	for _, w := range b.seen {
		n += w.Saw(text)
	}
	return n
}

// searched: what the secrets were planted for has them, and nothing else: no process's arguments and environment, no
// file of a guest, an edge, a balancer or a bastion, no ticket, no machine's settings, no log, no database.
func (b *story) searched(t *testing.T) {
	begin := time.Now()
	b.control(t)
	b.guestsSearched(t)
	b.estateSearched(t)
	b.installationSearched(t)

	arrived := b.search.Judge(t, belongs)
	for _, s := range b.five {
		for _, file := range []string{"upper/etc/hello-web/session-key", "srv/data/token"} {
			require.True(t, arrived["guest "+s.name+": "+file], "the search finds what is there: %s of %s", file, s.name)
		}
	}
	for name := range b.planted {
		require.True(t, arrived[name], "the search finds what is there: %s", name)
	}
	for _, text := range []string{"apt-get", "sshd", "sudo"} {
		require.NotZero(t, b.saw(text), "processes were seen at work: %s", text)
	}
	t.Logf("%4d different command lines and environments seen", b.saw(""))
	for _, place := range []string{
		"guest ", "/var/log/", "/var/lib/cloud/", "processes: ", "edge-01: ", "lb-01: ", "bastion-01: ", "vCenter: ", "Request Tracker: ", "ticket ", "Temporal's files: ", "Temporal: ", "installation: ", "",
	} {
		n, size := b.search.Places(place)
		require.NotZero(t, size, place)
		t.Logf("%4d places searched, %4d MB %s", n, size>>20, place)
	}
	t.Logf("the search took %s", time.Since(begin).Round(10*time.Millisecond))
}

// control runs a process on a guest that shows one secret in its arguments and another in its environment.
func (b *story) control(t *testing.T) {
	t.Helper()
	b.watch(t)
	guest := b.estate.guest(t, b.five[0].name)
	namespace, err := os.Readlink(guest.Path("../ns/pid"))
	require.NoError(t, err)
	p, err := guest.Start(t.Context(), host.Daemon{
		Name: "control", Args: []string{"sh", "-c", "sleep 1000; exit", "sh", b.planted[inArguments]}, Env: []string{"CONTROL=" + b.planted[inEnvironment]},
		Ready: func(context.Context) error {
			if b.search.Found(inArguments, "processes: command lines in "+namespace) && b.search.Found(inEnvironment, "processes: environments in "+namespace) {
				return nil
			}
			return errors.New("it was not seen yet")
		},
	})
	require.NoError(t, err)
	require.NoError(t, p.Stop())
}

// guestsSearched looks at everything that guests wrote since they were made: histories of shells, logs, what cloud-init
// keeps, temporary files, data disks.
func (b *story) guestsSearched(t *testing.T) {
	t.Helper()
	for _, s := range append(b.five, b.twenty...) {
		guest := b.estate.guest(t, s.name)
		b.machineSearched(t, "guest "+s.name, guest.Machine)
		if volume := guest.Path("/srv/data"); exists(volume) {
			b.search.Files(t, "guest "+s.name+": srv/data/", volume)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (b *story) machineSearched(t *testing.T, name string, m *machine.Machine) {
	t.Helper()
	b.search.Files(t, name+": upper/", filepath.Join(m.Folder(), "upper"))
	for _, folder := range []string{"run", "tmp", "dev/shm"} { // In memory.
		b.search.Files(t, name+": "+folder+"/", m.Path(folder))
	}
	logs, err := filepath.Glob(filepath.Join(m.Folder(), "*log"))
	require.NoError(t, err)
	require.NotEmpty(t, logs)
	for _, path := range logs {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		b.search.Look(name+": console: "+filepath.Base(path), data)
	}
}

func (b *story) estateSearched(t *testing.T) {
	t.Helper()
	e := b.estate
	for name, m := range map[string]*machine.Machine{"edge-01": e.edge.Machine, "lb-01": e.balancer.Machine, "bastion-01": e.bastion} {
		b.machineSearched(t, name, m)
	}
	rules, err := e.edge.NFT(t.Context(), "list ruleset")
	require.NoError(t, err)
	b.search.Look("edge-01: rules", []byte(rules))
	for _, command := range []string{"show servers state " + edge.Backend, "show stat", "show errors", "show sess all"} {
		answer, err := e.balancer.Socket(t.Context(), command)
		require.NoError(t, err)
		b.search.Look("lb-01: "+command, []byte(answer))
	}
	for _, vm := range e.virtualMachines(t) {
		b.search.Document(t, "vCenter: "+vm.Name, vm)
	}
	b.search.Files(t, "vCenter: files: ", e.platform)
	b.search.Files(t, "estate: logs: ", e.folder)
	b.search.Files(t, "Request Tracker: ", e.desk)
	for _, ticket := range e.tickets(t) {
		b.search.Document(t, fmt.Sprintf("ticket %d", ticket.ID), ticket)
	}
}

func (b *story) installationSearched(t *testing.T) {
	t.Helper()
	b.search.Files(t, "installation: ", b.folder, "fermata-worker")
	b.search.Files(t, "Temporal's files: ", b.sqlite)
	cfg, err := config.Load(b.config)
	require.NoError(t, err)
	all, err := providers.Open(cfg)
	require.NoError(t, err)
	keys, err := providers.Keyring(t.Context(), cfg, all)
	require.NoError(t, err)
	b.search.Temporal(t, "", b.Client.Temporal(), keys.Codec())
}

// belongs names the places in which a secret has to stand: the worker's secrets, the files that the spec names, the processes
// that the test itself shows them in, and the list of tokens that the bed keeps beside Request Tracker.
func belongs(f canary.Find) string {
	switch where, rest, _ := strings.Cut(f.Place, ": "); {
	case where == "processes" && (f.Secret == inArguments || f.Secret == inEnvironment),
		where == "installation" && rest == filepath.Join("secrets", f.Secret),
		f.Secret == "tickets-token" && where == "Request Tracker" && rest == "tokens":
		return f.Secret
	case f.Secret == "web-01-session-key" && rest == "upper/etc/hello-web/session-key", f.Secret == "volume" && rest == "srv/data/token":
		return f.Place
	}
	return ""
}

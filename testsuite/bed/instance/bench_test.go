package instance

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/config"
	"fermata/sandbox/embedded"
	"fermata/spec"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
	"fermata/testsuite/people"
	"fermata/worker"
)

func TestMain(m *testing.M) { os.Exit(host.Main(m, host.Installed(packages()), guests.Prepare)) }

// patience is how long a run may take to a point that a test waits for.
const patience = 4 * time.Minute

// bench is an installation with a worker.
type bench struct {
	*installation
	estate *estate
	sqlite string // Temporal's folder.
	own    string // A folder for what belongs to the test itself.

	anna, carl string // Files of their private keys.
}

func setup(t *testing.T) *bench {
	t.Helper()
	host.Require(t)
	i, key := prepare(t)
	b := &bench{installation: i, estate: furnish(t, i, key), sqlite: t.TempDir(), own: t.TempDir()}
	server, err := embedded.Start(embedded.Options{Folder: b.sqlite, Namespace: namespace, Retention: 30 * 24 * time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	i.describe(t, server.Address(), server.Certificates(), b.estate)
	b.startWorker(t)
	b.Client, err = people.Dial(t.Context(), i.config)
	require.NoError(t, err)
	t.Cleanup(b.Client.Close)
	return b
}

func (b *bench) startWorker(t *testing.T) {
	t.Helper()
	cfg, err := config.Load(b.workerConfig)
	require.NoError(t, err)
	w, err := worker.New(worker.Config{Installation: cfg, Log: b.estate.log(t, "worker")})
	require.NoError(t, err)
	require.NoError(t, w.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, w.Stop()) })
}

// person is a local account that somebody has the key of.
func (b *bench) person(t *testing.T, name string) (keyFile, public string) {
	t.Helper()
	private, public, err := machine.NewKey()
	require.NoError(t, err)
	keyFile = filepath.Join(b.own, name)
	require.NoError(t, os.WriteFile(keyFile, private, 0o600))
	return keyFile, public + " " + name
}

// example is examples/instance.yaml with what differs here: people with keys of their own, and a directory with other groups. A guest
// without systemd restarts a service by another command. There is no desk for tickets.
func (b *bench) example(t *testing.T) *spec.Instance {
	t.Helper()
	const path = "../../../examples/instance.yaml"
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := spec.ParseInstance(path, data)
	require.NoError(t, err)
	local := &s.Spec.Accounts.Local
	require.Equal(t, "anna", (*local)[0].Name)
	var anna, carl string
	b.anna, anna = b.person(t, "anna")
	b.carl, carl = b.person(t, "carl")
	(*local)[0].Keys, (*local)[0].Sudo = []string{anna}, []string{"/usr/sbin/service hello-web restart"}
	*local = append(*local,
		spec.LocalAccount{Name: "bert"},
		spec.LocalAccount{Name: "carl", Keys: []string{carl}, Sudo: []string{"/usr/bin/id"}, Expires: spec.Time(time.Now().Add(time.Minute).UTC().Format(time.RFC3339))},
	)
	s.Spec.Accounts.Directory[0].Groups = []string{"operators"}
	s.Spec.Database.Overlap = spec.Duration(time.Second)
	s.Spec.Ticket = nil
	s.ApplyDefaults()
	return s
}

// carried starts a run, approves its plan and waits for its good end.
func (b *bench) carried(t *testing.T, r client.Request, err error) {
	t.Helper()
	started := b.Begin(t, r, err)
	b.Approve(t, started)
	b.Done(t, started)
}

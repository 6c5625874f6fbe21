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

	"fermata/sandbox/embedded"
	"fermata/spec"
	"fermata/testsuite/bed/guests"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/requesttracker"
	"fermata/testsuite/bed/temporal"
	"fermata/testsuite/people"
)

func TestMain(m *testing.M) {
	os.Exit(host.Main(m, host.Installed(packages()), guests.Prepare, requesttracker.Prepare(initialData)))
}

// bench is an installation with two workers, which are processes of their own.
type bench struct {
	*installation
	estate  *estate
	workers []*host.Process
	sqlite  string // Temporal's folder.
}

func setup(t *testing.T) *bench {
	t.Helper()
	host.Require(t)
	i, key := prepare(t)
	b := &bench{installation: i, estate: furnish(t, key, i.secret(t, "vcenter-password")), sqlite: t.TempDir()}
	server, err := embedded.Start(embedded.Options{Folder: b.sqlite, Namespace: namespace, Retention: 30 * 24 * time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	i.certificates = server.Certificates()
	i.describe(t, server.Address(), b.estate)
	program := i.path("fermata-worker")
	require.NoError(t, temporal.Build(t.Context(), program, "fermata/cmd/fermata-worker"))
	for number := range 2 {
		b.startWorker(t, program, number)
	}
	b.Client, err = people.Dial(t.Context(), i.config)
	require.NoError(t, err)
	t.Cleanup(b.Client.Close)
	return b
}

func (b *bench) startWorker(t *testing.T, program string, number int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	log := b.path(fmt.Sprintf("worker-%d.log", number))
	worker, err := host.Start(ctx, host.Daemon{
		Name: filepath.Base(log), Args: []string{program, "--config", b.workerConfig}, Log: log, Grace: 30 * time.Second,
		Ready: func(context.Context) error {
			if said, err := os.ReadFile(log); err != nil || !strings.Contains(string(said), "queue  fermata.record") {
				return errors.Join(err, errors.New("it does not poll yet"))
			}
			return nil
		},
	})
	require.NoError(t, err)
	b.workers = append(b.workers, worker)
	t.Cleanup(func() { require.NoError(t, worker.Stop()); show(t, log) })
}

// example is examples/web-server.yaml for a server of that name and address.
func example(t *testing.T, name, address string, change ...func(*spec.Server)) *spec.Server {
	t.Helper()
	const path = "../../../examples/web-server.yaml"
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := spec.Parse(path, data)
	require.NoError(t, err)
	s.Metadata.Name, s.Spec.Network.Address = name, address+"/24"
	for _, f := range change {
		f(s)
	}
	return s
}

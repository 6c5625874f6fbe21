package temporal_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"

	"fermata/activities/record"
	"fermata/client"
	"fermata/sandbox/estate"
	"fermata/spec"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/postgres"
	"fermata/testsuite/bed/temporal"
	"fermata/testsuite/people"
	"fermata/wire"
)

func TestMain(m *testing.M) {
	os.Exit(host.Main(m, host.Installed(postgres.Packages(), temporal.Packages()), temporal.Prepare))
}

// bench is an installation on a cluster, with a worker that is a process of its own.
type bench struct {
	installation
	database *postgres.Server
	cluster  *temporal.Cluster
	worker   *host.Process
	logs     string // The folder of Temporal's logs.
}

func setup(t *testing.T) *bench {
	t.Helper()
	host.Require(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute) // Nothing may be built yet.
	defer cancel()
	b := &bench{database: startDatabase(ctx, t)}
	b.logs = host.Folder(t)
	var err error
	b.cluster, err = temporal.Start(ctx, temporal.Options{Folder: b.logs, Database: b.database})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.cluster.Stop()); showLogs(t, b.logs) })
	b.legible(t)
	b.installation = install(t, b.cluster.Address(), b.cluster.Certificates())
	b.startWorker(ctx, t)
	b.Client, err = people.Dial(ctx, b.config)
	require.NoError(t, err)
	t.Cleanup(b.Client.Close)
	return b
}

func startDatabase(ctx context.Context, t *testing.T) *postgres.Server {
	t.Helper()
	address, err := host.Address()
	require.NoError(t, err)
	database, err := postgres.Start(ctx, host.Folder(t), address)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Stop()) })
	return database
}

func (b *bench) startWorker(ctx context.Context, t *testing.T) {
	t.Helper()
	program, log := filepath.Join(b.folder, "fermata-worker"), filepath.Join(b.folder, "worker.log")
	require.NoError(t, temporal.Build(ctx, program, "fermata/cmd/fermata-worker"))
	var err error
	b.worker, err = host.Start(ctx, host.Daemon{
		Name: "worker", Args: []string{program, "--config", b.workerConfig}, Log: log, Grace: 30 * time.Second,
		Ready: func(context.Context) error {
			if said, err := os.ReadFile(log); err != nil || !strings.Contains(string(said), "queue  fermata.record") {
				return errors.Join(err, errors.New("it does not poll yet"))
			}
			return nil
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.worker.Stop()); showLogs(t, b.folder) })
}

// showLogs shows what daemons said, if the test failed.
func showLogs(t *testing.T, folder string) {
	t.Helper()
	logs, _ := filepath.Glob(filepath.Join(folder, "*.log"))
	for _, path := range logs {
		if data, err := os.ReadFile(path); err == nil && t.Failed() {
			t.Logf("the end of %s:\n%s", path, data[max(0, len(data)-4000):])
		}
	}
}

// ask starts the run of a server of its own.
func (b *bench) ask(t *testing.T, number int, change ...func(*spec.Server)) client.Started {
	t.Helper()
	const path = "../../../examples/web-server.yaml"
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	s, err := spec.Parse(path, data)
	require.NoError(t, err)
	s.Metadata.Name, s.Spec.Network.Address = fmt.Sprintf("web-%02d", number), fmt.Sprintf("10.20.0.%d/24", 10+number)
	for _, f := range change {
		f(s)
	}
	r, err := client.Provision(s)
	return b.Begin(t, r, err)
}

// park starts a run and waits until it waits for its approval.
func (b *bench) park(t *testing.T, number int) client.Started {
	t.Helper()
	started := b.ask(t, number)
	b.Until(t, started, "waiting for the approval", people.In(wire.Waiting))
	return started
}

// finishes waits for the run's end and looks at what is there: one machine, one record, and the service answers.
func (b *bench) finishes(t *testing.T, started client.Started) {
	t.Helper()
	b.Done(t, started)
	b.judge(t, started)
}

func (b *bench) judge(t *testing.T, started client.Started) {
	t.Helper()
	name := strings.TrimPrefix(started.WorkflowID, "server/")
	machines := 0
	for _, found := range b.machines(t) {
		if found == name {
			machines++
		}
	}
	require.Equal(t, 1, machines, "machines called %s", name)
	resolved := 0
	for _, ticket := range b.estate.Tickets.Tickets() {
		if strings.Contains(ticket.Fields["Fermata Key"], started.Run) && ticket.Status == "resolved" {
			resolved++
		}
	}
	require.Equal(t, 1, resolved, "tickets of the run")
	pool, err := b.estate.Balancer.ReadFile("/etc/haproxy/haproxy.cfg")
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(pool), "server "+name+" "), "members of the pool")
	out, err := b.Client.Records(t.Context(), record.FindInput{Run: started.Run}, true)
	require.NoError(t, err)
	require.Len(t, out.Entries, 1, "records of the run")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.estate.ServiceURL()+"healthz", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
}

// machines asks the vCenter for the names of all.
func (b *bench) machines(t *testing.T) (names []string) {
	t.Helper()
	u, err := url.Parse(b.estate.VCenter.URL())
	require.NoError(t, err)
	u.User = url.UserPassword(estate.VCenterUser, b.secret(t, "vcenter-password"))
	connection := soap.NewClient(u, false)
	require.NoError(t, connection.SetRootCAs(b.estate.VCenter.CAFile()))
	vim, err := vim25.NewClient(t.Context(), connection)
	require.NoError(t, err)
	c := &govmomi.Client{Client: vim, SessionManager: session.NewManager(vim)}
	require.NoError(t, c.Login(t.Context(), u.User))
	defer func() { require.NoError(t, c.Logout(t.Context())) }()
	v, err := view.NewManager(c.Client).CreateContainerView(t.Context(), c.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	require.NoError(t, err)
	var vms []mo.VirtualMachine
	require.NoError(t, v.Retrieve(t.Context(), []string{"VirtualMachine"}, []string{"name"}, &vms))
	for _, vm := range vms {
		names = append(names, vm.Name)
	}
	return names
}

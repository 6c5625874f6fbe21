package crash

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"

	"fermata/client"
	"fermata/config"
	"fermata/config/providers"
	"fermata/sandbox"
	"fermata/testsuite/judge"
	"fermata/testsuite/stage"
)

// bench is an estate with Temporal and workers as processes that can be killed.
type bench struct {
	*stage.Stage
	points     points
	supervisor *supervisor
	judge      *judge.Judge
	admin      *client.Client          // Of Temporal: people may not speak to what only runs start.
	data       converter.DataConverter // Opens what is sealed in Temporal.
	dreams     chan string             // What a sleeper did not come to: nobody else finished its step.
	refused    atomic.Int32            // Runs that were refused while they planned, and started again.
}

// lay prepares a bench in a folder: nothing runs yet. It returns the environment of a process in a role.
func lay(t *testing.T, folder string, port int) (*bench, func(role string) []string) {
	t.Helper()
	p := newPoints(t, filepath.Join(folder, "points"))
	b := &bench{points: p, dreams: make(chan string, 1000)}
	b.supervisor = supervise(t, p, logs(t, folder))
	return b, func(role string) []string {
		return []string{
			variableData + "=" + folder, variablePort + "=" + strconv.Itoa(port), variablePoints + "=" + p.folder, variableRole + "=" + role,
		}
	}
}

// setup starts everything, with so many workers.
func setup(t *testing.T, workers int) *bench {
	t.Helper()
	folder := t.TempDir()
	port := freePorts(t, 1)[0]
	b, as := lay(t, folder, port)
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "temporal"), 0o700))
	b.supervisor.keep(t, roleTemporal, as(roleTemporal))
	b.Stage = stage.Start(t, sandbox.Options{
		Folder: folder, Temporal: "127.0.0.1:" + strconv.Itoa(port), WithoutWorker: true, WithoutUI: true, Log: stage.Logger(t),
	})
	for n := range workers {
		b.supervisor.keep(t, workerName(n), as(roleWorker))
	}
	b.admin, b.data = b.Admin(t), seal(t, b.Config)
	b.judge = &judge.Judge{Estate: b.Estate, Folder: folder, Temporal: b.Client.Temporal()}
	b.generous(t)
	go b.wake(t.Context())
	return b
}

// workerName names a worker's process.
func workerName(n int) string { return fmt.Sprintf("%s-%d", roleWorker, n+1) }

// logs is where processes write.
func logs(t *testing.T, folder string) string {
	t.Helper()
	if kept != "" {
		return filepath.Join(kept, strings.ReplaceAll(t.Name(), "/", "-"))
	}
	return filepath.Join(folder, "logs")
}

// taken keeps benches of one process from choosing each other's ports.
var taken atomic.Int32

// freePorts chooses ports below those that the system gives to connections: while Temporal is dead, a client that tries
// to reach it must not be given the very port and connect to itself.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for len(ports) < n {
		port := 20000 + os.Getpid()%10000 + int(taken.Add(1))
		require.Less(t, port, 32000, "too few ports are free")
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		ports = append(ports, port)
		require.NoError(t, l.Close())
	}
	return ports
}

// seal is what opens payloads, as the installation says.
func seal(t *testing.T, installation string) converter.DataConverter {
	t.Helper()
	cfg, err := config.Load(installation)
	require.NoError(t, err)
	options, err := client.FromConfig(t.Context(), cfg, providers.Keys, nil)
	require.NoError(t, err)
	temporal, err := options.TemporalOptions()
	require.NoError(t, err)
	return temporal.DataConverter
}

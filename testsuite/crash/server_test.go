package crash

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"fermata/client"
	"fermata/spec"
	"fermata/testsuite/judge"
	"fermata/testsuite/stage"
	"fermata/wire"
)

// server is one that the suite provisions.
type aServer struct {
	called  string
	address string
	spec    *spec.Server
}

// numbered is the example that users start from, under another name and address. Its disk is small: emulated disks are
// files.
func numbered(t *testing.T, n int) *aServer {
	t.Helper()
	file := filepath.Join(stage.Root(t), "examples", "web-server.yaml")
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	s := &aServer{called: fmt.Sprintf("web-%03d", n), address: fmt.Sprintf("10.20.0.%d", 10+n)}
	// The secret keeps its name: the sandbox has one.
	text := strings.NewReplacer("web-01-session-key", "web-01-session-key", "web-01", s.called, "10.20.0.11", s.address, "20GiB", "1GiB").Replace(string(data))
	s.spec, err = spec.Parse(file, []byte(text))
	require.NoError(t, err)
	return s
}

func (s *aServer) name() string { return s.called }

func (s *aServer) target(process) string { return wire.ServerWorkflowID(s.called) }

func (s *aServer) request(p process, grace time.Duration) (client.Request, error) {
	switch p {
	case wire.ProvisionServer:
		return client.Provision(s.spec)
	case wire.ChangeServer:
		return client.Change(s.later())
	}
	return client.Decommission(s.called, &grace)
}

// later is the server as it is asked for on its second day: something of every kind that can be changed.
func (s *aServer) later() *spec.Server {
	asked := *s.spec
	asked.Spec.Compute.CPUs *= 2 // With a restart.
	asked.Spec.Storage = slices.Clone(asked.Spec.Storage)
	asked.Spec.Storage[0].Size *= 2
	asked.Spec.OS.Packages = append(slices.Clone(asked.Spec.OS.Packages), "jq")
	asked.Spec.OS.Files = append(slices.Clone(asked.Spec.OS.Files), spec.File{Path: "/etc/hello.txt", Content: "hello\n", Owner: "root", Mode: "0644"})
	asked.Spec.Firewall = append(slices.Clone(asked.Spec.Firewall), spec.Rule{Name: "admin", From: []string{"10.9.0.0/16"}, Protocol: "tcp", Port: 22})
	balancer, application := *asked.Spec.LoadBalancer, *asked.Spec.Application
	balancer.Weight = 7
	application.Config = slices.Clone(application.Config)
	application.Config[0].Content += "# Changed.\n"
	asked.Spec.LoadBalancer, asked.Spec.Application = &balancer, &application
	return &asked
}

func (s *aServer) facts(ctx context.Context, j *judge.Judge) ([]string, error) {
	return j.Facts(ctx, s.called, s.address)
}

// served reports whether the balancer finds the server healthy.
func (*aServer) served(facts []string) bool {
	return slices.ContainsFunc(facts, func(f string) bool { return strings.HasPrefix(f, "member in force") && strings.Contains(f, " UP ") })
}

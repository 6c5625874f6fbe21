package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"fermata/sandbox/certificates"
)

// roleVariable makes the test's binary be fermata-temporal.
const roleVariable = "FERMATA_CLUSTER_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		if err := Command(os.Stdout, os.Stderr).Run(append([]string{"fermata-temporal"}, os.Args[1:]...)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// configuration is deploy/temporal/temporal.yaml on a database in memory.
const configuration = `log: {stdout: true, level: warn}
persistence:
  defaultStore: memory
  visibilityStore: memory
  numHistoryShards: 1
  datastores: {memory: {sql: {pluginName: sqlite, connectAddr: unused, connectProtocol: unused, databaseName: trust, connectAttributes: {mode: memory, cache: shared, setup: "true"}}}}
global:
  membership: {maxJoinDuration: 30s, broadcastAddress: 127.0.0.1}
  tls:
    refreshInterval: 1s
    frontend: {server: {certFile: "{{.Files.Server.Certificate}}", keyFile: "{{.Files.Server.Key}}", requireClientAuth: true, clientCaFiles: ["{{.Files.Server.Authority}}"]}}
    internode:
      server: {certFile: "{{.Files.Internode.Certificate}}", keyFile: "{{.Files.Internode.Key}}", requireClientAuth: true, clientCaFiles: ["{{.Files.Internode.Authority}}"]}
      client: {serverName: internode.sandbox, rootCaFiles: ["{{.Files.Internode.Authority}}"]}
services:
  frontend: {rpc: {grpcPort: {{index .Ports 0}}, membershipPort: {{index .Ports 1}}, bindOnIP: 127.0.0.1}}
  internal-frontend: {rpc: {grpcPort: {{index .Ports 2}}, membershipPort: {{index .Ports 3}}, bindOnIP: 127.0.0.1}}
  history: {rpc: {grpcPort: {{index .Ports 4}}, membershipPort: {{index .Ports 5}}, bindOnIP: 127.0.0.1}}
  matching: {rpc: {grpcPort: {{index .Ports 6}}, membershipPort: {{index .Ports 7}}, bindOnIP: 127.0.0.1}}
  worker: {rpc: {grpcPort: {{index .Ports 8}}, membershipPort: {{index .Ports 9}}, bindOnIP: 127.0.0.1}}
clusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
  clusterInformation: {active: {enabled: true, initialFailoverVersion: 1, rpcName: frontend, rpcAddress: "127.0.0.1:{{index .Ports 0}}"}}
dcRedirectionPolicy: {policy: noop}
archival: {history: {state: disabled}, visibility: {state: disabled}}
namespaceDefaults: {archival: {history: {state: disabled}, visibility: {state: disabled}}}
dynamicConfigClient: {filepath: "{{.Dynamic}}", pollInterval: 10s}
`

// bench is a fermata-temporal that runs as a process.
type bench struct {
	files   certificates.Files
	address string
	config  string
}

func setup(t *testing.T) *bench {
	t.Helper()
	folder := t.TempDir()
	b := &bench{config: filepath.Join(folder, "temporal.yaml")}
	var err error
	b.files, err = certificates.Prepare(filepath.Join(folder, "tls"), "fermata")
	require.NoError(t, err)
	dynamic, err := filepath.Abs("../../deploy/temporal/dynamic.yaml")
	require.NoError(t, err)
	ports := free(t, 10)
	b.address = fmt.Sprintf("127.0.0.1:%d", ports[0])
	var text bytes.Buffer
	require.NoError(t, template.Must(template.New("").Parse(configuration)).Execute(&text, map[string]any{"Files": b.files, "Ports": ports, "Dynamic": dynamic}))
	require.NoError(t, os.WriteFile(b.config, text.Bytes(), 0o600))
	return b
}

func free(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func (b *bench) command(t *testing.T, what string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "--config-file", b.config, "--roles", b.files.Roles, what) //nolint:gosec // This binary.
	c.Env = append(os.Environ(), roleVariable+"=1")
	return c
}

// start starts the process; it is interrupted at the end, and must end well.
func (b *bench) start(t *testing.T) {
	t.Helper()
	c := b.command(t, "start")
	var said bytes.Buffer
	c.Stdout, c.Stderr = &said, &said
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		require.NoError(t, c.Process.Signal(syscall.SIGTERM))
		require.NoError(t, c.Wait(), said.String())
	})
}

func (b *bench) dial(t *testing.T, p certificates.Pair) *grpc.ClientConn {
	t.Helper()
	pool := x509.NewCertPool()
	text, err := os.ReadFile(b.files.Server.Authority)
	require.NoError(t, err)
	require.True(t, pool.AppendCertsFromPEM(text))
	settings := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if p.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
		require.NoError(t, err)
		settings.Certificates = []tls.Certificate{pair}
	}
	connection, err := grpc.NewClient(b.address, grpc.WithTransportCredentials(credentials.NewTLS(settings)))
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// The process serves those who have a role; its own parts, which have none, find each other; and nobody else is heard.
func TestAProcessGivesEveryCertificateItsRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(t)
	connection := b.dial(t, b.files.Admin)
	admin := workflowservice.NewWorkflowServiceClient(connection)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := admin.RegisterNamespace(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: "fermata", WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour)})
		assert.NoError(c, err)
	}, time.Minute, 200*time.Millisecond)
	_, err := operatorservice.NewOperatorServiceClient(connection).ListClusters(t.Context(), &operatorservice.ListClustersRequest{})
	require.NoError(t, err)
	operator := workflowservice.NewWorkflowServiceClient(b.dial(t, b.files.Operator))
	require.EventuallyWithT(t, func(c *assert.CollectT) { // Temporal's own workers come in by the internal frontend, with no role.
		out, err := admin.DescribeTaskQueue(t.Context(), &workflowservice.DescribeTaskQueueRequest{Namespace: "temporal-system", TaskQueue: &taskqueuepb.TaskQueue{Name: "temporal-sys-tq-scanner-taskqueue-0"}})
		assert.NoError(c, err)
		assert.NotEmpty(c, out.GetPollers())
	}, time.Minute, 200*time.Millisecond)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := operator.ListWorkflowExecutions(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: "fermata"})
		assert.NoError(c, err)
	}, time.Minute, 200*time.Millisecond)
	refused := map[string]error{}
	_, refused["terminate"] = operator.TerminateWorkflowExecution(t.Context(), &workflowservice.TerminateWorkflowExecutionRequest{Namespace: "fermata"})
	_, refused["poll"] = operator.PollWorkflowTaskQueue(t.Context(), &workflowservice.PollWorkflowTaskQueueRequest{Namespace: "fermata", TaskQueue: &taskqueuepb.TaskQueue{Name: "fermata"}})
	_, refused["standalone"] = admin.StartActivityExecution(t.Context(), &workflowservice.StartActivityExecutionRequest{Namespace: "fermata"})
	for what, err := range refused {
		require.Equal(t, codes.PermissionDenied, status.Code(err), "%s: %v", what, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for why, p := range map[string]certificates.Pair{"no certificate": {}, "another authority": b.files.Internode, "a server's": b.files.Server} {
		_, err := workflowservice.NewWorkflowServiceClient(b.dial(t, p)).GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
		require.Equal(t, codes.Unavailable, status.Code(err), "%s: %v", why, err)
	}
}

// A renewed certificate is shown without a restart, and another authority is believed beside the old one.
func TestCertificatesAreReadAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.start(t)
	ask := func(p certificates.Pair) error {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := workflowservice.NewWorkflowServiceClient(b.dial(t, p)).GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
		return err
	}
	require.Eventually(t, func() bool { return ask(b.files.Operator) == nil }, time.Minute, 200*time.Millisecond)

	other, err := certificates.Prepare(filepath.Join(t.TempDir(), "other"), "fermata")
	require.NoError(t, err)
	require.Equal(t, codes.Unavailable, status.Code(ask(other.Operator)))
	// The new one stands first: Temporal looks at the first certificate of a file to see whether it has changed.
	both := append(read(t, other.Server.Authority), read(t, b.files.Server.Authority)...)
	require.NoError(t, os.WriteFile(b.files.Server.Authority, both, 0o600))
	require.Eventually(t, func() bool { return ask(other.Operator) == nil }, time.Minute, 200*time.Millisecond)
	require.NoError(t, ask(b.files.Operator))

	require.NoError(t, os.WriteFile(b.files.Server.Certificate, read(t, other.Server.Certificate), 0o600))
	require.NoError(t, os.WriteFile(b.files.Server.Key, read(t, other.Server.Key), 0o600))
	serial := func() string {
		c, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(t.Context(), "tcp", b.address) //nolint:gosec // It only looks.
		if err != nil {
			return ""
		}
		defer func() { _ = c.Close() }()
		return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	pair, err := tls.LoadX509KeyPair(other.Server.Certificate, other.Server.Key)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return serial() == pair.Leaf.SerialNumber.String() }, time.Minute, 200*time.Millisecond)
	require.NoError(t, ask(b.files.Operator))
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return text
}

// The example that an installation starts from is good.
func TestTheExampleIsGood(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.config, b.files.Roles = "../../deploy/temporal/temporal.yaml", "../../deploy/temporal/roles.yaml"
	out, err := b.command(t, "check").CombinedOutput()
	require.NoError(t, err, string(out))
}

// What would leave a door open is refused, by check and by start.
func TestAnOpenDoorIsRefused(t *testing.T) {
	t.Parallel()
	for change, says := range map[[2]string]string{
		{"frontend: {server: {certFile: ", "frontend: {server: {unused: "}:                                  "global.tls.frontend.server.certFile",
		{"requireClientAuth: true", "requireClientAuth: false"}:                                             "server.requireClientAuth",
		{"internode.sandbox, ", "internode.sandbox, disableHostVerification: true, "}:                       "disableHostVerification",
		{"  internal-frontend:", "  #"}:                                                                     "services.internal-frontend",
		{"dcRedirectionPolicy", "publicClient: {hostPort: \"127.0.0.1:1\"}\ndcRedirectionPolicy"}:           "publicClient",
		{"  tls:", "  authorization: {authorizer: default}\n  tls:"}:                                        "global.authorization",
		{"frontend: {rpc: {", "frontend: {rpc: {httpPort: 7243, "}:                                          "httpPort",
		{"internode-ca.pem", "frontend-ca.pem"}:                                                             "give the parts an authority of their own",
		{"    internode:", "    unused:"}:                                                                   "global.tls.internode.server.certFile",
		{"frontend: {server: {", "frontend: {hostOverrides: {other: {certFile: a, keyFile: b}}, server: {"}: "hostOverrides.other.server.requireClientAuth",
	} {
		b := setup(t)
		text, err := os.ReadFile(b.config)
		require.NoError(t, err)
		require.Contains(t, string(text), change[0])
		require.NoError(t, os.WriteFile(b.config, bytes.ReplaceAll(text, []byte(change[0]), []byte(change[1])), 0o600))
		for _, what := range []string{"check", "start"} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			c := exec.CommandContext(ctx, os.Args[0], b.command(t, what).Args[1:]...) //nolint:gosec // This binary.
			c.Env = append(os.Environ(), roleVariable+"=1")
			out, err := c.CombinedOutput()
			cancel()
			require.Error(t, err, change)
			require.Contains(t, string(out), says)
		}
	}
}

func TestWrongRolesAreRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, os.WriteFile(b.files.Roles, []byte("apiVersion: fermata/v1\nkind: Roles\nspec: {grants: [{commonName: a, role: god, namespace: b}]}\n"), 0o600))
	out, err := b.command(t, "start").CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "roles.yaml:3")
	require.Contains(t, string(out), "god")
}

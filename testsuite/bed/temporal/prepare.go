package temporal

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"fermata/access/namespace"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/postgres"
)

// Databases are the two that Temporal needs, both of which a backup has to hold.
func Databases() []string { return []string{"temporal", "temporal_visibility"} }

// Prepare builds the programs, so that a test does not wait for them.
func Prepare(ctx context.Context) error {
	_, err := build(ctx)
	return err
}

type programs struct{ server, sqlTool string }

// build builds the server and its SQL tool from the module that the working folder is in. The first build takes minutes;
// where the sandbox was built already, only the linking is left.
func build(ctx context.Context) (programs, error) {
	folder, err := host.Cache("temporal")
	if err != nil {
		return programs{}, err
	}
	p := programs{server: filepath.Join(folder, "fermata-temporal"), sqlTool: filepath.Join(folder, "temporal-sql-tool")}
	for path, pkg := range map[string]string{p.server: "fermata/cmd/fermata-temporal", p.sqlTool: "go.temporal.io/server/cmd/tools/sql"} {
		if err := Build(ctx, path, pkg); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Build builds a command as the Makefile does, so that they share what is compiled.
func Build(ctx context.Context, path, pkg string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", path, pkg) //nolint:gosec // The bed's own commands.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// makeDatabases makes the databases and their schemas by Temporal's own tool, unless they are there: a backup may have
// brought them.
func (c *Cluster) makeDatabases(ctx context.Context) error {
	there, err := c.options.Database.Query(ctx, "postgres", "SELECT datname FROM pg_database")
	if err != nil {
		return err
	}
	address, port, err := net.SplitHostPort(c.options.Database.Address())
	if err != nil {
		return err
	}
	for i, database := range Databases() {
		if strings.Contains("\n"+there+"\n", "\n"+database+"\n") {
			continue
		}
		for _, args := range [][]string{
			{"create"}, {"setup-schema", "-v", "0.0"}, {"update-schema", "--schema-name", "postgresql/v12/" + []string{"temporal", "visibility"}[i]},
		} {
			args = append([]string{"--plugin", "postgres12_pgx", "--ep", address, "-p", port, "-u", postgres.User, "--pw", "unused", "--db", database}, args...)
			cmd := exec.CommandContext(ctx, c.programs.sqlTool, args...) //nolint:gosec // The bed's own commands.
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			if err := cmd.Run(); err != nil {
				return fmt.Errorf("making Temporal's database %s: temporal-sql-tool %s: %w\n%s", database, strings.Join(args, " "), err, said.String())
			}
		}
	}
	return nil
}

// dial connects to a frontend as the cluster's admin.
func (c *Cluster) dial(ctx context.Context, address string) (client.Client, error) {
	settings, err := c.certificates.Admin.Client("localhost")
	if err != nil {
		return nil, err
	}
	return client.DialContext(ctx, client.Options{HostPort: address, Logger: quiet{}, ConnectionOptions: client.ConnectionOptions{TLS: settings}})
}

// healthy asks a frontend whether it serves.
func (c *Cluster) healthy(ctx context.Context, address string) error {
	connection, err := c.dial(ctx, address)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = connection.WorkflowService().ListNamespaces(ctx, &workflowservice.ListNamespacesRequest{PageSize: 1})
	return err
}

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}

// register makes the namespace and its search attributes. What is there already stays as it is.
func (c *Cluster) register(ctx context.Context) error {
	connection, err := c.dial(ctx, c.address)
	if err != nil {
		return fmt.Errorf("registering the namespace: %w", err)
	}
	defer connection.Close()
	return namespace.Register(ctx, connection, Namespace, c.options.Retention)
}

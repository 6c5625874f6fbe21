// Package temporal runs a Temporal cluster as an installation has it: processes of fermata-temporal on PostgreSQL behind
// a load balancer, with mutual TLS everywhere and a role for each certificate. The server is built by the go command; nothing
// here links it.
package temporal

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"text/template"
	"time"

	"fermata/sandbox/certificates"
	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/postgres"
)

// Packages are what it needs of Debian besides PostgreSQL.
func Packages() []string { return []string{"haproxy"} }

// Namespace is the one that Fermata works in.
const Namespace = "fermata"

var (
	//go:embed config.yaml
	configText string
	//go:embed dynamic.yaml
	dynamicText string
	//go:embed haproxy.cfg
	balancerText string
)

// Options describe a cluster.
type Options struct {
	Folder    string // Holds configuration and logs; daemons must be able to enter it.
	Database  *postgres.Server
	Processes int           // How many, up to three; 0: two.
	Retention time.Duration // Of closed histories; 0: 30 days.
}

// Cluster is a running one.
type Cluster struct {
	options   Options
	programs  programs
	ips       []string // One for each process.
	processes []*host.Process
	balancer  *host.Process
	address   string

	certificates certificates.Files
}

// Start builds the programs, makes the databases, starts all processes and the load balancer, and registers namespace and
// search attributes.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if o.Processes == 0 {
		o.Processes = 2
	}
	if o.Retention == 0 {
		o.Retention = 30 * 24 * time.Hour
	}
	if err := host.Install(ctx, Packages()...); err != nil {
		return nil, err
	}
	built, err := build(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{options: o, programs: built}
	if c.certificates, err = certificates.Prepare(filepath.Join(o.Folder, "tls"), Namespace); err != nil {
		return nil, err
	}
	if err := c.makeDatabases(ctx); err != nil {
		return nil, err
	}
	if err := c.run(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	if err := c.register(ctx); err != nil {
		return nil, errors.Join(err, c.Stop())
	}
	return c, nil
}

// Address is the load balancer's, which leads to a process that lives.
func (c *Cluster) Address() string { return c.address }

// Certificates are those of the cluster and its clients. The server's is good for localhost: no process has an address that is
// known before.
func (c *Cluster) Certificates() certificates.Files { return c.certificates }

// Frontends are the processes' own addresses.
func (c *Cluster) Frontends() []string {
	var all []string
	for _, ip := range c.ips {
		all = append(all, net.JoinHostPort(ip, "7233"))
	}
	return all
}

// Kill kills one process for good, as the loss of its machine does.
func (c *Cluster) Kill(i int) { c.processes[i].Kill() }

// Stop stops all processes and the load balancer.
func (c *Cluster) Stop() error {
	var all []error
	if c.balancer != nil {
		all = append(all, c.balancer.Stop())
	}
	for _, p := range c.processes {
		all = append(all, p.Stop())
	}
	c.balancer, c.processes = nil, nil
	return errors.Join(all...)
}

// Again starts what was stopped, at the addresses that it had, with the database that it had.
func (c *Cluster) Again(ctx context.Context) error { return c.run(ctx) }

// Move starts what was stopped, at the addresses that it had, with another database, into which a backup was restored.
func (c *Cluster) Move(ctx context.Context, database *postgres.Server) error {
	c.options.Database = database
	return c.run(ctx)
}

func (c *Cluster) run(ctx context.Context) error {
	if c.ips == nil {
		if err := c.chooseAddresses(); err != nil {
			return err
		}
	}
	for i, ip := range c.ips {
		p, err := c.startProcess(ctx, i, ip)
		if err != nil {
			return err
		}
		c.processes = append(c.processes, p)
	}
	config := filepath.Join(c.options.Folder, "haproxy.cfg")
	if err := render(config, balancerText, map[string]any{"Address": c.address, "IPs": c.ips}); err != nil {
		return err
	}
	var err error
	c.balancer, err = host.Start(ctx, host.Daemon{
		Name: "Temporal's load balancer", Args: []string{"haproxy", "-db", "-f", config}, Log: filepath.Join(c.options.Folder, "haproxy.log"),
		Ready: func(ctx context.Context) error { return c.healthy(ctx, c.address) },
	})
	return err
}

func (c *Cluster) startProcess(ctx context.Context, i int, ip string) (*host.Process, error) {
	config, dynamic := filepath.Join(c.options.Folder, fmt.Sprintf("temporal-%d.yaml", i)), filepath.Join(c.options.Folder, "dynamic.yaml")
	if err := os.WriteFile(dynamic, []byte(dynamicText), 0o644); err != nil { //nolint:gosec // No secret.
		return nil, fmt.Errorf("writing Temporal's settings: %w", err)
	}
	if err := render(config, configText, map[string]any{"IP": ip, "Dynamic": dynamic, "SQL": c.sql(), "TLS": c.certificates, "InternodeName": certificates.InternodeName}); err != nil {
		return nil, err
	}
	return host.Start(ctx, host.Daemon{
		Name: fmt.Sprintf("Temporal %d", i), Args: []string{c.programs.server, "--config-file", config, "--roles", c.certificates.Roles, "start"},
		Log: filepath.Join(c.options.Folder, fmt.Sprintf("temporal-%d.log", i)), Grace: 30 * time.Second,
		Ready: func(ctx context.Context) error { return c.healthy(ctx, net.JoinHostPort(ip, "7233")) },
	})
}

// sql is what all stores say of the database.
func (c *Cluster) sql() string {
	return fmt.Sprintf(`
        pluginName: postgres12_pgx
        connectAddr: %q
        connectProtocol: tcp
        user: %s
        password: unused`, c.options.Database.Address(), postgres.User)
}

// chooseAddresses takes addresses on loopback that no other bed has: all processes of a cluster need the same ports.
func (c *Cluster) chooseAddresses() (err error) {
	if c.address, err = host.Address(); err != nil {
		return fmt.Errorf("finding an address for Temporal: %w", err)
	}
	for i := range c.options.Processes {
		c.ips = append(c.ips, host.IP(i))
	}
	return nil
}

func render(path, text string, data any) error {
	var b bytes.Buffer
	if err := template.Must(template.New(filepath.Base(path)).Parse(text)).Execute(&b, data); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil { //nolint:gosec // No secret.
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

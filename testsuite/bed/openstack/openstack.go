// Package openstack runs Debian's OpenStack Zed for tests: Keystone, Placement, Glance, Nova with its fake hypervisor, Neutron
// with a mechanism driver that plugs nothing, and Cinder with a driver that stores nothing. Whatever the APIs promise is real;
// no packet flows and no guest boots.
//
// All of it is in a folder and on loopback. It takes three minutes to start and 2 GB of memory.
package openstack

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"fermata/testsuite/bed/host"
)

// Names of what the cloud has.
const (
	Region  = "RegionOne"
	Zone    = "nova"
	Admin   = "admin"
	compute = "bed-compute"
)

// Cloud is a running OpenStack.
type Cloud struct {
	folder    string
	secret    string            // Password of the administrator, the database and the queue.
	addresses map[string]string // host:port of each service.
	outside   string            // Id of the external network.
	processes []*host.Process
}

// Start starts a cloud with an administrator and a catalogue whose internal addresses lead to the services, and whose public
// ones lead to public, a proxy before them, where each service stands under a path of its name.
func Start(ctx context.Context, folder, public string) (c *Cloud, err error) {
	c = &Cloud{folder: folder, secret: rand.Text(), addresses: map[string]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	for _, name := range []string{"mariadb", "rabbitmq", "epmd", "keystone", "placement", "glance", "nova", "neutron", "cinder"} {
		if c.addresses[name], err = host.Address(); err != nil {
			return c, err
		}
	}
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"MariaDB", c.startDatabase},
		{"RabbitMQ", c.startQueue},
		{"Keystone", func(ctx context.Context) error { return c.startKeystone(ctx, public) }},
		{"Placement", c.startPlacement},
		{"Glance", c.startGlance},
		{"Neutron", c.startNeutron},
		{"Nova", c.startNova},
		{"Cinder", c.startCinder},
	} {
		begin := time.Now()
		if err := step.do(ctx); err != nil {
			return c, fmt.Errorf("starting %s: %w", step.name, err)
		}
		host.Progress("%s is up after %s", step.name, time.Since(begin).Round(time.Second))
	}
	return c, nil
}

// Stop ends every service, the last started first.
func (c *Cloud) Stop() error {
	var errs []error
	for _, p := range slices.Backward(c.processes) {
		errs = append(errs, p.Stop())
	}
	c.processes = nil
	return errors.Join(errs...)
}

// Secret is the administrator's password.
func (c *Cloud) Secret() string { return c.secret }

// URL is where a service is reached without the proxy.
func (c *Cloud) URL(service string) string { return "http://" + c.addresses[service] }

func (c *Cloud) path(parts ...string) string {
	return filepath.Join(append([]string{c.folder}, parts...)...)
}

// write writes a configuration. It holds the password.
func (c *Cloud) write(name, text string) (string, error) {
	text = strings.NewReplacer("SECRET", c.secret, "FOLDER", c.folder, "COMPUTE", compute, "REGION", Region,
		"MARIADB", c.addresses["mariadb"], "RABBITMQ", c.addresses["rabbitmq"], "KEYSTONE", c.URL("keystone")).Replace(text)
	return c.path(name), os.WriteFile(c.path(name), []byte(text), 0o600)
}

// hostPort are the two parts of a service's address.
func (c *Cloud) hostPort(service string) (address, port string) {
	address, port, _ = net.SplitHostPort(c.addresses[service]) // host.Address made it.
	return address, port
}

// run runs one of the services' own commands to its end.
func (c *Cloud) run(ctx context.Context, env []string, args ...string) error {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // The bed's own commands.
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.folder, &said, &said
	cmd.Env = append(append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+c.folder), env...)
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		return fmt.Errorf("%s: %w: %s", filepath.Base(args[0]), err, strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
	return nil
}

// start starts a daemon, whose log is in the folder.
func (c *Cloud) start(ctx context.Context, name string, d host.Daemon) error {
	d.Name, d.Log, d.Dir = name, c.path(name+".log"), c.folder
	d.Env = append([]string{"HOME=" + c.folder, "OS_PLACEMENT_CONFIG_DIR=" + c.folder, "OS_KEYSTONE_CONFIG_FILES=" + c.path("keystone.conf")}, d.Env...)
	p, err := host.Start(ctx, d)
	if err == nil {
		c.processes = append(c.processes, p)
	}
	return err
}

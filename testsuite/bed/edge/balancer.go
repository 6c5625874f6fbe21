package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"fermata/testsuite/bed/host"
	"fermata/testsuite/bed/machine"
)

// Ports of a balancer's runtime socket: one may do all, one may only look and steer.
const (
	AdminPort    = "9999"
	OperatorPort = "9998"
)

// Backends of a balancer: one is Fermata's, in one there is no place for it.
const (
	Backend   = "web"
	Unmanaged = "other"
)

// balancerConfig is the administrator's. ADDRESS is the balancer's own.
const balancerConfig = `# The balancer of the test bed.
global
    user haproxy
    stats socket ipv4@ADDRESS:` + AdminPort + ` level admin
    stats socket ipv4@ADDRESS:` + OperatorPort + ` level operator
    hard-stop-after 30s

defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    # Without it an answer to a check has to come within its interval, and a server is down after every reload that finds it busy.
    timeout check 10s

frontend www
    bind ADDRESS:80
    default_backend ` + Backend + `

backend ` + Backend + `
    balance roundrobin
    option httpchk GET /healthz
    # BEGIN fermata
    # END fermata

backend ` + Unmanaged + `
    server x 127.0.0.1:9 # Not Fermata's.
`

// configFile is what the haproxy service is started with.
const configFile = "/etc/haproxy/haproxy.cfg"

// Balancer is a machine with HAProxy.
type Balancer struct {
	*machine.Machine
	o       machine.Options
	haproxy *host.Process
}

// StartBalancer boots the machine and starts HAProxy as its service does: a master that starts workers.
func StartBalancer(ctx context.Context, o machine.Options) (*Balancer, error) {
	o.Files = map[string]string{configFile: strings.ReplaceAll(balancerConfig, "ADDRESS", o.Address)}
	m, err := machine.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	b := &Balancer{Machine: m, o: o}
	if err := b.Serve(ctx); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return b, nil
}

const pidFile = "/run/haproxy.pid"

// Serve starts HAProxy.
func (b *Balancer) Serve(ctx context.Context) (err error) {
	b.haproxy, err = b.Start(ctx, host.Daemon{
		Name: "haproxy", Args: []string{"haproxy", "-W", "-p", pidFile, "-f", configFile},
		Ready: func(ctx context.Context) error { _, err := b.worker(ctx); return err },
	})
	return err
}

// Restart ends HAProxy, with the connections it has, and starts it again.
func (b *Balancer) Restart(ctx context.Context) error {
	if err := b.haproxy.Stop(); err != nil {
		return err
	}
	return b.Serve(ctx)
}

// Reload makes HAProxy load its file, as its service's reload does, and waits until the new worker answers.
func (b *Balancer) Reload(ctx context.Context) error {
	before, err := b.worker(ctx)
	if err != nil {
		return err
	}
	if _, err := b.Run(ctx, "", "sh", "-c", "kill -USR2 $(cat "+pidFile+")"); err != nil {
		return err
	}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		if now, err := b.worker(ctx); err == nil && now != before {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for HAProxy's new worker: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

// worker is the process that answers at the socket.
func (b *Balancer) worker(ctx context.Context) (string, error) {
	out, err := b.Socket(ctx, "show info")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if pid, ok := strings.CutPrefix(line, "Pid: "); ok {
			return strings.TrimSpace(pid), nil
		}
	}
	return "", fmt.Errorf("finding the worker in %q", out)
}

// SocketAddress is where the runtime socket of a port is, as seen from the networks.
func (b *Balancer) SocketAddress(port string) string { return net.JoinHostPort(b.o.Address, port) }

// Socket gives a command to the runtime socket of level admin and returns the answer.
func (b *Balancer) Socket(ctx context.Context, command string) (string, error) {
	conn, err := b.o.Network.Dialer(b.o.Namespace, &net.Dialer{Timeout: 5 * time.Second})(ctx, "tcp", b.SocketAddress(AdminPort))
	if err != nil {
		return "", fmt.Errorf("talking to HAProxy: %w", err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return "", fmt.Errorf("talking to HAProxy: %w", err)
	}
	var answer bytes.Buffer
	if _, err := io.Copy(&answer, conn); err != nil {
		return "", fmt.Errorf("talking to HAProxy: %w", err)
	}
	return answer.String(), nil
}

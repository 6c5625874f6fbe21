package estate

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"time"

	"fermata/sandbox/estate/bastion"
	"fermata/sandbox/estate/faults"
	"fermata/sandbox/estate/guest"
	"fermata/sandbox/estate/haproxy"
	"fermata/sandbox/estate/nft"
)

// edgeRules is what the edge's administrator set up: nothing passes but what was answered, what the bastion asks, and
// what the chain that Fermata owns lets through.
const edgeRules = `table inet filter {
	chain fermata {
	}
	chain forward {
		type filter hook forward priority 0; policy drop;
		ct state established,related accept
		ip saddr 10.99.0.0/24 accept
		jump fermata
	}
}
include "/etc/nftables.d/*.nft"
`

// balancerConfig is what the balancer's administrator set up; Fermata owns what is between its marks.
const balancerConfig = `global
	stats socket ipv4@10.10.0.5:9999 level admin

defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s

frontend www
	bind 10.10.0.5:80
	default_backend web

backend web
	balance roundrobin
	option httpchk GET /healthz
	# BEGIN fermata
	# END fermata
`

func (e *Estate) startEdge(ctx context.Context) (err error) {
	folder, err := e.folder(Edge)
	if err != nil {
		return err
	}
	if e.Rules, err = nft.New(filepath.Join(folder, "ruleset.json")); err != nil {
		return err
	}
	unit := guest.Unit{Name: "nftables", Start: func(_ context.Context, m *guest.Machine) (guest.Service, error) {
		s := &filterService{e: e, m: m}
		return s, s.Reload(ctx)
	}}
	command := func(_ context.Context, c guest.Call) int {
		if !c.Root() {
			return c.Fail(1, "Operation not permitted (you must be root)")
		}
		return e.Rules.Command(c.Args[1:], c.Stdin, c.ReadFile, c.Stdout, c.Stderr)
	}
	e.Edge, err = e.host(ctx, Edge, "edge-01", EdgeAddress, guest.Release{
		Version: "1.0.6-2+deb12u2", Conffiles: map[string]string{"/etc/nftables.conf": edgeRules},
		Files: map[string]string{"/etc/nftables.d/README": "Files here are loaded by /etc/nftables.conf.\n"}, Units: []guest.Unit{unit},
	}, "nftables", map[string]guest.Command{"nft": command})
	if err != nil {
		return err
	}
	e.Network.SetFilter(e.passes)
	return nil
}

// passes is the way of a packet through the edge. The bastion is let through to everything, and the cloud to the database server:
// its administrator has opened that.
func (e *Estate) passes(from, to netip.AddrPort, proto string) bool {
	switch {
	case from.Addr() == bastion.Address:
		return true
	case CloudNetwork.Contains(from.Addr()) && to == netip.AddrPortFrom(DatabaseAddress, databasePort):
		return true
	}
	return e.Rules.Allows(from, to, proto)
}

// filterService is the nftables unit: it loads the file at start and reload. Rules stay when it is stopped for a restart
// of the sandbox, as a kernel keeps them.
type filterService struct {
	e *Estate
	m *guest.Machine
}

func (s *filterService) Reload(context.Context) error {
	// The folder holds the driver's file or nothing; an administrator of the sandbox's edge has no other.
	s.e.Rules.SetGlob(func(string) []string {
		const file = "/etc/nftables.d/fermata.nft"
		if _, err := s.m.ReadFile(file); err != nil {
			return nil
		}
		return []string{file}
	})
	if err := s.e.Rules.Reset(); err != nil {
		return err
	}
	return s.e.Rules.LoadFile("/etc/nftables.conf", s.m.ReadFile)
}

func (s *filterService) Stop() error { return nil }

func (e *Estate) startBalancer(ctx context.Context) (err error) {
	unit := guest.Unit{Name: "haproxy", Start: func(_ context.Context, m *guest.Machine) (guest.Service, error) {
		balancer, err := haproxy.Start(haproxy.Options{
			ReadConfig: func() ([]haproxy.File, error) {
				data, err := m.ReadFile("/etc/haproxy/haproxy.cfg")
				return []haproxy.File{{Name: "/etc/haproxy/haproxy.cfg", Data: data}}, err
			},
			Dial: func(ctx context.Context, address string) (net.Conn, error) {
				return e.Network.Dial(ctx, m.Address(), address)
			},
			ListenFrontend: e.listenVirtual, ListenSocket: e.listenVirtual,
			CheckInterval: 500 * time.Millisecond, Faults: e.o.Faults[Balancer],
		})
		if err != nil {
			return nil, err
		}
		return balancerService{balancer}, nil
	}}
	command := func(_ context.Context, c guest.Call) int {
		return haproxy.Command(c.Args[1:], c.ReadFile, c.Stdout, c.Stderr)
	}
	e.Balancer, err = e.host(ctx, Balancer, "lb-01", BalancerAddress, guest.Release{
		Version: haproxy.Version, Conffiles: map[string]string{"/etc/haproxy/haproxy.cfg": balancerConfig}, Units: []guest.Unit{unit},
	}, "haproxy", map[string]guest.Command{"haproxy": command})
	if err != nil {
		return err
	}
	return e.openFront()
}

type balancerService struct{ *haproxy.Balancer }

func (s balancerService) Reload(context.Context) error { return s.Balancer.Reload() }
func (s balancerService) Stop() error                  { return s.Balancer.Close() }

func (e *Estate) listenVirtual(address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("listening on %q: %w", address, err)
	}
	return e.Network.Listen(at)
}

// host boots one of the estate's own hosts with the package that makes it what it is.
func (e *Estate) host(ctx context.Context, system, name, address string, release guest.Release, pkg string, commands map[string]guest.Command) (*guest.Machine, error) {
	folder, err := e.folder(filepath.Join(system, "host"))
	if err != nil {
		return nil, err
	}
	at := netip.MustParseAddr(address)
	m, err := guest.New(guest.Options{
		Name: name, Folder: folder, Network: e.Network, Address: at, Domain: "estate.test", User: HostUser,
		AuthorizedKeys: []string{e.o.WorkerKey}, Commands: commands,
		Catalogue: append(guest.Standard(), guest.Package{Name: pkg, Releases: []guest.Release{release}}),
		Packages:  []string{pkg}, Log: e.o.Log, Faults: hostFaults(e.o.Faults, system),
	})
	if err != nil {
		return nil, err
	}
	e.onClose(m.Close)
	if err := m.Start(ctx); err != nil {
		return nil, err
	}
	return m, m.Booted(ctx)
}

// hostFaults: the balancer misbehaves at its socket, not at its shell.
func hostFaults(f map[string]*faults.Faults, system string) *faults.Faults {
	if system == Balancer {
		return nil
	}
	return f[system]
}

// openFront forwards a port of this machine to the load balancer's frontend, so that a browser finds the service.
func (e *Estate) openFront() (err error) {
	if e.front, err = net.Listen("tcp", e.listen(e.o.ServicePort)); err != nil {
		return fmt.Errorf("port %d for the service is taken: choose another with --service-port: %w", e.o.ServicePort, err)
	}
	e.onClose(e.front.Close)
	go func() {
		for {
			conn, err := e.front.Accept()
			if err != nil {
				return
			}
			go e.forward(conn)
		}
	}()
	return nil
}

func (e *Estate) forward(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	far, err := e.Network.Dial(ctx, bastion.Address, ServiceName+":80")
	if err != nil {
		return
	}
	relay(conn, far)
}

// relay passes bytes both ways until one side ends.
func relay(conn, far net.Conn) {
	defer func() { _ = far.Close() }()
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go pipe(far, conn)
	go pipe(conn, far)
	<-done
}

package haproxy

import (
	"context"
	"net"
	"strconv"
	"sync"
	"time"
)

// The bits of a server's administrative state (srv_admin_state in management.txt, "show servers state").
const (
	forcedMaint  = 0x01
	configMaint  = 0x04 // The configuration said "disabled"; for information.
	forcedDrain  = 0x08
	resultNone   = 0
	resultFailed = 2
	resultPassed = 3
)

type backend struct {
	balancer *Balancer
	id       int
	settings backendSettings
	name     string
	servers  []*server
}

// server is a server at run time. The balancer's mutex guards it.
type server struct {
	serverSettings
	backend *backend
	dynamic bool
	forced  bool // The id was given.
	admin   int
	uweight int // Weight now.
	changed time.Time

	checking bool // Checks are enabled.
	health   int  // 0..rise+fall-1; running from rise.
	running  bool
	last     verdict
	stop     context.CancelFunc

	sessions int
	served   int
	current  int // Of the smooth weighted round robin.
	conns    map[net.Conn]struct{}
	connsMu  sync.Mutex
}

func newBackend(b *Balancer, id int, settings backendSettings) *backend {
	be := &backend{balancer: b, id: id, settings: settings, name: settings.name}
	for _, s := range settings.servers {
		be.add(s, false)
	}
	return be
}

func (be *backend) add(s serverSettings, dynamic bool) *server {
	srv := &server{
		serverSettings: s, backend: be, dynamic: dynamic, forced: s.id != 0, uweight: s.weight, changed: time.Now(),
		checking: s.check && !dynamic, conns: map[net.Conn]struct{}{}, last: verdict{code: "INI", status: 1},
	}
	if srv.id == 0 {
		srv.id = be.freeID()
	}
	switch {
	case s.disabled:
		srv.admin = forcedMaint | configMaint
	case dynamic:
		srv.admin = forcedMaint
	}
	if !srv.maint() {
		srv.revive()
	}
	be.servers = append(be.servers, srv)
	if srv.checking {
		srv.startChecks()
	}
	return srv
}

func (be *backend) freeID() int {
	for id := 1; ; id++ {
		used := false
		for _, s := range be.servers {
			used = used || s.id == id
		}
		for _, s := range be.settings.servers {
			used = used || s.id == id
		}
		if !used {
			return id
		}
	}
}

func (be *backend) find(name string) *server {
	for _, s := range be.servers {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (be *backend) stopChecks() {
	for _, s := range be.servers {
		s.stopChecks()
	}
}

// pick chooses a server by smooth weighted round robin among those that are ready and up, and counts a session on it.
func (be *backend) pick() *server {
	be.balancer.mu.Lock()
	defer be.balancer.mu.Unlock()
	total := 0
	var best *server
	for _, s := range be.servers {
		if s.maint() || s.draining() || !s.running || s.uweight == 0 {
			continue
		}
		s.current += s.uweight
		total += s.uweight
		if best == nil || s.current > best.current {
			best = s
		}
	}
	if best == nil {
		return nil
	}
	best.current -= total
	best.sessions++
	best.served++
	return best
}

func (s *server) release() {
	s.backend.balancer.mu.Lock()
	defer s.backend.balancer.mu.Unlock()
	s.sessions--
}

// dialled is address, for who does not hold the lock: an order can change it.
func (s *server) dialled() string {
	s.backend.balancer.mu.Lock()
	defer s.backend.balancer.mu.Unlock()
	return s.address()
}

func (s *server) address() string { return net.JoinHostPort(s.addr, strconv.Itoa(s.port)) }
func (s *server) maint() bool     { return s.admin&forcedMaint != 0 }
func (s *server) draining() bool  { return s.admin&forcedDrain != 0 }

// revive starts a server the way HAProxy does: up until a check says otherwise, but one failure is enough.
func (s *server) revive() { s.running, s.health = true, s.rise }

func (s *server) setState(state string) {
	was := s.maint()
	s.admin &^= forcedMaint | forcedDrain
	s.changed = time.Now()
	switch state {
	case "maint":
		s.admin |= forcedMaint
		s.running, s.health = false, 0
		return
	case "drain":
		s.admin |= forcedDrain
	}
	if was {
		s.revive()
	}
}

func (s *server) setHealth(up bool) {
	s.running, s.health, s.changed = up, 0, time.Now()
	if up {
		s.health = s.rise + s.fall - 1
	}
}

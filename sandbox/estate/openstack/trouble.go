package openstack

import (
	"sync"
	"time"
)

// The names of calls, for Lose.
const (
	MakeServer     = "make server"
	RemoveServer   = "remove server"
	StopServer     = "stop server"
	StartServer    = "start server"
	Attach         = "attach volume"
	Detach         = "detach volume"
	MakePort       = "make port"
	RemovePort     = "remove port"
	MakeGroup      = "make group"
	RemoveGroup    = "remove group"
	MakeRules      = "make rules"
	RemoveRule     = "remove rule"
	MakeFloating   = "make floating address"
	ChangeFloating = "change floating address"
	RemoveFloating = "remove floating address"
	MakeVolume     = "make volume"
	RemoveVolume   = "remove volume"
)

// trouble is what a test asks for beyond the faults that every emulated system knows.
type trouble struct {
	mu       sync.Mutex
	lose     map[string]bool // Calls whose next answer is lost.
	loseNth  int             // Which change from now on loses its answer; 0: none.
	every    struct{ throttle, lose int }
	seen     struct{ throttle, lose int }
	refuse   time.Duration // The next change is told to wait so long; 0: none is.
	after    time.Duration // What throttling asks for.
	building time.Duration // How long servers build.
	giveUp   bool          // The next server fails.
	onRead   func()        // Called once, after the next list of security groups was answered.
}

// Lose carries out the next such call and loses its answer.
func (s *Server) Lose(call string) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	if s.trouble.lose == nil {
		s.trouble.lose = map[string]bool{}
	}
	s.trouble.lose[call] = true
}

// LoseNth loses the answer of the n-th change from now on.
func (s *Server) LoseNth(n int) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.loseNth = n
}

// Storm answers every n-th request with 429 and a wait, and loses every m-th answer to a change; 0: none.
func (s *Server) Storm(throttle, lose int, after time.Duration) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.every.throttle, s.trouble.every.lose, s.trouble.after = throttle, lose, after
}

// ThrottleNext answers the next change with 429 and asks to wait.
func (s *Server) ThrottleNext(after time.Duration) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.refuse = after
}

// Build makes servers build for a while.
func (s *Server) Build(d time.Duration) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.building = d
}

// GiveUp lets the next server end in the state ERROR.
func (s *Server) GiveUp() { s.trouble.mu.Lock(); defer s.trouble.mu.Unlock(); s.trouble.giveUp = true }

// OnRead calls f once, after the next list of security groups or their rules was answered.
func (s *Server) OnRead(f func()) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.onRead = f
}

// throttled tells whether a request is turned away, and how long it asks to wait.
func (t *trouble) throttled(change bool) (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if change && t.refuse > 0 {
		after := t.refuse
		t.refuse = 0
		return after, true
	}
	if t.every.throttle == 0 {
		return 0, false
	}
	t.seen.throttle++
	return t.after, t.seen.throttle%t.every.throttle == 0
}

// loses tells whether the answer of a change that was carried out is lost.
func (t *trouble) loses(call string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lose[call] {
		delete(t.lose, call)
		return true
	}
	if t.loseNth > 0 {
		t.loseNth--
		return t.loseNth == 0
	}
	if t.every.lose == 0 {
		return false
	}
	t.seen.lose++
	return t.seen.lose%t.every.lose == 0
}

func (t *trouble) build() (wait time.Duration, giveUp bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	giveUp, t.giveUp = t.giveUp, false
	return t.building, giveUp
}

func (t *trouble) read() {
	t.mu.Lock()
	f := t.onRead
	t.onRead = nil
	t.mu.Unlock()
	if f != nil {
		f()
	}
}

package ec2

import (
	"sync"
	"time"
)

// The names of calls, for Lose.
const (
	RunInstances     = "run instances"
	Terminate        = "terminate instances"
	StopInstances    = "stop instances"
	StartInstances   = "start instances"
	CreateVolume     = "create volume"
	AttachVolume     = "attach volume"
	DetachVolume     = "detach volume"
	DeleteVolume     = "delete volume"
	CreateGroup      = "create security group"
	DeleteGroup      = "delete security group"
	AuthorizeIngress = "authorize ingress"
	RevokeIngress    = "revoke ingress"
	AllocateAddress  = "allocate address"
	AssociateAddress = "associate address"
	Disassociate     = "disassociate address"
	ReleaseAddress   = "release address"
	CreateTags       = "create tags"
	DeleteTags       = "delete tags"
)

// trouble is what a test asks for beyond the faults that every emulated system knows.
type trouble struct {
	mu      sync.Mutex
	lose    map[string]bool // Calls whose next answer is lost.
	loseNth int             // Which change from now on loses its answer; 0: none.
	every   struct{ throttle, lose int }
	seen    struct{ changes, reads, lose int } // Reads and changes have buckets of their own.
	refuse  bool                               // The next change is throttled.
	pending time.Duration                      // How long instances are pending.
	giveUp  bool                               // The next instance is given up.
	onRead  func()                             // Called once, after the next list of rules was answered.
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

// Storm throttles every n-th change and every n-th read, and loses every m-th answer to a change; 0: none.
func (s *Server) Storm(throttle, lose int) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.every.throttle, s.trouble.every.lose = throttle, lose
}

// ThrottleNext throttles the next change.
func (s *Server) ThrottleNext() {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.refuse = true
}

// Pending makes instances pending for a while.
func (s *Server) Pending(d time.Duration) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.pending = d
}

// GiveUp lets the next instance end as EC2 ends one that it cannot launch.
func (s *Server) GiveUp() { s.trouble.mu.Lock(); defer s.trouble.mu.Unlock(); s.trouble.giveUp = true }

// OnRead calls f once, after the next list of rules was answered.
func (s *Server) OnRead(f func()) {
	s.trouble.mu.Lock()
	defer s.trouble.mu.Unlock()
	s.trouble.onRead = f
}

// throttled tells whether a request is turned away.
func (t *trouble) throttled(change bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if change && t.refuse {
		t.refuse = false
		return true
	}
	if t.every.throttle == 0 {
		return false
	}
	seen := &t.seen.reads
	if change {
		seen = &t.seen.changes
	}
	*seen++
	return *seen%t.every.throttle == 0
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

func (t *trouble) launch() (wait time.Duration, giveUp bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	giveUp, t.giveUp = t.giveUp, false
	return t.pending, giveUp
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

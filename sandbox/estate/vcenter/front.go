package vcenter

import (
	"bytes"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"fermata/sandbox/estate/faults"

	"github.com/vmware/govmomi/vim25"
)

// front stands before the simulator: it applies the faults, and it saves what a request changed before the answer
// leaves, so that nobody was told of anything that a crash could take back.
type front struct {
	v    *VCenter
	next http.Handler
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	method := methodName(r, body)
	if f.v.options.Faults.Refuse(r.Context()) {
		http.Error(w, "the vCenter is busy", http.StatusServiceUnavailable)
		return
	}
	if f.v.sessions.refuse(r) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	answer := httptest.NewRecorder()
	f.next.ServeHTTP(answer, r)
	f.v.sessions.observe(r, answer)
	if strings.HasPrefix(r.URL.Path, "/rest") && r.Method != http.MethodGet {
		f.v.store.touch()
	}
	if err := f.v.flush(); err != nil {
		f.v.options.Log.Error("saving the vCenter's state", "error", err)
	}
	if f.v.trouble.lose(method) || (changes(method) && f.v.options.Faults.Lose()) {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// methodName is the SOAP method of a request to the SDK, else the path.
func methodName(r *http.Request, body []byte) string {
	if !strings.HasPrefix(r.URL.Path, vim25.Path) {
		return r.Method + " " + r.URL.Path
	}
	decoder := xml.NewDecoder(bytes.NewReader(body))
	inBody := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		start, ok := token.(xml.StartElement)
		switch {
		case !ok:
		case inBody:
			return start.Name.Local
		case start.Name.Local == "Body":
			inBody = true
		}
	}
}

// changes reports whether a method changes something that a user would see.
func changes(method string) bool {
	return strings.HasSuffix(method, "_Task") || method == "ShutdownGuest"
}

// sessions of the REST interface. The simulator has no way to end them, so the front does.
type sessions struct {
	mu      sync.Mutex
	live    map[string]bool
	expired map[string]bool
}

const restSession = "vmware-api-session-id"

func (s *sessions) refuse(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expired[r.Header.Get(restSession)]
}

func (s *sessions) observe(r *http.Request, answer *httptest.ResponseRecorder) {
	if answer.Code != http.StatusOK || !strings.HasPrefix(r.URL.Path, "/rest") {
		return
	}
	if id := r.Header.Get(restSession); id != "" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.live == nil {
			s.live = map[string]bool{}
		}
		s.live[id] = true
	}
}

func (s *sessions) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expired == nil {
		s.expired = map[string]bool{}
	}
	for id := range s.live {
		s.expired[id] = true
	}
}

// gate takes no connection while the system is down.
type gate struct {
	net.Listener
	faults *faults.Faults
}

func (g gate) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil || !g.faults.Down() {
			return conn, err
		}
		_ = conn.Close()
	}
}

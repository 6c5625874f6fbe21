package requesttracker

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// ThrottleNext answers the next n requests with 429, as a proxy before RT does.
func (s *Server) ThrottleNext(n int) { s.mu.Lock(); defer s.mu.Unlock(); s.throttle = n }

func (s *Server) throttled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.throttle == 0 {
		return false
	}
	s.throttle--
	return true
}

// throttling answers what is throttled, before it acts.
func (s *Server) throttling(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.throttled() {
			w.Header().Set("Retry-After", "7")
			fail(w, http.StatusTooManyRequests, "Too Many Requests")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusServiceUnavailable, "Service Unavailable")
}

func (s *Server) routes() http.Handler {
	rest := http.NewServeMux()
	for pattern, handle := range map[string]func(*Server, User, http.ResponseWriter, *http.Request){
		"GET /REST/2.0/rt":                      (*Server).getVersion,
		"GET /REST/2.0/queue/{name}":            (*Server).getQueue,
		"GET /REST/2.0/queues/all":              (*Server).getQueues,
		"GET /REST/2.0/tickets":                 (*Server).getTickets,
		"POST /REST/2.0/ticket":                 (*Server).postTicket,
		"GET /REST/2.0/ticket/{id}":             (*Server).getTicket,
		"PUT /REST/2.0/ticket/{id}":             (*Server).putTicket,
		"GET /REST/2.0/ticket/{id}/history":     (*Server).getHistory,
		"POST /REST/2.0/ticket/{id}/comment":    (*Server).postMessage,
		"POST /REST/2.0/ticket/{id}/correspond": (*Server).postMessage,
	} {
		rest.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			user, _ := s.user(r)
			s.mu.Lock()
			defer s.mu.Unlock()
			handle(s, user, w, r)
		})
	}
	all := http.NewServeMux()
	all.HandleFunc("/REST/2.0/", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.user(r); !ok {
			fail(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		if _, pattern := rest.Handler(r); pattern == "" {
			fail(w, http.StatusNotFound, "Not Found")
			return
		}
		rest.ServeHTTP(w, r)
	})
	all.HandleFunc("GET /Ticket/Display.html", s.displayTicket)
	all.HandleFunc("GET /{$}", s.displayList)
	return all
}

var tokenForm = regexp.MustCompile(`(?i)^token (.*)$`)

func (s *Server) user(r *http.Request) (User, bool) {
	m := tokenForm.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return User{}, false
	}
	for _, user := range s.options.Users {
		if subtle.ConstantTimeCompare([]byte(user.Token), []byte(m[1])) == 1 {
			return user, true
		}
	}
	return User{}, false
}

// body reads a JSON object, or answers as RT does.
func body(w http.ResponseWriter, r *http.Request) (map[string]any, bool) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		fail(w, http.StatusUnsupportedMediaType, "Unsupported Media Type")
		return nil, false
	}
	var value any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&value); err != nil {
		fail(w, http.StatusBadRequest, "JSON parse error: "+err.Error()+"\n")
		return nil, false
	}
	object, ok := value.(map[string]any)
	if !ok {
		fail(w, http.StatusBadRequest, "JSON object must be a HASH")
	}
	return object, ok
}

func fail(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]string{"message": message})
}

func answer(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"message":"Internal Server Error"}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// number reads a parameter as RT does: what is no number counts as absent.
func number(r *http.Request, name string, otherwise, largest int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 1 {
		return otherwise
	}
	return min(n, largest)
}

package openstack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

type object = map[string]any

// reply is an answer.
type reply struct {
	status int
	body   any // Nil: none.
	header map[string]string
}

// call is a request whose token is good.
type call struct {
	*http.Request
	token token
	body  []byte
}

// project is who asks.
func (c *call) project() string { return c.token.Project }

// decode reads the body strictly: a field that nobody knows is an error, as is what follows the document.
func (c *call) decode(into any) error {
	d := json.NewDecoder(strings.NewReader(string(c.body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
			return fmt.Errorf("Additional properties are not allowed (%s was unexpected)", strings.ReplaceAll(name, `"`, "'")) //nolint:staticcheck,revive // Nova's words.
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("malformed request body")
	}
	return nil
}

// service says how one of the services refuses.
type service struct {
	name   string // As in Denied.
	refuse func(status int, kind, text string) reply
}

var (
	keystone = service{"identity", func(status int, kind, text string) reply {
		return reply{status: status, body: object{"error": object{"code": status, "title": kind, "message": text}}}
	}}
	nova    = service{"compute", wrapped}
	cinder  = service{"volume", wrapped}
	neutron = service{"network", func(status int, kind, text string) reply {
		return reply{status: status, body: object{"NeutronError": object{"type": kind, "message": text, "detail": ""}}}
	}}
	glance = service{"image", func(status int, kind, text string) reply {
		return reply{status: status, body: object{"message": text + "<br /><br />\n\n\n", "code": strconv.Itoa(status) + " " + kind, "title": kind}}
	}}
)

func wrapped(status int, kind, text string) reply {
	return reply{status: status, body: object{kind: object{"code": status, "message": text}}}
}

func (v service) badRequest(format string, args ...any) reply {
	kind := "badRequest"
	if v.name == "network" {
		kind = "HTTPBadRequest"
	}
	return v.refuse(http.StatusBadRequest, kind, fmt.Sprintf(format, args...))
}

func (v service) notFound(format string, args ...any) reply {
	return v.refuse(http.StatusNotFound, "itemNotFound", fmt.Sprintf(format, args...))
}

func (v service) conflict(kind, format string, args ...any) reply {
	return v.refuse(http.StatusConflict, kind, fmt.Sprintf(format, args...))
}

func ok(body any) reply { return reply{status: http.StatusOK, body: body} }

// handle serves one call of a service under the lock. The name of a call that changes something is what Lose knows it by;
// without one it only reads.
func (s *Server) handle(v service, change string, do func(*call) reply) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if early, turned := s.turnAway(r, v, change != ""); turned {
			send(w, early)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			send(w, v.badRequest("the request is too long"))
			return
		}
		answer, good := s.authorized(r, v)
		if good != nil {
			answer = s.locked(func() reply { return do(&call{Request: r, token: *good, body: body}) }, change != "")
		}
		if strings.Contains(r.URL.Path, "/security-group") && change == "" {
			s.trouble.read() // Before the answer leaves: whoever reads it acts on what is past.
		}
		if change != "" && answer.status < 300 && (s.trouble.loses(change) || s.options.Faults.Lose()) {
			panic(http.ErrAbortHandler) // The connection is closed without an answer.
		}
		send(w, answer)
	}
}

// locked does one call, and writes the state down if it changed something.
func (s *Server) locked(do func() reply, change bool) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := do()
	if change && answer.status < 300 {
		if err := s.save(); err != nil {
			s.options.Log.Error("saving the state of OpenStack", "error", err)
			return reply{status: http.StatusInternalServerError}
		}
	}
	return answer
}

// turnAway refuses before anything is done: by faults, and by the limit of rates.
func (s *Server) turnAway(r *http.Request, v service, change bool) (reply, bool) {
	if s.options.Faults.Refuse(r.Context()) {
		return reply{status: http.StatusServiceUnavailable, body: object{"message": "The server is currently unavailable."}}, true
	}
	after, throttled := s.trouble.throttled(change)
	if !throttled {
		return reply{}, false
	}
	answer := v.refuse(http.StatusTooManyRequests, "overLimit", "This request was rate-limited.")
	answer.header = map[string]string{"Retry-After": strconv.Itoa(int(math.Ceil(after.Seconds())))}
	return answer, true
}

// authorized finds the token; nil with the refusal: it is not good, or its policy forbids the service.
func (s *Server) authorized(r *http.Request, v service) (reply, *token) {
	s.mu.Lock()
	t, known := s.state.Tokens[r.Header.Get("X-Auth-Token")]
	s.mu.Unlock()
	if !known || time.Now().After(t.Expires) {
		return keystone.refuse(http.StatusUnauthorized, "Unauthorized", "The request you have made requires authentication."), nil
	}
	if slices.Contains(t.Denied, v.name) {
		return v.refuse(http.StatusForbidden, "forbidden", "Policy doesn't allow this to be performed."), nil
	}
	return reply{}, &t
}

func send(w http.ResponseWriter, answer reply) {
	for name, value := range answer.header {
		w.Header().Set(name, value)
	}
	if answer.body == nil {
		w.WriteHeader(answer.status)
		return
	}
	text, err := json.Marshal(answer.body)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.status)
	_, _ = w.Write(text)
}

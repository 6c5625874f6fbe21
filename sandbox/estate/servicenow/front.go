package servicenow

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"fermata/sandbox/estate/faults"
)

// ThrottleNext answers the next n requests with 429, as a rate limit rule does.
func (s *Server) ThrottleNext(n int) { s.mu.Lock(); defer s.mu.Unlock(); s.throttle = n }

// ExpireTokens lets every access token expire.
func (s *Server) ExpireTokens() { s.mu.Lock(); defer s.mu.Unlock(); clear(s.tokens) }

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
			w.Header().Set("X-RateLimit-Limit", "1")
			w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(7*time.Second).Unix(), 10))
			fail(w, http.StatusTooManyRequests, "Rate limit exceeded", "")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unavailable(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusServiceUnavailable, "Service Unavailable", "")
}

// reads: an access token is no change of the instance.
func reads(r *http.Request) bool { return faults.Reads(r) || r.URL.Path == tokenPath }

const tokenPath = "/oauth_token.do"

func (s *Server) routes() http.Handler {
	api := http.NewServeMux()
	for pattern, handle := range map[string]func(*Server, User, http.ResponseWriter, *http.Request){
		"GET /api/sn_chg_rest/change":                      (*Server).listChanges,
		"GET /api/sn_chg_rest/change/{id}":                 (*Server).getChange,
		"PATCH /api/sn_chg_rest/change/{id}":               (*Server).patchChange,
		"GET /api/sn_chg_rest/change/{id}/nextstates":      (*Server).nextStates,
		"POST /api/sn_chg_rest/change/normal":              (*Server).postChange,
		"POST /api/sn_chg_rest/change/emergency":           (*Server).postChange,
		"POST /api/sn_chg_rest/change/standard/{template}": (*Server).postChange,
		"GET /api/now/table/{table}":                       (*Server).listTable,
		"POST /api/now/table/incident":                     (*Server).postIncident,
		"GET /api/now/table/incident/{id}":                 (*Server).getIncident,
		"PATCH /api/now/table/incident/{id}":               (*Server).patchIncident,
		"POST /api/now/table/{table}":                      (*Server).postItem,
		"GET /api/now/table/{table}/{id}":                  (*Server).getItem,
		"PATCH /api/now/table/{table}/{id}":                (*Server).patchItem,
		"GET /api/now/cmdb/instance/{class}":               (*Server).listItems,
	} {
		api.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			defer s.mu.Unlock()
			user, ok := s.user(r)
			switch {
			case !ok:
				w.Header().Set("WWW-Authenticate", `BASIC realm="Service-now"`)
				fail(w, http.StatusUnauthorized, "User Not Authenticated", "Required to provide Auth information")
			case r.Method != http.MethodGet && !user.mayWrite():
				fail(w, http.StatusForbidden, "User Not Authorized", "Failed API level ACL Validation")
			default:
				handle(s, user, w, r)
			}
		})
	}
	all := http.NewServeMux()
	all.HandleFunc("POST "+tokenPath, s.token)
	all.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := api.Handler(r); pattern == "" {
			fail(w, http.StatusBadRequest, "Requested URI does not represent any resource", "")
			return
		}
		api.ServeHTTP(w, r)
	})
	return all
}

// token is OAuth's client credentials grant (RFC 6749, section 4.4).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, client := range s.options.Clients {
		if r.PostFormValue("grant_type") == "client_credentials" && r.PostFormValue("client_id") == client.ID &&
			same(r.PostFormValue("client_secret"), client.Secret) {
			token := newID()
			s.tokens[token] = client.User
			answer(w, http.StatusOK, map[string]any{"access_token": token, "scope": "useraccount", "token_type": "Bearer", "expires_in": 1799})
			return
		}
	}
	answer(w, http.StatusUnauthorized, map[string]string{"error": "access_denied", "error_description": "access_denied"})
}

func (s *Server) user(r *http.Request) (User, bool) {
	name, password, basic := r.BasicAuth()
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		name = s.tokens[token]
	}
	for _, user := range s.options.Users {
		if user.Name == name && (!basic || same(password, user.Password)) {
			return user, true
		}
	}
	return User{}, false
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// body reads a JSON object of scalars, or answers as the instance does.
func body(w http.ResponseWriter, r *http.Request) (map[string]string, bool) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		fail(w, http.StatusUnsupportedMediaType, "Unsupported media type", "")
		return nil, false
	}
	var object map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<20)).Decode(&object); err != nil {
		fail(w, http.StatusBadRequest, "Exception while reading request", "Unable to parse JSON")
		return nil, false
	}
	values := map[string]string{}
	for name, value := range object {
		values[name] = fmt.Sprint(value)
	}
	return values, true
}

func fail(w http.ResponseWriter, status int, message, detail string) {
	answer(w, status, map[string]any{"error": map[string]string{"message": message, "detail": detail}, "status": "failure"})
}

func answer(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value)
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":{"message":"Internal Server Error","detail":""},"status":"failure"}`)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

package hooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far the clocks may be apart, and how long a caught request could be played again.
const tolerance = 5 * time.Minute

func keyOf(secret string) ([]byte, error) {
	text, found := strings.CutPrefix(strings.TrimSpace(secret), "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("a secret is not whsec_ and 24 to 64 bytes in base64")
	}
	return key, nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, s.receive)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		throttled, gone := s.throttle > 0 && r.Method == http.MethodPost, s.gone
		if throttled {
			s.throttle--
		}
		s.mu.Unlock()
		switch {
		case s.options.Faults.Down(), r.Method == http.MethodPost && s.options.Faults.Refuse(r.Context()):
			http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
		case throttled:
			w.Header().Set("Retry-After", "7")
			http.Error(w, "Too Many Requests", http.StatusTooManyRequests)
		case gone:
			http.Error(w, "Gone", http.StatusGone)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func (s *Server) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.options.MaxBytes))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, "Request Entity Too Large", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	if status, err := s.verify(r.Header, body, time.Now()); err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	s.mu.Lock()
	err = s.keep(r.Header.Get("webhook-id"), body)
	s.mu.Unlock()
	if err != nil {
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	if s.options.Faults.Lose() {
		panic(http.ErrAbortHandler) // The connection is closed without an answer.
	}
	w.WriteHeader(http.StatusNoContent)
}

// idForm holds what a file's name may.
var idForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// verify is the specification's verification, and a look at the payload's form.
func (s *Server) verify(h http.Header, body []byte, now time.Time) (status int, err error) {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || media != "application/json" {
		return http.StatusUnsupportedMediaType, errors.New("expected application/json")
	}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if len(h.Values(name)) != 1 {
			return http.StatusBadRequest, fmt.Errorf("expected one header %s", name)
		}
	}
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || !idForm.MatchString(id) {
		return http.StatusBadRequest, errors.New("the id or the timestamp is malformed")
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > tolerance || off < -tolerance {
		return http.StatusBadRequest, errors.New("the timestamp is too far from now")
	}
	if !s.signed(h.Get("webhook-signature"), id+"."+stamp+"."+string(body)) {
		return http.StatusUnauthorized, errors.New("no signature matches")
	}
	return formOf(body)
}

// signed reports whether one of the signatures is one of the secrets'.
func (s *Server) signed(signatures, content string) bool {
	for _, one := range strings.Split(signatures, " ") {
		version, text, _ := strings.Cut(one, ",")
		got, err := base64.StdEncoding.DecodeString(text)
		if version != "v1" || err != nil { // Other versions are for others.
			continue
		}
		for _, key := range s.keys {
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(content))
			if hmac.Equal(mac.Sum(nil), got) {
				return true
			}
		}
	}
	return false
}

// typeForm is the specification's: words, between dots.
var typeForm = regexp.MustCompile(`^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*$`)

func formOf(body []byte) (status int, err error) {
	var payload struct {
		Type      string          `json:"type"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &payload); err != nil || !typeForm.MatchString(payload.Type) || payload.Timestamp.IsZero() || len(payload.Data) == 0 {
		return http.StatusUnprocessableEntity, errors.New("expected type, timestamp and data")
	}
	return http.StatusOK, nil
}

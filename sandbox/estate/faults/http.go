package faults

import (
	"bytes"
	"net/http"
)

// Handler lets a web server misbehave: refuse answers a request that is refused before it acts, and an answer to what changed
// something is lost after it acted, by closing the connection. What only reads loses nothing.
func (f *Faults) Handler(next http.Handler, refuse http.HandlerFunc, reads func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.Refuse(r.Context()) {
			refuse(w, r)
			return
		}
		if reads(r) {
			next.ServeHTTP(w, r)
			return
		}
		held := &heldAnswer{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(held, r)
		if held.status < 300 && f.Lose() {
			panic(http.ErrAbortHandler) // The connection is closed without an answer.
		}
		w.WriteHeader(held.status)
		_, _ = w.Write(held.body.Bytes())
	})
}

// Reads reports whether a request only reads, by its method.
func Reads(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// heldAnswer keeps an answer until it is known whether it is sent.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *heldAnswer) Header() http.Header         { return h.header }
func (h *heldAnswer) WriteHeader(status int)      { h.status = status }
func (h *heldAnswer) Write(b []byte) (int, error) { return h.body.Write(b) }

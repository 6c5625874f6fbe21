package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// emulated is a status page. It keeps banners with the keys that they were put under, and refuses whoever has no token.
type emulated struct {
	*httptest.Server
	mu      sync.Mutex
	banners map[string]kept
	deny    bool // Changes are made, and answered as if they were forbidden.
}

type kept struct{ text, key string }

const token = "Bearer open-sesame"

func newPage(t *testing.T) *emulated {
	t.Helper()
	e := &emulated{banners: map[string]kept{}}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *emulated) on(name string) kept {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.banners[name]
}

func (e *emulated) put(name string, k kept) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.banners[name] = k
}

func (e *emulated) denies(deny bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.deny = deny
}

func (e *emulated) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	name, key := strings.TrimPrefix(r.URL.Path, "/banners/"), r.FormValue("key")
	b, there := e.banners[name]
	body, _ := io.ReadAll(r.Body)
	switch {
	case r.Header.Get("Authorization") != token:
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodHead:
	case r.Method != http.MethodPut && !there:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet:
		_, _ = io.WriteString(w, b.text)
	case there && b.key != key:
		w.WriteHeader(http.StatusConflict)
	case r.Method == http.MethodDelete:
		delete(e.banners, name)
	default:
		e.banners[name] = kept{string(body), key}
		if e.deny {
			w.WriteHeader(http.StatusForbidden)
		}
	}
}

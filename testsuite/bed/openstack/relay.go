package openstack

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"fermata/testsuite/bed/host"
)

// Relay stands before the services of a cloud, each under a path of its name, and misbehaves as it is told.
type Relay struct {
	address string
	server  *http.Server
	done    chan struct{}

	mu     sync.Mutex
	behind map[string]string // Addresses by the first word of the path.
	tokens map[string]bool   // What was shown.
	down   bool
	lose   string // The next call of that form loses its answer: "POST servers".
	after  time.Duration
	every  struct{ throttle, lose int }
	seen   struct{ throttle, lose int }
	bend   func([]byte) []byte // Changes the next request for a server.
}

// NewRelay listens. It passes nothing on before Lead.
func NewRelay() (*Relay, error) {
	address, err := host.Address()
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	r := &Relay{address: address, done: make(chan struct{}), behind: map[string]string{}, tokens: map[string]bool{}}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(r.done)
		_ = r.server.Serve(listener)
	}()
	return r, nil
}

// URL is the relay's address.
func (r *Relay) URL() string { return "http://" + r.address }

// Close ends the relay.
func (r *Relay) Close() error {
	err := r.server.Close()
	<-r.done
	return err
}

// Lead passes requests on to a cloud from now on.
func (r *Relay) Lead(c *Cloud) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for service, address := range c.addresses {
		r.behind[service] = address
	}
	r.behind["identity"] = c.addresses["keystone"]
}

// Calm ends all misbehaviour.
func (r *Relay) Calm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down, r.lose, r.after, r.bend = false, "", 0, nil
	r.every, r.seen = struct{ throttle, lose int }{}, struct{ throttle, lose int }{}
}

// Down answers nobody, or everybody again.
func (r *Relay) Down(down bool) { r.mu.Lock(); defer r.mu.Unlock(); r.down = down }

// Lose passes the next call of that form on and loses its answer: "POST servers", "POST os-stop".
func (r *Relay) Lose(form string) { r.mu.Lock(); defer r.mu.Unlock(); r.lose = form }

// Throttle turns the next change away, and asks to wait.
func (r *Relay) Throttle(after time.Duration) { r.mu.Lock(); defer r.mu.Unlock(); r.after = after }

// Storm turns every n-th request away and loses every m-th answer to a change.
func (r *Relay) Storm(throttle, lose int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.every.throttle, r.every.lose = throttle, lose
}

// Bend changes the next request for a server.
func (r *Relay) Bend(f func([]byte) []byte) { r.mu.Lock(); defer r.mu.Unlock(); r.bend = f }

// Tokens are those that were shown since the last time.
func (r *Relay) Tokens() (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for token := range r.tokens {
		list = append(list, token)
	}
	clear(r.tokens)
	return list
}

// form names a call by its method and what it is about: the collection, or the action in the body.
func form(method, path string, body []byte) string {
	words := strings.Split(strings.Trim(path, "/"), "/")
	last := words[len(words)-1]
	if last == "action" {
		name, _, _ := strings.Cut(strings.TrimLeft(string(body), `{" `), `"`)
		return method + " " + name
	}
	if method == http.MethodDelete && len(words) > 1 {
		last = words[len(words)-2]
	}
	return method + " " + last
}

// reads tells what changes nothing: a token that is made is nobody's loss.
func reads(name string) bool {
	return strings.HasPrefix(name, http.MethodGet) || name == "POST tokens" || name == "POST os-getConsoleOutput"
}

// ServeHTTP passes one request on.
func (r *Relay) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return
	}
	service, rest, _ := strings.Cut(strings.TrimPrefix(in.URL.Path, "/"), "/")
	name := form(in.Method, rest, body)
	target, body, refuse, lose := r.decide(in, service, name, body)
	if refuse != nil {
		refuse(w)
		return
	}
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL = &url.URL{Scheme: "http", Host: target, Path: "/" + rest, RawQuery: in.URL.RawQuery}
			p.Out.Host = target
		},
		ModifyResponse: func(resp *http.Response) error {
			if lose(resp.StatusCode) {
				return errors.New("the answer is lost")
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	proxy.ServeHTTP(w, in)
}

// decide says where a request goes, or that it is turned away, and whether its answer will be lost.
func (r *Relay) decide(in *http.Request, service, name string, body []byte) (target string, sent []byte, refuse func(http.ResponseWriter), lose func(int) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if token := in.Header.Get("X-Auth-Token"); token != "" {
		r.tokens[token] = true
	}
	after, change := time.Duration(-1), !reads(name)
	if change && r.after > 0 {
		after, r.after = r.after, 0
	} else if r.every.throttle > 0 {
		if r.seen.throttle++; r.seen.throttle%r.every.throttle == 0 {
			after = 0
		}
	}
	switch {
	case r.down || r.behind[service] == "":
		return "", nil, func(w http.ResponseWriter) { http.Error(w, "nobody is there", http.StatusServiceUnavailable) }, nil
	case after >= 0:
		return "", nil, func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
			http.Error(w, "too many requests", http.StatusTooManyRequests)
		}, nil
	}
	if name == "POST servers" && r.bend != nil {
		body, r.bend = r.bend(body), nil
	}
	return r.behind[service], body, nil, func(status int) bool { return change && status < 300 && r.loses(name) }
}

func (r *Relay) loses(name string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lose == name {
		r.lose = ""
		return true
	}
	if r.every.lose == 0 {
		return false
	}
	r.seen.lose++
	return r.seen.lose%r.every.lose == 0
}

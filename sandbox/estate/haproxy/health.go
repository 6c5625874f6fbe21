package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"
)

// verdict is the result of one check in HAProxy's terms.
type verdict struct {
	code     string // "L7OK"
	status   int    // Its number in "show servers state".
	result   int
	http     int    // Status of the answer; 0: none.
	desc     string // check_desc
	info     string // last_chk
	duration time.Duration
}

func (s *server) startChecks() {
	s.stopChecks()
	ctx, cancel := context.WithCancel(s.backend.balancer.ctx)
	s.stop = cancel
	interval := s.inter
	if interval == 0 {
		interval = s.backend.balancer.options.CheckInterval
	}
	s.backend.balancer.tasks.Add(1)
	go func() {
		defer s.backend.balancer.tasks.Done()
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			s.checkOnce(ctx, max(interval, 200*time.Millisecond))
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
}

func (s *server) stopChecks() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

func (s *server) checkOnce(ctx context.Context, timeout time.Duration) {
	b := s.backend.balancer
	b.mu.Lock()
	skip, since := s.maint() || !s.checking, s.changed
	b.mu.Unlock()
	if skip {
		return
	}
	probe, cancel := context.WithTimeout(ctx, timeout)
	began := time.Now()
	v := s.probe(probe)
	cancel()
	v.duration = time.Since(began)
	b.mu.Lock()
	defer b.mu.Unlock()
	if ctx.Err() == nil && !s.maint() && s.changed == since {
		s.take(v)
	}
}

// take counts a verdict: rise successes bring a server up, fall failures down.
func (s *server) take(v verdict) {
	s.last = v
	full := s.rise + s.fall - 1
	if v.result == resultPassed {
		if s.health < full {
			s.health++
		}
		if s.health >= s.rise {
			s.health, s.running = full, true
		}
		return
	}
	s.health--
	if s.health < s.rise {
		s.health, s.running = 0, false
	}
}

func (s *server) probe(ctx context.Context) verdict {
	conn, err := s.backend.balancer.options.Dial(ctx, s.dialled())
	if err != nil {
		return dialVerdict(err)
	}
	defer conn.Close()
	if !s.backend.settings.httpchk {
		return verdict{code: "L4OK", status: 6, result: resultPassed, desc: "Layer4 check passed"}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	fmt.Fprintf(conn, "%s %s HTTP/1.0\r\n\r\n", s.backend.settings.method, s.backend.settings.path)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	switch {
	case ctx.Err() != nil:
		return verdict{code: "L7TOUT", status: 12, result: resultFailed, desc: "Layer7 timeout"}
	case err != nil:
		return verdict{code: "L7RSP", status: 13, result: resultFailed, desc: "Layer7 invalid response"}
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 399 {
		_, reason, _ := strings.Cut(response.Status, " ")
		return verdict{code: "L7STS", status: 17, result: resultFailed, http: response.StatusCode, desc: "Layer7 wrong status", info: reason}
	}
	return verdict{code: "L7OK", status: 15, result: resultPassed, http: response.StatusCode, desc: "Layer7 check passed"}
}

func dialVerdict(err error) verdict {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return verdict{code: "L4CON", status: 8, result: resultFailed, desc: "Layer4 connection problem", info: "Connection refused"}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return verdict{code: "L4TOUT", status: 7, result: resultFailed, desc: "Layer4 timeout"}
	}
	return verdict{code: "L4CON", status: 8, result: resultFailed, desc: "Layer4 connection problem", info: "No route to host"}
}

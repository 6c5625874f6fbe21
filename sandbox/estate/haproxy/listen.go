package haproxy

import (
	"fmt"
	"net"
)

// listen opens what the configuration names and closes what it names no longer.
func (b *Balancer) listen(s settings) error {
	wanted := map[string]bool{}
	for _, f := range s.frontends {
		if f.bind == "" {
			continue
		}
		key := "frontend " + f.bind
		wanted[key] = true
		if err := b.open(key, f.bind, b.options.ListenFrontend, b.frontend(*f)); err != nil {
			return err
		}
	}
	for _, socket := range s.sockets {
		key := "socket " + socket.address
		wanted[key] = true
		serve := func(c net.Conn) { b.serveSocket(c, socket.level) }
		if err := b.open(key, socket.address, b.options.ListenSocket, serve); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, l := range b.listeners {
		if !wanted[key] {
			go l.stop()
			delete(b.listeners, key)
		}
	}
	return nil
}

func (b *Balancer) open(key, address string, listen func(string) (net.Listener, error), serve func(net.Conn)) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if old, ok := b.listeners[key]; ok {
		old.mu.Lock()
		defer old.mu.Unlock()
		old.serve = serve
		return nil
	}
	if listen == nil {
		return fmt.Errorf("listening on %s: nothing here listens on it", address)
	}
	l, err := listen(address)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", address, err)
	}
	open := &listening{Listener: l, serve: serve, conns: map[net.Conn]struct{}{}}
	b.listeners[key] = open
	b.tasks.Add(1)
	go func() {
		defer b.tasks.Done()
		open.accept(b)
	}()
	return nil
}

func (l *listening) accept(b *Balancer) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		if l.closed {
			l.mu.Unlock()
			_ = c.Close()
			return
		}
		l.conns[c] = struct{}{}
		serve := l.serve
		b.tasks.Add(1)
		l.mu.Unlock()
		go func() {
			defer b.tasks.Done()
			defer func() {
				_ = c.Close()
				l.mu.Lock()
				delete(l.conns, c)
				l.mu.Unlock()
			}()
			serve(c)
		}()
	}
}

// stop closes the listener and the connections that came through it.
func (l *listening) stop() {
	_ = l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	for c := range l.conns {
		_ = c.Close()
	}
}

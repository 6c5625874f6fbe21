package http

import (
	"context"
	"net"
	"sync/atomic"

	"fermata/integrations/sshx"
)

// sight is what a request sees of the other side. Dialling may go on after the request was given up, hence the atomic.
type sight struct {
	wantsRedirect bool
	address       atomic.Value // string
}

type sightKey struct{}

func (s *sight) note(address string) { s.address.Store(address) }

// remote is the address that took the last connection; empty if none was taken.
func (s *sight) remote() string {
	address, _ := s.address.Load().(string)
	return address
}

// witness dials through the jump host and notes who took the connection over there.
type witness struct{ pool *sshx.Pool }

func (w witness) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := w.pool.Dial(ctx, network, address)
	if seen, ok := ctx.Value(sightKey{}).(*sight); ok && err == nil {
		seen.note(address)
	}
	return conn, err
}

package sshx

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"fermata/activities/fault"
)

// connect dials the target, verifies who answers, and logs in.
func (p *Pool) connect(ctx context.Context, target Target) (*Conn, error) {
	trusted, err := newTrust(p.cfg, target)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "connecting by SSH")
	}
	signer, err := p.signer(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timeout)
	defer cancel()
	raw, err := p.Dial(ctx, "tcp", target.Address)
	if err != nil {
		return nil, err
	}
	client, err := handshake(ctx, raw, target.Address, &ssh.ClientConfig{
		User:              target.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   trusted.check,
		HostKeyAlgorithms: trusted.algorithms(),
	})
	if err != nil {
		return nil, connectFault(err, trusted, target, signer)
	}
	return newConn(p, client, target), nil
}

// handshake ends with ctx: a connection through a jump host knows no deadlines, so it is closed instead.
func handshake(ctx context.Context, raw net.Conn, address string, cfg *ssh.ClientConfig) (*ssh.Client, error) {
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	conn, channels, requests, err := ssh.NewClientConn(raw, address, cfg)
	if !stop() && err == nil {
		_ = conn.Close()
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close()
		if ctx.Err() != nil {
			err = errors.Join(ctx.Err(), err)
		}
		return nil, err
	}
	return ssh.NewClient(conn, channels, requests), nil
}

func connectFault(err error, trusted *trust, target Target, signer ssh.Signer) error {
	var wrongKey *keyError
	var noAlgorithm *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &wrongKey):
		return fault.New(fault.Unauthorized, "verifying the host key: %w", wrongKey)
	case errors.As(err, &noAlgorithm) && strings.Contains(err.Error(), "host key"):
		return fault.New(fault.Unauthorized, "verifying the host key: %s has no key of the kind expected (%s)",
			target.Address, trusted.expected())
	case strings.Contains(err.Error(), "unable to authenticate"): // The library has no type for it.
		return fault.New(fault.Unauthorized, "logging in to %s: %q is refused with key %s: is it in authorized_keys there?",
			target.Address, target.User, fingerprint(signer.PublicKey()))
	}
	return fault.Wrap(fault.Unavailable, err, "connecting to "+target.Address)
}

// watch checks the connection until it ends: a host that does not answer, and one that nobody uses, is let go.
func (c *Conn) watch(every, idle time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-ticker.C:
		}
		if c.unusedFor() > idle || !c.ping(every) {
			c.close()
			return
		}
	}
}

// ping asks the other side for any answer; "no such request" is one.
func (c *Conn) ping(timeout time.Duration) bool {
	answered := make(chan bool, 1)
	go func() {
		_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
		answered <- err == nil
	}()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case ok := <-answered:
		return ok
	case <-timer.C:
		return false
	case <-c.done:
		return false
	}
}

package bastion

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"fermata/sandbox/estate/forward"
)

// loginTime bounds a connection that has not logged in, as sshd's LoginGraceTime.
const loginTime = 30 * time.Second

func (b *Bastion) serve() {
	for {
		raw, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.open[raw] = struct{}{}
		closing := b.ctx.Err() != nil
		b.mu.Unlock()
		if closing {
			_ = raw.Close()
			return
		}
		b.tasks.Go(func() {
			b.connection(raw)
			b.mu.Lock()
			delete(b.open, raw)
			b.mu.Unlock()
		})
	}
}

func (b *Bastion) connection(raw net.Conn) {
	defer raw.Close()
	if err := raw.SetDeadline(time.Now().Add(loginTime)); err != nil {
		return
	}
	config := &ssh.ServerConfig{ServerVersion: "SSH-2.0-Fermata-Bastion", PublicKeyCallback: b.authenticate}
	config.AddHostKey(b.host)
	conn, channels, requests, err := ssh.NewServerConn(raw, config)
	if err != nil {
		return
	}
	if err := raw.SetDeadline(time.Time{}); err != nil {
		return
	}
	go ssh.DiscardRequests(requests) // Ends with the connection.
	var forwards sync.WaitGroup
	for offered := range channels {
		if offered.ChannelType() != forward.Channel {
			_ = offered.Reject(ssh.Prohibited, "this host only forwards connections")
			continue
		}
		forwards.Go(func() { b.forward(offered) })
	}
	_ = conn.Close()
	forwards.Wait()
}

func (b *Bastion) forward(offered ssh.NewChannel) {
	err := forward.Serve(b.ctx, offered, func(ctx context.Context, target string) (net.Conn, error) {
		return b.options.Network.Dial(ctx, b.options.From, target)
	})
	if err != nil {
		b.options.Log.Debug("forwarding refused", "error", err)
	}
}
